public import KuklaNN
import KuklaNumerics
import KuklaTensor

/// `MatryoshkaLoss` over the largest size and some of the others, drawn anew for each step: where there are many sizes, or the base is
/// dear.
///
/// Sizes are drawn once for a batch, none twice. Without random numbers (`ForwardMode.inference`) the smallest are taken. The paper
/// takes all sizes in every step.
public struct SampledMatryoshkaLoss: LayeredLoss {
    /// All sizes and what each counts for.
    public let whole: MatryoshkaLoss
    /// How many sizes below the largest a step takes.
    public let count: Int
    public let layers: Int

    /// - Parameter layers: of the model.
    /// - Precondition: `count` is at least 1 and less than there are sizes.
    public init(_ whole: MatryoshkaLoss, count: Int, layers: Int) {
        contract(
            (1..<whole.dimensions.count).contains(count),
            "SampledMatryoshkaLoss: \(count) of the sizes \(whole.dimensions)")
        self.whole = whole
        self.count = count
        self.layers = layers
    }

    public var name: String { whole.name }

    public func objective(mode: ForwardMode) -> LayeredObjective {
        let order = whole.dimensions.indices.sorted { whole.dimensions[$0] < whole.dimensions[$1] }
        var drawn = Array(0..<count)
        if case .training(let stream) = mode {
            drawn = stream.draw { $0.sample(count, below: order.count - 1) }
        }
        let taken = ([order.count - 1] + drawn).map { order[$0] }
        let loss = MatryoshkaLoss(
            whole.base, dimensions: taken.map { whole.dimensions[$0] },
            weights: taken.map { whole.weights[$0] })
        return LayeredObjective(layers: [layers]) { loss($0[0], scores: $1) }
    }
}
