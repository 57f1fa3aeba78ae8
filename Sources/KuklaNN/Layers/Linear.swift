public import KuklaNumerics
public import KuklaTensor

/// `x W' + b` over the last axis.
///
/// *Shapes:* `x [..., inputDimensions]`, `weight [outputDimensions, inputDimensions]`, `bias [outputDimensions]`.
public struct Linear: Module {
    public let weight: Parameter
    public let bias: Parameter?

    public init(weight: Tensor, bias: Tensor? = nil) {
        contract(weight.rank == 2, "Linear: weight of shape \(weight.shape), expected [outputs, inputs]")
        contract(
            bias == nil || bias?.shape == [weight.shape[0]],
            "Linear: bias of shape \(bias?.shape ?? []) for weight of shape \(weight.shape)")
        self.weight = Parameter(weight)
        self.bias = bias.map { Parameter($0) }
    }

    /// Weights from the uniform distribution within `1 / sqrt(inputDimensions)`, as PyTorch does.
    public init(
        _ inputDimensions: Int, _ outputDimensions: Int, bias: Bool = true, using random: inout RandomSource
    ) {
        let bound = 1 / Float(inputDimensions).squareRoot()
        let weight = Tensor.uniform([outputDimensions, inputDimensions], in: -bound...bound, using: &random)
        self.init(
            weight: weight,
            bias: bias ? Tensor.uniform([outputDimensions], in: -bound...bound, using: &random) : nil)
    }

    public var inputDimensions: Int { weight.shape[1] }
    public var outputDimensions: Int { weight.shape[0] }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("weight", weight)
        visitor.visit("bias", bias)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        contract(
            x.shape.last == inputDimensions,
            "Linear: input of shape \(x.shape) for weight of shape \(weight.shape)")
        let y = x.reshaped([-1, inputDimensions]).matmul(weight.tensor, transposingOther: true)
        let biased = bias.map { y + $0.tensor } ?? y
        return biased.reshaped(x.shape.dropLast() + [outputDimensions])
    }
}
