import KuklaNumerics

/// A categorical field as tables see it: its name, which salts hashes, and how many ids it has.
public struct TableField: Sendable, Hashable, Codable {
    public let name: String
    /// Ids are `0..<count`; any other number is an id that was never seen.
    public let count: Int

    /// - Precondition: `1 <= count <= 2^31 - 1`.
    public init(name: String, count: Int) {
        contract(count >= 1 && count <= Int(Int32.max), "TableField \(name): \(count) ids")
        self.name = name
        self.count = count
    }
}

/// All categorical fields of a data set, the width of their vectors, and how often each id was seen.
public struct TableSchema: Sendable {
    public let fields: [TableField]
    /// Components of a vector, d.
    public let width: Int
    /// How often each id of each field was seen in training data; empty where nobody counted.
    public let occurrences: [[UInt32]]

    /// - Precondition: at least one field, a positive width, fewer than 2^31 ids in all, no occurrences or as many as ids.
    public init(fields: [TableField], width: Int, occurrences: [[UInt32]] = []) {
        contract(!fields.isEmpty && width > 0, "TableSchema: \(fields.count) fields of width \(width)")
        contract(
            occurrences.isEmpty || occurrences.map(\.count) == fields.map(\.count),
            "TableSchema: occurrences of \(occurrences.map(\.count)) ids for fields of \(fields.map(\.count))"
        )
        self.fields = fields
        self.width = width
        self.occurrences = occurrences
        contract(idCount <= Int(Int32.max), "TableSchema: \(idCount) ids do not fit 31 bits")
    }

    /// Ids of all fields, N.
    public var idCount: Int { fields.reduce(0) { $0 + $1.count } }

    /// Bytes of a float32 row for each id.
    public var denseByteCount: Int { 4 * idCount * width }

    /// The bytes that a share of the dense table's floats takes, rounded down to whole floats.
    public func budget(share: Double) -> Int { 4 * Int(share * Double(idCount) * Double(width)) }

    /// Where the ids of each field begin among all ids, and their number at the end.
    package var offsets: [Int] {
        var offsets = [0]
        for field in fields { offsets.append(offsets[offsets.count - 1] + field.count) }
        return offsets
    }

    /// The bound of the uniform numbers that all tables start from: `sqrt(1 / largest field)`.
    package var initialBound: Float { (1 / Float(fields.map(\.count).max() ?? 1)).squareRoot() }

    /// The same fields without occurrences, as they are saved.
    package var bare: TableSchema { TableSchema(fields: fields, width: width) }
}

/// Ids of several rows: a column for each place of an example that holds an id.
public struct IdBatch: Sendable {
    /// Row-major, `[rows, fields.count]`.
    public let ids: [Int32]
    /// The field that each column is of; a field may have several columns, or none.
    public let fields: [Int]

    /// - Precondition: `ids` fill whole rows.
    public init(ids: [Int32], fields: [Int]) {
        contract(
            !fields.isEmpty && ids.count.isMultiple(of: fields.count),
            "IdBatch: \(ids.count) ids for rows of \(fields.count)")
        self.ids = ids
        self.fields = fields
    }

    public var rows: Int { ids.count / fields.count }

    /// The batch with some of its columns only.
    package func columns(_ chosen: [Int]) -> IdBatch {
        if chosen.count == fields.count { return self }
        let (rows, width) = (rows, fields.count)
        let picked = [Int32](unsafeUninitializedCapacity: rows * chosen.count) { out, count in
            ids.withUnsafeBufferPointer { ids in
                for row in 0..<rows {
                    for (i, column) in chosen.enumerated() {
                        out[row * chosen.count + i] = ids[row * width + column]
                    }
                }
            }
            count = rows * chosen.count
        }
        return IdBatch(ids: picked, fields: chosen.map { fields[$0] })
    }
}
