import KuklaNN
import KuklaNumerics
import KuklaTensor

/// Unified embedding ("feature multiplexing"): all fields look up one matrix of rows, each through a hash with a salt of its own; a field
/// may have several lookups, whose rows stand side by side.
///
/// `e_f(v) = [E[h(v; f, 0)], E[h(v; f, 1)], ...]`, of `lookups d` components. *Memory:* `4 M d` bytes, whatever the fields; the floor is one row.
/// Salts come from the fields' names, so that neither their order nor other fields change a field's rows. Ids that were never seen
/// are hashed like any other.
///
/// With `ranges=separate` every field hashes into rows of its own: the same hashes without multiplexing, to compare with.
///
/// Another method may keep the rows (`store=robe`): then they are rows of that method's table, `rows` of them by number.
/// *Source:* Coleman, Kang, Fahrbach et al. 2023, "Unified embedding: battle-tested feature representations for web-scale ML systems",
/// NeurIPS, arXiv:2305.12102.
enum UnifiedTable: TableMethod {
    static let word = "unified"
    static let summary = "one matrix for all fields, each with hashes of its own (feature multiplexing)"
    static let options = [
        TableOption(
            "rows", "auto", .automatic(1...Int(Int32.max)), "rows of the matrix; auto: what the budget holds"),
        TableOption("lookups", "1", .text, "rows of a vector, for all fields or by name: user*2+movie*2"),
        TableOption("store", "dense", .text, "the method that keeps the rows"),
        TableOption(
            "ranges", "shared", .choice(["shared", "separate"]),
            "separate: rows split by field in proportion to ids, as without multiplexing"),
    ]

    static func floor(_ configuration: TableConfiguration, _ schema: TableSchema) throws(KuklaError) -> Int {
        let store = try store(configuration)
        let rows = configuration.integer("rows")
        guard store.word != "dense" else {
            return 4 * schema.width * (rows ?? (isSeparate(configuration) ? schema.fields.count : 1))
        }
        return try store.floor(for: storeSchema(schema, rows: rows ?? schema.idCount))
    }

    static func make(
        _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable {
        let (store, lookups) = (try store(configuration), try lookups(configuration, schema))
        let given = configuration.integer("rows")
        if store.word == "dense" {
            let rows = given ?? max(1, (budget ?? schema.denseByteCount) / (4 * schema.width))
            let hash = MultiplexedRows(
                schema, rows: min(rows, Int(Int32.max)), lookups: lookups,
                isSeparate: isSeparate(configuration))
            return AddressedTable(configuration, schema, hash, bound: 0.05, seed: seed)
        }
        let rows = given ?? schema.idCount
        let hash = MultiplexedRows(
            schema, rows: rows, lookups: lookups, isSeparate: isSeparate(configuration))
        let inner = try store.make(
            for: storeSchema(schema, rows: rows, occurrences: hash.occurrences(schema)), budget: budget,
            seed: seed)
        return MultiplexedTable(configuration, schema, hash, inner)
    }

    static func load(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) -> any ServedTable {
        let (store, lookups) = (try store(configuration), try lookups(configuration, schema))
        let rows = try reader.fact("multiplexed", count: 1)[0]
        guard (1...Int(Int32.max)).contains(rows) else { throw reader.bad("it has \(rows) rows") }
        let hash = MultiplexedRows(
            schema, rows: rows, lookups: lookups, isSeparate: isSeparate(configuration))
        if store.word == "dense" { return try ServedRows(configuration, schema, hash, from: reader) }
        let inner = try store.method.load(store, storeSchema(schema, rows: rows), from: reader)
        return ServedMultiplexed(configuration: configuration, schema: schema, hash: hash, store: inner)
    }

    private static func isSeparate(_ configuration: TableConfiguration) -> Bool {
        configuration.text("ranges") == "separate"
    }

    /// One field whose ids are the rows.
    private static func storeSchema(
        _ schema: TableSchema, rows: Int, occurrences: [UInt32] = []
    ) -> TableSchema {
        TableSchema(
            fields: [TableField(name: "rows", count: rows)], width: schema.width,
            occurrences: occurrences.isEmpty ? [] : [occurrences])
    }

    private static func store(_ configuration: TableConfiguration) throws(KuklaError) -> TableConfiguration {
        let store = try TableConfiguration(parsing: configuration.text("store"))
        guard store.word != word else {
            throw KuklaError(
                .usage, "A unified table cannot be kept in another ('\(configuration)'); name another store.")
        }
        return store
    }

    /// How many rows each field's vector is of.
    static func lookups(
        _ configuration: TableConfiguration, _ schema: TableSchema
    ) throws(KuklaError) -> [Int] {
        let text = configuration.text("lookups")
        func count(_ word: some StringProtocol) throws(KuklaError) -> Int {
            guard let count = Int(word), (1...64).contains(count) else {
                throw KuklaError(
                    .usage,
                    "The lookups '\(text)' of '\(configuration)' are not numbers from 1 to 64: write '2', or 'user*2+movie*3'."
                )
            }
            return count
        }
        if Int(text) != nil { return try [Int](repeating: count(text), count: schema.fields.count) }
        var lookups = [Int](repeating: 1, count: schema.fields.count)
        for part in text.split(separator: "+", omittingEmptySubsequences: false) {
            guard let star = part.lastIndex(of: "*") else { _ = try count(""); continue }
            let name = part[..<star]
            guard let field = schema.fields.firstIndex(where: { $0.name == name }) else {
                let nearest = EditDistance.nearest(to: String(name), among: schema.fields.map(\.name)) ?? ""
                throw KuklaError(
                    .usage,
                    "The lookups of '\(configuration)' name the field '\(name)', which the schema has not; did you mean '\(nearest)'?"
                )
            }
            lookups[field] = try count(part[part.index(after: star)...])
        }
        return lookups
    }
}

/// Row `h(id; salt of field and lookup)` of the field's range, which is all rows unless ranges are given.
struct MultiplexedRows: RowAddressing {
    let rowCount: Int
    let lookups: [Int]
    private let salts: [[UInt64]]
    private let ranges: [Range<Int>]

