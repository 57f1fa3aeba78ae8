public import KuklaFormats
import KuklaIndex
public import KuklaNumerics

/// Reads items batch by batch: from JSON lines with vectors, from vectors beside JSON lines, or from vectors alone.
public final class ItemBatchReader {
    private let lines: ItemLinesReader?
    private let vectors: (any VectorReader)?
    private let dimensions: Int
    private let embed: (([String]) throws(KuklaError) -> Matrix)?
    /// The name of the next item that has none.
    private var nextNumber: UInt64?
    /// Items read so far.
    public private(set) var count = 0

    /// - Parameters:
    ///   - lines: ids, texts and metadata; and vectors, where there is no reader of them.
    ///   - vectors: one for each line, in the same order.
    ///   - dimensions: of the collection.
    ///   - firstNumber: what the first item without an id is called, the next ones counting on; `nil` where all must have one.
    ///   - embed: makes vectors of the texts of lines that have none.
    /// - Throws: `KuklaError.badData` where the vectors have other dimensions.
    public init(
        lines: ByteSource?, vectors: (any VectorReader)? = nil, dimensions: Int, firstNumber: UInt64? = nil,
        embed: (([String]) throws(KuklaError) -> Matrix)? = nil
    ) throws(KuklaError) {
        contract(lines != nil || vectors != nil, "ItemBatchReader: nothing to read")
        if let lines { self.lines = try ItemLinesReader(lines) } else { self.lines = nil }
        self.vectors = vectors
        self.dimensions = dimensions
        self.embed = embed
        nextNumber = firstNumber
        if let vectors, vectors.dimensions != dimensions {
            throw KuklaError(
                .badData,
                "Cannot import \(vectors.name): its vectors have \(vectors.dimensions) components, those of the collection \(dimensions). Make them with the same model."
            )
        }
    }

    /// The next items, at most `maxCount`; `nil` at the end.
    ///
    /// - Throws: `KuklaError.badData` naming the file and the line or row.
    public func next(_ maxCount: Int = 4096) throws(KuklaError) -> ItemBatch? {
        let batch: ItemBatch?
        if let vectors {
            batch = try besides(vectors, maxCount)
        } else {
            batch = try selfContained(maxCount)
        }
        count += batch?.count ?? 0
        return batch
    }

    private func selfContained(_ maxCount: Int) throws(KuklaError) -> ItemBatch? {
        guard let lines else { return nil }
        var records: [ItemLinesReader.Record] = []
        var components: [Float] = []
        var bare: [Int] = []
        while records.count < maxCount, let record = try lines.next(components: &components) {
            if record.componentCount == 0, embed != nil, record.text != nil {
                bare.append(records.count)
            } else if record.componentCount != dimensions {
                throw lines.failure(
                    record.componentCount == 0
                        ? "the item has no \"vector\""
                        : "the vector has \(record.componentCount) components, those of the collection \(dimensions)"
                )
            }
            try add(record, to: &records)
        }
        guard !records.isEmpty else { return nil }
        let given = Matrix(rows: records.count - bare.count, columns: dimensions, elements: components)
        var made: Matrix?
        if let embed, !bare.isEmpty {
            let vectors = try embed(bare.map { records[$0].text ?? "" })
            guard vectors.columns == dimensions else {
                throw KuklaError(
                    .badData,
                    "Cannot import the texts of \(lines.name): the model makes \(vectors.columns) dimensions, the collection has \(dimensions)."
                )
            }
            made = vectors
        }
        return ItemBatch(records, given: given, made: made, bare: bare)
    }

    private func besides(_ vectors: any VectorReader, _ maxCount: Int) throws(KuklaError) -> ItemBatch? {
        guard let chunk = try vectors.next(maxRows: maxCount) else {
            var unused: [Float] = []
            if let lines, try lines.next(components: &unused) != nil {
                throw lines.failure(
                    "there are more lines than vectors in \(vectors.name), which holds \(count)")
            }
            return nil
        }
        var records: [ItemLinesReader.Record] = []
        while records.count < chunk.rows {
            guard let lines else {
                try add(.init(), to: &records)
                continue
            }
            var components: [Float] = []
            guard let record = try lines.next(components: &components) else {
                throw KuklaError(
                    .badData,
                    "\(lines.name) holds \(count + records.count) items, but \(vectors.name) more vectors: give the items that the vectors were made from, in the same order."
                )
            }
            guard components.isEmpty else {
                throw lines.failure("the item has a vector, and so has \(vectors.name): keep one of them")
            }
            try add(record, to: &records)
        }
        return ItemBatch(records, given: chunk, made: nil, bare: [])
    }

    /// Adds a record, with a number where it has no id.
    private func add(
        _ record: ItemLinesReader.Record, to records: inout [ItemLinesReader.Record]
    ) throws(KuklaError) {
        var record = record
        if record.id == nil {
            guard let number = nextNumber else {
                let what = "the item has no \"id\"; give it one, or number those without by --first-id"
                throw lines?.failure(what)
                    ?? KuklaError(.usage, "Cannot import \(vectors?.name ?? ""): \(what).")
            }
            record.id = .number(number)
            nextNumber = number + 1
        }
        records.append(record)
    }
}
