import KuklaNN
import KuklaNumerics
import KuklaTensor

/// PEP: a threshold for each weight is learned with the weight; what it swallows is pruned, and the rest is trained again.
///
/// The search uses `sign(v) relu(|v| - sigmoid(s))` in the place of v; s follows the loss's gradient and a pull towards 0, by Adam. It ends when as
/// many weights are zero as the budget asks for; then the kept ones, from their initial values, are trained with the others at zero. *Memory:* as
/// `deeplight`. An id that was never seen is zeros.
///
/// Differs from the authors' code: s starts at -8, not -150, where the sigmoid's slope is zero in float32 and the pull alone moves it.
/// *Source:* Liu, Gao, Chen, Jin and Li 2021, "Learnable embedding sizes for recommender systems", ICLR, arXiv:2101.07577.
enum SoftThreshold: PruningMethod {
    static let word = "pep"
    static let summary = "weights pruned by learned thresholds, the rest trained again (PEP)"
    static let options = [
        TableOption("start", "-8", .number(-150...10), "what thresholds start from, before the sigmoid"),
        TableOption(
            "pull", "0.0001", .number(0...1), "how strongly thresholds are pulled to 0, as weight decay"),
    ]

    static func table(
        _ configuration: TableConfiguration, _ schema: TableSchema, kept: Int, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable {
        ThresholdSearch(configuration, schema, kept: kept, seed: seed)
    }
}

/// The search of `SoftThreshold`.
final class ThresholdSearch: EmbeddingTable {
    let configuration: TableConfiguration
    let schema: TableSchema
    let addressing: RowPerId
    let weight: Parameter
    /// s, one for each weight.
    let thresholds: Parameter
    private let initial: Tensor
    private let kept: Int
    private struct Moments: Sendable {
        var tensors: [Tensor]
        var step = 0
    }
    private let moments: Guarded<Moments>
    private let isReached = Guarded(false)

    init(_ configuration: TableConfiguration, _ schema: TableSchema, kept: Int, seed: UInt64) {
        var random = RandomSource(seed: seed)
        let bound = schema.initialBound
        self.configuration = configuration
        self.schema = schema
        self.kept = kept
        addressing = RowPerId(schema.fields.map(\.count))
        initial = .uniform([addressing.rowCount, schema.width], in: -bound...bound, using: &random)
        weight = Parameter(initial)
        thresholds = Parameter(.full(initial.shape, Float(configuration.number("start"))))
        moments = Guarded(Moments(tensors: Adam().initialState(for: initial)))
    }

    func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("weight", weight)
        visitor.visit("thresholds", thresholds)
    }

    func embed(_ batch: IdBatch, mode: ForwardMode) -> Tensor {
        let rows = addressing.rows(of: batch)
        return ThresholdSearch.shrunk(
            weight.tensor.gathered(orZero: rows), thresholds.tensor.gathered(orZero: rows)
        )
        .reshaped([batch.rows, -1])
    }

    /// `sign(v) relu(|v| - sigmoid(s))`.
    static func shrunk(_ v: Tensor, _ s: Tensor) -> Tensor {
        v.detached.sign() * (v.abs() - s.sigmoid()).relu()
    }

    func willUpdate(_ gradients: inout Gradients, _ training: TableTraining) throws(KuklaError) {
        guard let gradient = gradients.take(thresholds) else { return }
        let settings = UpdateSettings(
            learningRate: training.learningRate, weightDecay: Float(configuration.number("pull")))
        thresholds.update { value in
            moments.withLock { moments in
                moments.step += 1
                Adam().update(
                    &value, state: &moments.tensors, gradient: gradient, step: moments.step,
                    settings: settings)
            }
        }
    }

    /// Whether as many weights are swallowed as the budget asks for: asked every 20 steps, since it looks at all.
    func didUpdate(_ training: TableTraining) throws(KuklaError) {
        guard training.step.isMultiple(of: 20) else { return }
        let left = withoutGradient { ThresholdSearch.shrunk(weight.value, thresholds.value) }
            .withUnsafeBufferPointer { $0.count { $0 != 0 } }
        if left <= kept { isReached.withLock { $0 = true } }
    }

    var wantsNextStage: Bool { isReached.withLock { $0 } }

    func nextStage(_ search: TableSearch) throws(KuklaError) -> TableStage? {
        let shrunk = withoutGradient { ThresholdSearch.shrunk(weight.value, thresholds.value) }
        // Where the search was stopped early, the smallest of what is left goes too; where it went too far, the first zeros come back.
        let isKept = shrunk.largest(kept)
        return TableStage(
            table: MaskedTable(configuration, schema, weight: initial, isKept: isKept), network: .initial,
            name: "retrain")
    }

    func served() throws(KuklaError) -> any ServedTable {
        let shrunk = withoutGradient { ThresholdSearch.shrunk(weight.value, thresholds.value) }
        return ServedSparse(configuration, schema, shrunk, isKept: shrunk.largest(kept))
    }
}
