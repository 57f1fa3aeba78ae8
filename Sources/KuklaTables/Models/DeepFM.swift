public import KuklaNN
import KuklaNumerics
public import KuklaTensor

/// A factorization machine beside a perceptron over the same vectors; logits are summed.
///
/// The first-order term is a linear function of vectors and numbers: what an id adds to a click is in its vector, so that the
/// table is all that an id costs, whatever the table. Numbers reach the linear term and the perceptron.
/// *Source:* Guo et al. 2017, "DeepFM: a factorization-machine based neural network for CTR prediction", arXiv:1703.04247.
public struct DeepFM: CTRModel {
    private let width: Int
    private let linear: Linear
    private let deep: MLP

    init(_ shape: CTRShape, _ options: CTRConfiguration, using random: inout RandomSource) throws(KuklaError)
    {
        width = try shape.equalWidth(for: "deepfm")
        linear = Linear(shape.inputWidth, 1, using: &random)
        deep = MLP(
            [shape.inputWidth] + options.hidden + [1], activation: .relu, dropout: options.dropout,
            using: &random)
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("linear", linear)
        visitor.visit("deep", deep)
    }

    public func callAsFunction(_ input: CTRInput, mode: ForwardMode) -> Tensor {
        let vectors = input.pooledVectors
        let all = input.numbers.map { Tensor.concatenated([vectors, $0], axis: 1) } ?? vectors
        let sum = linear(all) + deep(all, mode: mode)
        return sum.reshaped([input.count]) + vectors.factorizationMachine(width: width)
    }
}