    /// - Parameter isSeparate: whether each field has a range of its own, in proportion to its ids, one row at least.
    init(_ schema: TableSchema, rows: Int, lookups: [Int], isSeparate: Bool) {
        rowCount = rows
        self.lookups = lookups
        var ranges = schema.fields.map { _ in 0..<rows }
        if isSeparate {
            // One row for each field, and the others by the numbers of ids, whose running sum is rounded.
            let (spare, all) = (Double(max(0, rows - schema.fields.count)), Double(schema.idCount))
            var (start, ids) = (0, 0)
            for (i, field) in schema.fields.enumerated() {
                ids += field.count
                let end = min(rows, i + 1 + Int((spare * Double(ids) / all).rounded()))
                ranges[i] = min(start, rows - 1)..<max(end, min(start, rows - 1) + 1)
                start = end
            }
        }
        self.ranges = ranges
        salts = zip(schema.fields, lookups).map { field, count in
            let name = stableHash(field.name)
            return (0..<count).map { mixed(name &+ UInt64($0)) << 32 }
        }
    }

    func row(field: Int, id: Int32, lookup: Int) -> Int32 {
        let hash = mixed(salts[field][lookup] &+ UInt64(UInt32(bitPattern: id)))
        let range = ranges[field]
        // The high half of the product is uniform over the range, as the remainder would be, without a division.
        let place = hash.multipliedFullWidth(by: UInt64(range.count)).high
        return Int32(truncatingIfNeeded: range.lowerBound + Int(place))
    }

    var facts: [String: [Int]] { ["multiplexed": [rowCount]] }

    /// How often each row was looked up in training data; empty where nobody counted.
    func occurrences(_ schema: TableSchema) -> [UInt32] {
        guard !schema.occurrences.isEmpty else { return [] }
        var counts = [UInt32](repeating: 0, count: rowCount)
        for (field, occurrences) in schema.occurrences.enumerated() {
            for (id, count) in occurrences.enumerated() {
                for lookup in 0..<lookups[field] {
                    let row = Int(row(field: field, id: Int32(id), lookup: lookup))
                    counts[row] = UInt32(clamping: UInt64(counts[row]) + UInt64(count))
                }
            }
        }
        return counts
    }
}

/// A bijection of 64 bits in which every bit of the argument changes half of the result's: SplitMix64's.
func mixed(_ value: UInt64) -> UInt64 {
    var x = value &+ 0x9E37_79B9_7F4A_7C15
    x = (x ^ (x >> 30)) &* 0xBF58_476D_1CE4_E5B9
    x = (x ^ (x >> 27)) &* 0x94D0_49BB_1331_11EB
    return x ^ (x >> 31)
}

/// A hash of a text that is the same in every process: FNV-1a over UTF-8, 64 bits.
func stableHash(_ text: String) -> UInt64 {
    text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
}

/// A unified table whose rows another method keeps.
final class MultiplexedTable: EmbeddingTable {
    let configuration: TableConfiguration
    let schema: TableSchema
    let hash: MultiplexedRows
    let store: any EmbeddingTable

    init(
        _ configuration: TableConfiguration, _ schema: TableSchema, _ hash: MultiplexedRows,
        _ store: any EmbeddingTable
    ) {
        self.configuration = configuration
        self.schema = schema
        self.hash = hash
        self.store = store
    }

    var widths: [Int] { hash.lookups.map { $0 * schema.width } }
    var isSettled: Bool { store.isSettled }
    var wantsNextStage: Bool { store.wantsNextStage }

    func visit(_ visitor: inout ModuleVisitor) { visitor.visit("", store) }

    func embed(_ batch: IdBatch, mode: ForwardMode) -> Tensor {
        store.embed(IdBatch(ids: hash.rows(of: batch), fields: [0]), mode: mode).reshaped([batch.rows, -1])
    }

    func takePenalty() -> Tensor? { store.takePenalty() }

    func willUpdate(_ gradients: inout Gradients, _ training: TableTraining) throws(KuklaError) {
        try store.willUpdate(&gradients, training)
    }

    func didUpdate(_ training: TableTraining) throws(KuklaError) { try store.didUpdate(training) }

    func nextStage(_ search: TableSearch) throws(KuklaError) -> TableStage? {
        guard let stage = try store.nextStage(search) else { return nil }
        return TableStage(
            table: MultiplexedTable(configuration, schema, hash, stage.table), network: stage.network,
            name: stage.name)
    }

    func served() throws(KuklaError) -> any ServedTable {
        ServedMultiplexed(
            configuration: configuration, schema: schema.bare, hash: hash, store: try store.served())
    }
}

/// `MultiplexedTable` as it is used.
struct ServedMultiplexed: ServedTable {
    let configuration: TableConfiguration
    let schema: TableSchema
    let hash: MultiplexedRows
    let store: any ServedTable

    var widths: [Int] { hash.lookups.map { $0 * schema.width } }
    var arrays: [TableArray] { store.arrays }
    var facts: [String: [Int]] { store.facts.merging(hash.facts) { $1 } }

    func write(field: Int, id: Int32, to out: UnsafeMutablePointer<Float>) {
        for lookup in 0..<hash.lookups[field] {
            store.write(
                field: 0, id: hash.row(field: field, id: id, lookup: lookup), to: out + lookup * schema.width)
        }
    }
}
