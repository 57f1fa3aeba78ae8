public import KuklaIndex
public import KuklaNumerics

/// Items to be written, as columns: row `i` of each belongs to item `i`.
public struct ItemBatch: Sendable {
    public var ids: [ItemID]
    /// `[count, dimensions]`.
    public var vectors: Matrix
    public var texts: [String?]
    public var metadata: [[String: JSONValue]]

    public var count: Int { ids.count }

    /// - Parameters:
    ///   - texts: one an item; where left out no item has a text.
    ///   - metadata: the same.
    /// - Precondition: as many of each as ids.
    public init(
        ids: [ItemID], vectors: Matrix, texts: [String?]? = nil, metadata: [[String: JSONValue]]? = nil
    ) {
        self.ids = ids
        self.vectors = vectors
        self.texts = texts ?? Array(repeating: nil, count: ids.count)
        self.metadata = metadata ?? Array(repeating: [:], count: ids.count)
        contract(
            vectors.rows == ids.count && self.texts.count == ids.count && self.metadata.count == ids.count,
            "ItemBatch: \(ids.count) ids, \(vectors.rows) vectors, \(self.texts.count) texts, \(self.metadata.count) metadata"
        )
    }

    /// The rows to write: of items with the same id the last one.
    var lastRows: [Int] {
        var rows: [ItemID: Int] = [:]
        rows.reserveCapacity(count)
        for (row, id) in ids.enumerated() { rows[id] = row }
        return rows.count == count ? Array(0..<count) : rows.values.sorted()
    }

    /// Throws where an item cannot be kept as it is: SQLite ends texts at a NUL, and whole numbers end at 2^63.
    func check() throws(KuklaError) {
        for (row, id) in ids.enumerated() {
            func refused(_ what: String) -> KuklaError {
                KuklaError(.badData, "Cannot write item \(row) of the batch ('\(id)'): \(what).")
            }
            switch id {
            case .number(let number) where number > UInt64(Int64.max):
                throw refused("numbers as ids end at \(Int64.max); give it a text as its id")
            case .text(let text) where text.isEmpty || text.utf8.count > 1024:
                throw refused("its id has \(text.utf8.count) bytes; expected 1 to 1024")
            case .text(let text) where text.utf8.contains(0): throw refused("its id holds a NUL character")
            default: break
            }
            if texts[row]?.utf8.contains(0) == true {
                throw refused("its text holds a NUL character; remove it")
            }
        }
    }
}
