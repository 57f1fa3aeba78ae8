import KuklaNN
import KuklaNumerics
import KuklaTensor

/// Deduplication: blocks of rows of a trained table that are much like an earlier one are replaced by it, and the kept ones trained on.
///
/// Blocks go by rising 75th percentile of their magnitudes. Each is hashed by `bands` projections, `ceil((a . v + b) / r)`; earlier blocks that share
/// enough hashes are compared with it by the share of places where they differ by at most the tolerance; at `similarity` or more, the
/// most similar one takes its place. That ends when the budget is met; where one pass does not meet it, the tolerance is doubled and
/// what was kept is gone through again. *Memory:* the kept blocks, and a word for each block. An id that was never seen is zeros.
///
/// Differs from the paper: blocks are of 32 rows, not 10 000, which small tables would hardly have one of, and r grows with a block's size and the
/// tolerance, for 0.09 at the defaults and width 16. *Source:* Zhou, Candido, Dhulipala et al. 2022, "Serving deep learning models with
/// deduplication from relational databases", VLDB, as "Dedup" in Zhang et al. 2024, arXiv:2311.15578.
enum DeduplicatedTable: TableMethod {
    static let word = "dedup"
    static let summary = "blocks of rows that are alike stored once, after training"
    static let options = [
        TableOption("block", "32", .integer(1...1_000_000), "rows of a block"),
        TableOption("similarity", "0.7", .number(0...1), "share of places in which alike blocks agree"),
        TableOption("tolerance", "0.01", .number(0...1e6), "how much agreeing numbers may differ"),
        TableOption("bands", "90", .integer(1...10_000), "hashes of a block"),
        TableOption("agree", "10", .integer(1...10_000), "hashes that candidates share"),
    ]

    static func floor(_ configuration: TableConfiguration, _ schema: TableSchema) throws(KuklaError) -> Int {
        let block = configuration.integer("block") ?? 32
        return 4 * (block * schema.width + (schema.idCount + block - 1) / block)
    }

    static func make(
        _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable {
        var random = RandomSource(seed: seed)
        let bound = schema.initialBound
        return DuplicatedTable(
            configuration, schema,
            weight: .uniform([schema.idCount, schema.width], in: -bound...bound, using: &random),
            budget: budget,
            seed: seed)
    }

    static func load(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) -> any ServedTable {
        let block = configuration.integer("block") ?? 32
        let map: AlignedStorage<Int32> = try reader.array(
            "map", shape: [(schema.idCount + block - 1) / block]
        ).storage
        let kept = try reader.fact("kept", count: 1)[0]
        guard kept > 0, kept <= map.buffer.count, map.buffer.allSatisfy({ $0 >= 0 && $0 < kept }) else {
            throw reader.bad("\"map\" names blocks that are not there")
        }
        let addressing = BlockRows(schema.fields.map(\.count), block: block, map: map, kept: kept)
        return try ServedRows(configuration, schema, addressing, from: reader)
    }
}

/// The table while it has all its rows.
final class DuplicatedTable: EmbeddingTable {
    let configuration: TableConfiguration
    let schema: TableSchema
    let addressing: RowPerId
    let weight: Parameter
    private let budget: Int?
    private let seed: UInt64

    init(
        _ configuration: TableConfiguration, _ schema: TableSchema, weight: Tensor, budget: Int?, seed: UInt64
    ) {
        self.configuration = configuration
        self.schema = schema
        self.budget = budget
        self.seed = seed
        addressing = RowPerId(schema.fields.map(\.count))
        self.weight = Parameter(weight)
    }

    func visit(_ visitor: inout ModuleVisitor) { visitor.visit("weight", weight) }

    func embed(_ batch: IdBatch, mode: ForwardMode) -> Tensor {
        weight.tensor.gathered(orZero: addressing.rows(of: batch)).reshaped([batch.rows, -1])
    }

    func nextStage(_ search: TableSearch) throws(KuklaError) -> TableStage? {
        TableStage(table: deduplicated(), network: .current, name: "fine-tune")
    }

    func served() throws(KuklaError) -> any ServedTable { try deduplicated().served() }

    /// The table with blocks that are alike merged, as far as the budget asks.
    func deduplicated() -> AddressedTable<BlockRows> {
        let blocks = BlockTable(
            weight.value, block: configuration.integer("block") ?? 32,
            bands: configuration.integer("bands") ?? 90,
            agree: configuration.integer("agree") ?? 10, similarity: configuration.number("similarity"),
            seed: seed)
        // Blocks that the budget holds beside a word for each.
        let most = budget.map { ($0 / 4 - blocks.count) / blocks.floats } ?? blocks.count
        let owners = blocks.merged(toAtMost: most, tolerance: Float(configuration.number("tolerance")))
        var places = [Int32](repeating: -1, count: blocks.count)
        var kept: [Int] = []
        for block in 0..<blocks.count where owners[block] == block {
            places[block] = Int32(kept.count)
            kept.append(block)
        }
        let map = AlignedStorage(owners.map { places[$0] })
        let addressing = BlockRows(schema.fields.map(\.count), block: blocks.rows, map: map, kept: kept.count)
        return AddressedTable(configuration, schema, addressing, weight: blocks.gathered(kept))
    }
}

/// Row `map[i div block] block + i mod block` of the kept blocks, i counting the ids of all fields.
struct BlockRows: RowAddressing {
    private let ids: RowPerId
    private let block: Int32
    private let map: AlignedStorage<Int32>
    private let kept: Int

    init(_ counts: [Int], block: Int, map: AlignedStorage<Int32>, kept: Int) {
        ids = RowPerId(counts)
        self.block = Int32(block)
        self.map = map
        self.kept = kept
    }

    var rowCount: Int { kept * Int(block) }
    var lookups: [Int] { ids.lookups }

    func row(field: Int, id: Int32, lookup: Int) -> Int32 {
        let row = ids.row(field: field, id: id, lookup: 0)
        guard row >= 0 else { return -1 }
        let (place, rest) = row.quotientAndRemainder(dividingBy: block)
        return map.pointer[Int(place)] * block + rest
    }

    var arrays: [TableArray] { [TableArray("map", [map.buffer.count], map)] }
    var facts: [String: [Int]] { ["kept": [kept]] }
}
