public import KuklaNumerics
public import KuklaTensor

/// `x W' + b` over the last axis, plus what an adapter adds where one was put on (`Module.addLoRA`).
///
/// *Shapes:* `x [..., inputDimensions]`, `weight [outputDimensions, inputDimensions]`, `bias [outputDimensions]`.
public struct Linear: Module {
    public let weight: Parameter
    public let bias: Parameter?
    /// Where an adapter can be put on, in every copy of this layer at once.
    package let slot = AdapterSlot()

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
    /// What was put around this layer, if anything.
    public var adapter: (any LinearAdapter)? { slot.adapter }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("weight", weight)
        visitor.visit("bias", bias)
        visitor.visit("", adapter)
    }

    /// - Parameters:
    ///   - activation: of the result, an adapter's part included.
    ///   - mode: matters to an adapter with dropout only.
    public func callAsFunction(
        _ x: Tensor, activation: Activation = .none, mode: ForwardMode = .inference
    ) -> Tensor {
        contract(
            x.shape.last == inputDimensions,
            "Linear: input of shape \(x.shape) for weight of shape \(weight.shape)")
        guard let adapter else { return x.linear(weight.tensor, bias?.tensor, activation: activation) }
        return adapter.adapt(x.linear(weight.tensor, bias?.tensor), of: x, mode: mode).activated(activation)
    }
}
