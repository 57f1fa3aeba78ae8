import KuklaNumerics
public import KuklaTensor

/// The last axis to mean 0 and variance 1, then scaled and shifted: `weight (x - mean) / sqrt(variance + epsilon) + bias`.
///
/// *Shapes:* `x [..., dimensions]`, `weight [dimensions]`, `bias [dimensions]`.
/// *Source:* Ba, Kiros and Hinton 2016, "Layer normalization", arXiv:1607.06450.
public struct LayerNorm: Module {
    public let weight: Parameter
    public let bias: Parameter
    public let epsilon: Float

    public init(weight: Tensor, bias: Tensor, epsilon: Float = 1e-5) {
        contract(
            weight.rank == 1 && weight.shape == bias.shape,
            "LayerNorm: weight of shape \(weight.shape), bias of shape \(bias.shape)")
        self.weight = Parameter(weight)
        self.bias = Parameter(bias)
        self.epsilon = epsilon
    }

    /// Weight 1 and bias 0.
    public init(_ dimensions: Int, epsilon: Float = 1e-5) {
        self.init(weight: .ones([dimensions]), bias: .zeros([dimensions]), epsilon: epsilon)
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("weight", weight)
        visitor.visit("bias", bias)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.layerNorm(weight.tensor, bias.tensor, epsilon: epsilon)
    }

    /// The norm of `x + residual`, the sum made in the same pass.
    public func callAsFunction(_ x: Tensor, adding residual: Tensor) -> Tensor {
        x.addLayerNorm(residual, weight.tensor, bias.tensor, epsilon: epsilon)
    }
}
