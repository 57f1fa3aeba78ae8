public import Foundation
public import KuklaCodecs
public import KuklaNumerics

/// Writes a collection file in a stream: vectors are encoded as they arrive and never held together.
///
/// Graphs and lists cannot be written before they are whole: their codes are held in memory, and vectors find their place
/// as they arrive. The file appears under its name when `finish` returns, whole, or not at all. Sections that grow beside the codes
/// (refinement codes, ids, texts) wait in nameless files in the same folder.
///
///     let empty = try IndexConfiguration(parsing: "PCA128,SQ8").makeIndex(on: sample, metric: .cosine)
///     let writer = try CollectionWriter(url, index: empty)
///     while let chunk = try reader.next() { try writer.append(chunk.vectors, texts: chunk.texts) }
///     try writer.finish()
public final class CollectionWriter {
    private let url: URL
    private let codec: any VectorCodec
    private let refinement: FlatIndex.Refinement?
    private let origin: CollectionDetails.Origin
    private let plan: Data?
    private let threads: Int
    private let sections: SectionWriter
    /// The index that grows in memory, where it is not flat.
    private var held: (any SectionedIndex)?
    private let refineCodes: SpoolFile?
    private var ids: IDSections?
    private var texts: TextSections?
    /// Vectors of a block that is not full yet.
    private var waiting: Matrix
    /// Vectors appended so far.
    public private(set) var count = 0
    /// In which order the vectors of one `append` enter a graph.
    public var order = InsertionOrder.given
    /// The row of each name.
    private var rows: [ItemID: Int] = [:]

    /// Starts a collection that will be `url`, with the vectors of `index`, to which more may be appended.
    ///
    /// Names and texts cannot be given to vectors that are there already: start from an empty index for that. A flat
    /// index must be empty; its vectors are streamed.
    /// - Parameters:
    ///   - plan: JSON that says why this configuration was chosen; kept as it is.
    /// - Throws: `KuklaError` (`missingFile` where the folder is not there, `inputOutput`).
    public convenience init(
        _ url: URL, index: any CodedIndex, origin: CollectionDetails.Origin = .init(), plan: Data? = nil,
        threads: Int = defaultThreadCount
    ) throws(KuklaError) {
        let isStreamed = index is FlatIndex
        contract(
            !isStreamed || index.count == 0, "CollectionWriter: a flat index of \(index.count) vectors")
        let held = isStreamed ? nil : index as? any SectionedIndex
        try self.init(
            url, codec: index.codec, refinement: index.refinement, held: held, origin: origin, plan: plan,
            threads: threads)
    }

    /// Starts a collection that will be `url`, with a flat index.
    ///
    /// - Parameters:
    ///   - plan: JSON that says why this configuration was chosen; kept as it is.
    /// - Throws: `KuklaError` (`missingFile` where the folder is not there, `inputOutput`).
    public convenience init(
        _ url: URL, codec: any VectorCodec, refinement: FlatIndex.Refinement? = nil,
        origin: CollectionDetails.Origin = .init(), plan: Data? = nil, threads: Int = defaultThreadCount
    ) throws(KuklaError) {
        try self.init(
            url, codec: codec, refinement: refinement, held: nil, origin: origin, plan: plan, threads: threads
        )
    }

    private init(
        _ url: URL, codec: any VectorCodec, refinement: FlatIndex.Refinement?, held: (any SectionedIndex)?,
        origin: CollectionDetails.Origin, plan: Data?, threads: Int
    ) throws(KuklaError) {
        self.url = url
        self.codec = codec
        self.refinement = refinement
        self.origin = origin
        self.plan = plan
        self.threads = threads
        sections = try SectionWriter(url)
        self.held = held
        self.held?.refineCodes.folder = url.deletingLastPathComponent()
        count = held?.idBound ?? 0
        refineCodes = refinement == nil || held != nil ? nil : try SpoolFile(beside: url)
        waiting = Matrix(rows: 0, columns: codec.dimensions)
        if held == nil { try sections.begin(CollectionFormat.Name.codes) }
    }

