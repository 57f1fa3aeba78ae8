public import KuklaNN
import KuklaNumerics
public import KuklaTensor

/// Inner products of all pairs of vectors, then a perceptron.
///
/// The numbers go through a perceptron of their own to one more vector; where there are none, a learned vector stands in its
/// place, so that each column keeps a first-order term. The top sees the products, and the numbers' vector.
/// *Source:* Naumov et al. 2019, "Deep learning recommendation model for personalization and recommendation systems",
/// arXiv:1906.00091.
public struct DLRM: CTRModel {
    private let width: Int
    private let vectorCount: Int
    private let bottom: MLP?
    private let constant: Parameter?
    private let top: MLP

    init(_ shape: CTRShape, _ options: CTRConfiguration, using random: inout RandomSource) throws(KuklaError)
    {
        width = try shape.equalWidth(for: "dlrm")
        vectorCount = shape.pooledWidth / width + 1
        if shape.numberCount > 0 {
            bottom = MLP(
                [shape.numberCount] + options.bottom + [width], activation: .relu, using: &random)
            constant = nil
        } else {
            bottom = nil
            constant = Parameter(Tensor.normal([width], deviation: 0.1, using: &random))
        }
        let products = vectorCount * (vectorCount - 1) / 2
        top = MLP(
            [products + (bottom == nil ? 0 : width)] + options.hidden + [1], activation: .relu,
            dropout: options.dropout, using: &random)
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("bottom", bottom)
        visitor.visit("constant", constant)
        visitor.visit("top", top)
    }

    public func callAsFunction(_ input: CTRInput, mode: ForwardMode) -> Tensor {
        let vectors = input.pooledVectors
        var first: Tensor?
        if let bottom, let numbers = input.numbers { first = bottom(numbers, mode: mode).relu() }
        let products = vectors.fieldProducts(with: first ?? constant?.tensor, width: width)
        let seen = first.map { Tensor.concatenated([$0, products], axis: 1) } ?? products
        return top(seen, mode: mode).reshaped([input.count])
    }
}
