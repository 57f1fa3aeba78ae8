public import KuklaNumerics
public import KuklaTensor

/// A transposed convolution over 1 to 3 spatial axes: as many as `weight` has after its first two.
///
/// *Shapes:* `x [n, inputs, ...]`, `weight [inputs, outputs / groups, taps...]`, `bias [outputs]`; see
/// `Tensor.transposedConvolution1D`.
public struct TransposedConvolution: Module {
    public let weight: Parameter
    public let bias: Parameter?
    public let stride, padding, outputPadding, dilation: AxisLengths
    public let groups: Int

    public init(
        weight: Tensor, bias: Tensor? = nil, stride: AxisLengths = 1, padding: AxisLengths = 0,
        outputPadding: AxisLengths = 0, groups: Int = 1, dilation: AxisLengths = 1
    ) {
        contract(
            weight.rank >= 3 && weight.rank <= 5,
            "TransposedConvolution: weight of shape \(weight.shape), expected [inputs, outputs / groups, taps...]"
        )
        contract(
            bias == nil || bias?.shape == [weight.shape[1] * groups],
            "TransposedConvolution: bias of shape \(bias?.shape ?? []) for weight of shape \(weight.shape) and \(groups) groups"
        )
        self.weight = Parameter(weight)
        self.bias = bias.map { Parameter($0) }
        self.stride = stride
        self.padding = padding
        self.outputPadding = outputPadding
        self.dilation = dilation
        self.groups = groups
    }

    /// Weights and biases from the uniform distribution within `1 / sqrt(outputs / groups * taps)`, as PyTorch does.
    public init(
        _ inputs: Int, _ outputs: Int, window: [Int], stride: AxisLengths = 1, padding: AxisLengths = 0,
        outputPadding: AxisLengths = 0, groups: Int = 1, dilation: AxisLengths = 1, bias: Bool = true,
        using random: inout RandomSource
    ) {
        contract(
            groups > 0 && inputs % groups == 0 && outputs % groups == 0,
            "TransposedConvolution: \(groups) groups for \(inputs) inputs and \(outputs) outputs")
        let weight = Tensor.uniformFanIn([inputs, outputs / groups] + window, using: &random)
        let fanIn = weight.shape.dropFirst().reduce(1, *)
        self.init(
            weight: weight, bias: bias ? Tensor.uniform([outputs], fanIn: fanIn, using: &random) : nil,
            stride: stride, padding: padding, outputPadding: outputPadding, groups: groups,
            dilation: dilation)
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("weight", weight)
        visitor.visit("bias", bias)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.transposedConvolution(
            weight.tensor, bias?.tensor, spatialAxes: weight.shape.count - 2, stride: stride,
            padding: padding, outputPadding: outputPadding, groups: groups, dilation: dilation)
    }
}