    /// Starts a collection that will be `url`, with what `file` holds but for the items in the rows `removed`; more may be
    /// appended. Nothing is trained or encoded again, and a graph is mended around what was removed, not built anew.
    ///
    /// `file` may be of the same name: who has it open keeps the old one. Where ids are places (in flat indexes) the rows
    /// after a removed one move up; a collection of which items are named by their rows keeps those as names.
    /// - Parameter threads: as in `init(_:index:origin:plan:threads:)`.
    /// - Throws: `KuklaError`: `unsupported` for sets of vectors; `badData` where names or texts are damaged; as `init(_:index:origin:plan:threads:)`.
    /// - Complexity: copies all codes, names and texts.
    public convenience init(
        _ url: URL, updating file: CollectionFile, removing removed: RowSet? = nil,
        threads: Int = defaultThreadCount
    ) throws(KuklaError) {
        guard !MultiVectorFile.holdsSets(file) else {
            throw KuklaError(
                .unsupported,
                "Cannot change \(file.url.path): its items are sets of vectors. Build it again from all of them."
            )
        }
        let gone = removed ?? RowSet(capacity: file.rowCount)
        contract(
            gone.capacity == file.rowCount, "updating: a set of \(gone.capacity) rows, of \(file.rowCount)")
        var held = file.index as? any SectionedIndex
        contract(held != nil, "updating: an index of another kind")
        if gone.count > 0 {
            if var index = held as? any Removable & SectionedIndex {
                _ = index.remove((0..<gone.capacity).filter(gone.contains))
                held = index
            } else if let flat = held as? FlatIndex {
                held = flat.keeping((0..<flat.count).filter { !gone.contains($0) })
            }
        }
        try self.init(
            url, codec: file.index.codec, refinement: file.index.refinement, held: held,
            origin: file.details.origin, plan: file.plan, threads: threads)
        try takeNames(of: file, without: gone)
    }

    /// Begins with the names and texts of `file`. Graphs and lists give no id twice, so that there the
    /// removed ones stay, empty.
    private func takeNames(of file: CollectionFile, without gone: RowSet) throws(KuklaError) {
        let keepsPlaces = !(held is FlatIndex)
        let isNamed = file.hasNames || (gone.count > 0 && !keepsPlaces)
        for row in 0..<file.rowCount where keepsPlaces || !gone.contains(row) {
            let isGone = gone.contains(row) || !file.holds(row)
            if isNamed {
                let id = try file.id(of: row)
                if ids == nil { ids = try IDSections(first: id, beside: url) }
                try ids?.append(isGone ? id.blank : id, row: row)
                if !isGone { rows[id] = row }
            }
            if file.hasTexts {
                if texts == nil { texts = try Self.textSections(beside: url) }
                try texts?.append(isGone ? "" : file.text(of: row) ?? "")
            }
        }
    }

    private static func textSections(beside url: URL) throws(KuklaError) -> TextSections {
        try TextSections(CollectionFormat.Name.texts, offsets: CollectionFormat.Name.textOffsets, beside: url)
    }

