import KuklaNN
import KuklaNumerics
import KuklaTensor

/// Adaptive embeddings: frequent ids own a row, rare ids share rows by a hash; a word for each id says which row.
///
/// *Memory:* `(frequent + shared) d` floats and N words. The option `top` is the share of ids that own a row; where the budget does not hold
/// so many, nine tenths of its rows are owned. An id that was never seen shares a row by its hash, or is zeros where nothing is shared.
///
/// *Source:* "AdaptEmb" in Zhang, Zhao, Miao et al. 2024, "Experimental analysis of large-scale learnable vector storage compression", VLDB,
/// arXiv:2311.15578, whose tool leaves the words out of the count.
enum AdaptiveTable: TableMethod {
    static let word = "adaptive"
    static let summary = "frequent ids own rows, rare ids share some"
    static let options = [
        TableOption("top", "0.1", .number(0...1), "share of all ids, the most frequent, that own a row")
    ]

    static func floor(_ configuration: TableConfiguration, _ schema: TableSchema) throws(KuklaError) -> Int {
        4 * (schema.idCount + schema.width)
    }

    static func make(
        _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable {
        let order = try schema.idsByOccurrence("adaptive")
        let count = schema.idCount
        let rows = min(count, budget.map { ($0 / 4 - count) / schema.width } ?? count)
        let wanted = Int((configuration.number("top") * Double(count)).rounded())
        let owned = rows == count && wanted == count ? count : min(wanted, rows - max(1, rows / 10))
        let remap = AlignedStorage<Int32>(uninitialized: count)
        for (rank, id) in order.enumerated() {
            remap.pointer[id] = Int32(
                rank < owned ? rank : owned + Int(mixed(UInt64(id)) % UInt64(rows - owned)))
        }
        let addressing = RemappedRows(
            schema.fields.map(\.count), remap: remap, rows: rows, shared: owned..<rows)
        return AddressedTable(configuration, schema, addressing, bound: schema.initialBound, seed: seed)
    }

    static func load(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) -> any ServedTable {
        let numbers = try reader.fact("shared", count: 2)
        guard numbers[0] >= 0, numbers[0] <= numbers[1], numbers[1] <= schema.idCount else {
            throw reader.bad("its shared rows are \(numbers)")
        }
        let remap: AlignedStorage<Int32> = try reader.array("remap", shape: [schema.idCount]).storage
        guard remap.buffer.allSatisfy({ $0 >= 0 && $0 < numbers[1] }) else {
            throw reader.bad("\"remap\" names rows beyond the \(numbers[1]) that there are")
        }
        let addressing = RemappedRows(
            schema.fields.map(\.count), remap: remap, rows: numbers[1], shared: numbers[0]..<numbers[1])
        return try ServedRows(configuration, schema, addressing, from: reader)
    }
}

/// The row that a word for each id names.
struct RemappedRows: RowAddressing {
    private let ids: RowPerId
    private let remap: AlignedStorage<Int32>
    private let shared: Range<Int>
    let rowCount: Int

    /// - Parameter shared: the rows that ids which were never seen get by their hash.
    init(_ counts: [Int], remap: AlignedStorage<Int32>, rows: Int, shared: Range<Int>) {
        ids = RowPerId(counts)
        self.remap = remap
        self.shared = shared
        rowCount = rows
    }

    var lookups: [Int] { ids.lookups }

    func row(field: Int, id: Int32, lookup: Int) -> Int32 {
        let place = ids.row(field: field, id: id, lookup: 0)
        if place >= 0 { return remap.pointer[Int(place)] }
        if shared.isEmpty { return -1 }
        let hash = mixed(UInt64(UInt32(bitPattern: id)) | UInt64(field) << 32)
        return Int32(shared.lowerBound + Int(hash % UInt64(shared.count)))
    }

    var arrays: [TableArray] { [TableArray("remap", [ids.rowCount], remap)] }
    var facts: [String: [Int]] { ["shared": [shared.lowerBound, shared.upperBound]] }
}

extension TableSchema {
    /// All ids by falling occurrence; equals in their order.
    ///
    /// - Throws: `KuklaError(.usage)` where nobody counted.
    func idsByOccurrence(_ method: String) throws(KuklaError) -> [Int] {
        let counts = occurrences.flatMap { $0 }
        guard counts.count == idCount else {
            throw KuklaError(
                .usage,
                "Cannot make the table '\(method)': it needs to know how often each id occurs in training data, and "
                    + "the schema has no counts. Count them, or take another method.")
        }
        return counts.indices.sorted { (counts[$1], $0) < (counts[$0], $1) }
    }
}
