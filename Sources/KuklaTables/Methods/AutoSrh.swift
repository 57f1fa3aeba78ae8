import KuklaNN
import KuklaNumerics
import KuklaTensor

/// AutoSrh: gates for groups of ids and single components, learned on validation data, say which weights matter; the smallest products are pruned.
///
/// Ids fall into six groups by frequency. `e = E[i] * alpha[group]`, alpha of shape `[6, d]` from 1. E learns on training batches; alpha on validation
/// batches, by its gradient plus the slope of an L1 penalty, divided by the mean magnitude of its row, with steps of 0.001, clipped to
/// [0, 1]. Then E is trained again from its start with alpha fixed, and of `E * alpha` the largest magnitudes that the budget holds are
/// kept. *Memory:* as `deeplight`. An id that was never seen is zeros.
///
/// *Source:* Kong, Cheng, Zhang and Yu 2022, "AutoSrh: an embedding dimensionality search framework for tabular data prediction", IEEE TKDE.
enum AutoSrh: PruningMethod {
    static let word = "autosrh"
    static let summary = "gates of groups of ids learned on validation data, then pruning (AutoSrh)"
    static let options = [
        TableOption("groups", "6", .integer(1...1024), "groups of ids by frequency"),
        TableOption("rate", "0.001", .number(0...10), "step length of the gates"),
        TableOption("penalty", "0.00001", .number(0...1), "weight of the sum of the gates in the loss"),
    ]

    static func table(
        _ configuration: TableConfiguration, _ schema: TableSchema, kept: Int, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable {
        let (order, count) = (try schema.idsByOccurrence(word), configuration.integer("groups") ?? 6)
        var groups = [Int32](repeating: 0, count: schema.idCount)
        for (rank, id) in order.enumerated() { groups[id] = Int32(rank * count / schema.idCount) }
        var random = RandomSource(seed: seed)
        let bound = schema.initialBound
        return GatedTable(
            configuration, schema, groups: groups, gates: .ones([count, schema.width]),
            weight: .uniform([schema.idCount, schema.width], in: -bound...bound, using: &random),
            kept: kept, isSearch: true)
    }
}

/// The table of `AutoSrh`, while gates are searched and when they are fixed.
final class GatedTable: EmbeddingTable {
    let configuration: TableConfiguration
    let schema: TableSchema
    let addressing: RowPerId
    let weight: Parameter
    /// alpha `[groups, d]`: frozen but while it is stepped.
    let gates: Parameter
    private let groups: [Int32]
    private let initial: Tensor
    private let kept: Int
    private let isSearch: Bool
    private let pruned = PrunedCopy()

    init(
        _ configuration: TableConfiguration, _ schema: TableSchema, groups: [Int32], gates: Tensor,
        weight: Tensor,
        kept: Int, isSearch: Bool
    ) {
        self.configuration = configuration
        self.schema = schema
        self.groups = groups
        self.kept = kept
        self.isSearch = isSearch
        addressing = RowPerId(schema.fields.map(\.count))
        initial = weight
        self.weight = Parameter(weight)
        self.gates = Parameter(gates)
        self.gates.isTrainable = false
    }

    func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("weight", weight)
        visitor.visit("gates", gates)
    }

    func embed(_ batch: IdBatch, mode: ForwardMode) -> Tensor {
        let rows = addressing.rows(of: batch)
        if !mode.isTraining && !isSearch {
            return pruned.largest(kept, of: weight.value) { gated($0) }.gathered(orZero: rows)
                .reshaped([batch.rows, -1])
        }
        pruned.forget()
        let own = rows.map { $0 < 0 ? 0 : groups[Int($0)] }
        return (weight.tensor.gathered(orZero: rows) * gates.tensor.gathered(rows: own)).reshaped([
            batch.rows, -1,
        ])
    }

    private func gated(_ weight: Tensor) -> Tensor { weight * gates.value.gathered(rows: groups) }

    func didUpdate(_ training: TableTraining) throws(KuklaError) {
        guard isSearch else { return }
        gates.isTrainable = true
        defer { gates.isTrainable = false }
        let gradients = try training.validationGradients()
        guard let gradient = gradients[gates]?.dense else { return }
        let slope = gradient + gates.value.sign() * Float(configuration.number("penalty"))
        let size = slope.abs().mean(axes: [1], keepingAxes: true).clamp(min: 1e-12)
        gates.value = (gates.value - slope / size * Float(configuration.number("rate"))).clamp(min: 0, max: 1)
    }

    func nextStage(_ search: TableSearch) throws(KuklaError) -> TableStage? {
        guard isSearch else { return nil }
        return TableStage(
            table: GatedTable(
                configuration, schema, groups: groups, gates: gates.value, weight: initial, kept: kept,
                isSearch: false), network: .initial, name: "retrain")
    }

    func served() throws(KuklaError) -> any ServedTable {
        let products = gated(weight.value)
        return ServedSparse(configuration, schema, products, isKept: products.largest(kept))
    }
}
