public import KuklaNumerics
public import KuklaTensor

/// A convolution over 1 to 3 spatial axes: as many as `weight` has after its first two.
///
/// *Shapes:* `x [n, inputs, ...]`, `weight [outputs, inputs / groups, taps...]`, `bias [outputs]`; see `Tensor.convolution1D`.
public struct Convolution: Module {
    public let weight: Parameter
    public let bias: Parameter?
    public let stride, padding, dilation: AxisLengths
    public let groups: Int

    public init(
        weight: Tensor, bias: Tensor? = nil, stride: AxisLengths = 1, padding: AxisLengths = 0,
        dilation: AxisLengths = 1, groups: Int = 1
    ) {
        contract(
            weight.rank >= 3 && weight.rank <= 5,
            "Convolution: weight of shape \(weight.shape), expected [outputs, inputs / groups, taps...]")
        contract(
            bias == nil || bias?.shape == [weight.shape[0]],
            "Convolution: bias of shape \(bias?.shape ?? []) for weight of shape \(weight.shape)")
        self.weight = Parameter(weight)
        self.bias = bias.map { Parameter($0) }
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
    }

    /// Weights and biases from the uniform distribution within `1 / sqrt(inputs / groups * taps)`, as PyTorch does.
    ///
    /// - Parameter window: the lengths of the filter, one for each spatial axis.
    public init(
        _ inputs: Int, _ outputs: Int, window: [Int], stride: AxisLengths = 1, padding: AxisLengths = 0,
        dilation: AxisLengths = 1, groups: Int = 1, bias: Bool = true, using random: inout RandomSource
    ) {
        contract(
            groups > 0 && inputs % groups == 0 && outputs % groups == 0,
            "Convolution: \(groups) groups for \(inputs) inputs and \(outputs) outputs")
        let weight = Tensor.uniformFanIn([outputs, inputs / groups] + window, using: &random)
        let fanIn = weight.shape.dropFirst().reduce(1, *)
        self.init(
            weight: weight, bias: bias ? Tensor.uniform([outputs], fanIn: fanIn, using: &random) : nil,
            stride: stride, padding: padding, dilation: dilation, groups: groups)
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("weight", weight)
        visitor.visit("bias", bias)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.convolution(
            weight.tensor, bias?.tensor, spatialAxes: weight.shape.count - 2, stride: stride,
            padding: padding, dilation: dilation, groups: groups)
    }
}
