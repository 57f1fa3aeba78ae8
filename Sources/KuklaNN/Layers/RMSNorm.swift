import KuklaNumerics
public import KuklaTensor

/// The last axis to root mean square 1, then scaled: `weight x / sqrt(mean(x^2) + epsilon)`.
///
/// *Shapes:* `x [..., dimensions]`, `weight [dimensions]`.
/// *Source:* Zhang and Sennrich 2019, "Root mean square layer normalization", arXiv:1910.07467.
public struct RMSNorm: Module {
    public let weight: Parameter
    public let epsilon: Float

    public init(weight: Tensor, epsilon: Float = 1e-6) {
        contract(weight.rank == 1, "RMSNorm: weight of shape \(weight.shape)")
        self.weight = Parameter(weight)
        self.epsilon = epsilon
    }

    /// Weight 1.
    public init(_ dimensions: Int, epsilon: Float = 1e-6) {
        self.init(weight: .ones([dimensions]), epsilon: epsilon)
    }

    public func visit(_ visitor: inout ModuleVisitor) { visitor.visit("weight", weight) }

    public func callAsFunction(_ x: Tensor) -> Tensor { x.rmsNorm(weight.tensor, epsilon: epsilon) }
}