    /// Adds the rows of `vectors`, with a name and a text for each where the collection has them.
    ///
    /// - Parameters:
    ///   - ids: one for each row, all numbers or all texts, no two the same; or `nil` in every call: row numbers are
    ///     the names.
    ///   - texts: one for each row; or `nil` in every call.
    /// - Throws: `KuklaError` where a row cannot be used (`badData`, naming it), where ids are mixed or one is there already
    ///   (`badData`), or
    ///   where the disk is full (`inputOutput`). The file is then dropped.
    /// - Precondition: `vectors.columns == codec.dimensions`; as many ids and texts as rows.
    public func append(_ vectors: Matrix, ids: [ItemID]? = nil, texts: [String]? = nil) throws(KuklaError) {
        contract(
            vectors.columns == codec.dimensions,
            "append: vectors of \(vectors.columns) components, codec of \(codec.dimensions)")
        contract(
            ids.map { $0.count == vectors.rows } ?? true,
            "append: \(ids?.count ?? 0) ids for \(vectors.rows) rows")
        contract(
            texts.map { $0.count == vectors.rows } ?? true,
            "append: \(texts?.count ?? 0) texts for \(vectors.rows) rows")
        guard vectors.rows > 0 else { return }
        if held != nil {
            try insert(vectors)
            try append(ids: ids, texts: texts)
            count += vectors.rows
            return
        }
        let added = try vectors.prepared(
            for: codec.metric, role: "vector", firstRow: count, threads: threads)
        try append(ids: ids, texts: texts)
        if let refinement, let refineCodes {
            try Self.encode(added, by: refinement.codec, threads: threads) { bytes throws(KuklaError) in
                try refineCodes.append(bytes)
            }
        }
        let block = codec.layout.vectorsPerBlock
        let all = waiting.rows > 0 ? waiting.appending(added) : added
        let whole = all.rows / block * block
        try encodeCodes(all[rows: 0..<whole])
        waiting = all.gathering(rows: whole..<all.rows)
        count += vectors.rows
    }

    /// Lets `body` change how searches of the finished file will go, where the index has a choice; says whether it has.
    ///
    /// Called when all vectors are there: see `ApproximateIndex.chooseEffort`.
    @discardableResult
    public func withApproximateIndex(
        _ body: (inout any ApproximateIndex & CodedIndex) throws(KuklaError) -> Void
    ) throws(KuklaError) -> Bool {
        guard var index = held as? any ApproximateIndex & CodedIndex else { return false }
        try body(&index)
        held = index as? any SectionedIndex
        return true
    }

    private func insert(_ vectors: Matrix) throws(KuklaError) {
        if var graph = held as? HNSWIndex {
            // What is held twice is copied when it changes.
            held = nil
            defer { held = graph }
            try graph.insert(vectors, order: order, threads: threads, progress: SilentProgress())
        } else {
            try held?.insert(vectors, threads: threads)
        }
    }

    /// Completes the file and gives it its name.
    ///
    /// - Throws: `KuklaError(.inputOutput)`; an older file of that name is then still there.
    public func finish() throws(KuklaError) { try finish { _ in } }

    /// As `finish()`, with the sections that `further` writes.
    func finish(adding further: (SectionWriter) throws(KuklaError) -> Void) throws(KuklaError) {
        if let held {
            try held.write(to: sections)
        } else {
            try encodeCodes(waiting)
            sections.end()
        }
        if let refineCodes { try sections.write(CollectionFormat.Name.refineCodes, refineCodes) }
        try ids?.write(to: sections)
        try texts?.write(to: sections)
        try sections.write(CollectionFormat.Name.parameters, ParameterSection.encode(parameters))
        if let plan { try sections.write(CollectionFormat.Name.plan, Array(plan)) }
        try further(sections)
        try sections.write(CollectionFormat.Name.details, encodedDetails())
        try sections.commit()
    }

    private var parameters: [String: Matrix] {
        var all: [String: Matrix] = [:]
        for (name, value) in codec.parameters { all["codec." + name] = value }
        for (name, value) in refinement?.codec.parameters ?? [:] { all["refine." + name] = value }
        return all
    }

    private func encodedDetails() throws(KuklaError) -> [UInt8] {
        let details = CollectionDetails(
            factory: held?.configuration ?? IndexConfiguration(codec: codec, refinement: refinement),
            metric: held?.metric ?? codec.metric, dimensions: codec.dimensions, count: held?.count ?? count,
            effort: (held as? any ApproximateIndex)?.effort, origin: origin)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        do { return Array(try encoder.encode(details)) } catch {
            throw KuklaError(.badData, "Cannot write the details of \(url.path) as JSON.", cause: error)
        }
    }

