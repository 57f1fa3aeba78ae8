import KuklaNumerics

/// Naive hashing: ids of a field share rows by their remainder, or by that of a scrambled id. `4 d` bytes for each of the rows, `ceil(c n)` of a field of n ids.
///
/// Rows are rounded up within a field, and c is the largest at which all fields together keep to the budget. Ids that were never seen
/// share rows with those that were.
enum HashedTable: TableMethod {
    static let word = "hash"
    static let summary = "rows shared by the remainder of the id, each field by itself"
    static let options = [
        TableOption(
            "keep", "1", .integer(1...1_000_000), "rows that a field has at least, if it has so many ids"),
        TableOption(
            "ids", "plain", .choice(["plain", "mixed"]),
            "whether the remainder is of the id or of a scrambled one"),
    ]

    static func floor(_ configuration: TableConfiguration, _ schema: TableSchema) throws(KuklaError) -> Int {
        4 * schema.width * rows(configuration, schema, share: 0).reduce(0, +)
    }

    static func make(
        _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable {
        var counts = schema.fields.map(\.count)
        if let budget {
            let limit = budget / (4 * schema.width)
            let share = largestShare { rows(configuration, schema, share: $0).reduce(0, +) <= limit }
            counts = rows(configuration, schema, share: share)
        }
        return AddressedTable(
            configuration, schema, RowByRemainder(counts, isMixed: isMixed(configuration, schema)),
            bound: schema.initialBound, seed: seed)
    }

    static func load(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) -> any ServedTable {
        let counts = try reader.fact("rows", count: schema.fields.count)
        guard counts.allSatisfy({ (1...Int(Int32.max)).contains($0) }),
            counts.reduce(0, +) <= Int(Int32.max)
        else { throw reader.bad("its fields have \(counts) rows") }
        return try ServedRows(
            configuration, schema, RowByRemainder(counts, isMixed: isMixed(configuration, schema)),
            from: reader)
    }

    /// Which fields scramble their ids.
    private static func isMixed(_ configuration: TableConfiguration, _ schema: TableSchema) -> [Bool] {
        let keep = configuration.integer("keep") ?? 1
        return schema.fields.map { configuration.text("ids") == "mixed" && $0.count > keep }
    }

    /// Rows of each field at share c of its ids.
    private static func rows(_ configuration: TableConfiguration, _ schema: TableSchema, share: Double)
        -> [Int]
    {
        let keep = configuration.integer("keep") ?? 1
        return schema.fields.map { min($0.count, max(keep, Int((share * Double($0.count)).rounded(.up)))) }
    }
}

/// Row `id mod rows` of the field's own rows.
struct RowByRemainder: RowAddressing {
    private let layout: FieldRows
    let lookups: [Int]
    private let isMixed: [Bool]

    /// - Parameters:
    ///   - counts: rows of each field, at least 1.
    ///   - isMixed: whether a field scrambles its ids first.
    init(_ counts: [Int], isMixed: [Bool]) {
        layout = FieldRows(counts)
        lookups = layout.oneLookupEach
        self.isMixed = isMixed
    }

    var rowCount: Int { layout.total }

    func row(field: Int, id: Int32, lookup: Int) -> Int32 {
        Self.row(id, isMixed: isMixed[field], start: layout.starts[field], count: layout.counts[field])
    }

    func fill(
        field: Int, lookup: Int, ids: UnsafePointer<Int32>, step: Int, count: Int,
        into out: UnsafeMutablePointer<Int32>, stride: Int
    ) {
        let (isMixed, start, rows) = (isMixed[field], layout.starts[field], layout.counts[field])
        for i in 0..<count {
            out[i * stride] = Self.row(ids[i * step], isMixed: isMixed, start: start, count: rows)
        }
    }

    @inline(__always)
    private static func row(_ id: Int32, isMixed: Bool, start: Int32, count: UInt32) -> Int32 {
        var number = UInt32(bitPattern: id)
        if isMixed { number = UInt32(truncatingIfNeeded: mixed(UInt64(number)) >> 32) }
        return start + Int32(truncatingIfNeeded: number % count)
    }

    var facts: [String: [Int]] { ["rows": layout.counts.map { Int($0) }] }
}

/// The largest share from 0 to 1 that `fits`, which holds for 0 and for every share below one for which it holds: by 60 bisections.
func largestShare(_ fits: (Double) -> Bool) -> Double {
    if fits(1) { return 1 }
    var (low, high) = (0.0, 1.0)
    for _ in 0..<60 {
        let middle = (low + high) / 2
        if fits(middle) { low = middle } else { high = middle }
    }
    return low
}