    private func append(ids added: [ItemID]?, texts addedTexts: [String]?) throws(KuklaError) {
        if count == 0 {
            ids = try added.map { added throws(KuklaError) in try IDSections(first: added[0], beside: url) }
            texts = try addedTexts.map { _ throws(KuklaError) in try Self.textSections(beside: url) }
        }
        contract((ids == nil) == (added == nil), "append: ids in some calls only")
        contract((texts == nil) == (addedTexts == nil), "append: texts in some calls only")
        for (row, id) in (added ?? []).enumerated() {
            if let other = rows.updateValue(count + row, forKey: id) {
                throw KuklaError(
                    .badData,
                    "Cannot name row \(count + row) '\(id)': row \(other) has that name. Give each item an id of its own, or keep the last of each with --duplicates replace."
                )
            }
            try ids?.append(id, row: count + row)
        }
        for text in addedTexts ?? [] { try texts?.append(text) }
    }

    private func encodeCodes(_ vectors: Matrix) throws(KuklaError) {
        try Self.encode(vectors, by: codec, threads: threads) { bytes throws(KuklaError) in
            try sections.append(bytes)
        }
    }

    private static func encode(
        _ vectors: Matrix, by codec: any VectorCodec, threads: Int,
        to body: (UnsafeRawBufferPointer) throws(KuklaError) -> Void
    ) throws(KuklaError) {
        let bytes = codec.layout.byteCount(of: vectors.rows)
        guard bytes > 0 else { return }
        let codes = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: 64)
        defer { codes.deallocate() }
        codec.encode(vectors, into: codes, threads: threads)
        try body(UnsafeRawBufferPointer(codes))
    }
}

/// Texts and where each ends, growing beside the codes.
private final class TextSections {
    private let names: (texts: String, offsets: String)
    private let texts: SpoolFile
    private let offsets: SpoolFile

    init(_ name: String, offsets offsetName: String, beside url: URL) throws(KuklaError) {
        names = (name, offsetName)
        texts = try SpoolFile(beside: url)
        offsets = try SpoolFile(beside: url)
        try offsets.append(littleEndian: 0)
    }

    func append(_ text: String) throws(KuklaError) {
        try Array(text.utf8).withUnsafeBufferPointer { bytes throws(KuklaError) in
            try texts.append(UnsafeRawBufferPointer(bytes))
        }
        try offsets.append(littleEndian: UInt64(texts.byteCount))
    }

    func write(to sections: SectionWriter) throws(KuklaError) {
        try sections.write(names.texts, texts)
        try sections.write(names.offsets, offsets)
    }
}

/// The names of items: all numbers or all texts.
private enum IDSections {
    case numbers(SpoolFile)
    case texts(TextSections)

    init(first: ItemID, beside url: URL) throws(KuklaError) {
        switch first {
        case .number: self = .numbers(try SpoolFile(beside: url))
        case .text:
            self = .texts(
                try TextSections(
                    CollectionFormat.Name.idTexts, offsets: CollectionFormat.Name.idOffsets, beside: url))
        }
    }

    func append(_ id: ItemID, row: Int) throws(KuklaError) {
        switch (self, id) {
        case (.numbers(let spool), .number(let number)): try spool.append(littleEndian: number)
        case (.texts(let sections), .text(let text)): try sections.append(text)
        case (.numbers, .text(let text)):
            throw KuklaError(
                .badData,
                "Cannot use '\(text)' as the id of row \(row): the ids before it are numbers. Use numbers or texts for all."
            )
        case (.texts, .number(let number)):
            throw KuklaError(
                .badData,
                "Cannot use the number \(number) as the id of row \(row): the ids before it are texts. Use numbers or texts for all."
            )
        }
    }

    func write(to sections: SectionWriter) throws(KuklaError) {
        switch self {
        case .numbers(let spool): try sections.write(CollectionFormat.Name.numbers, spool)
        case .texts(let texts): try texts.write(to: sections)
        }
    }
}
