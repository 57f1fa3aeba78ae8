public import KuklaNumerics
public import KuklaTensor

/// A narrow residual network behind a linear layer: `y + up(gelu(down(y)))`, `y` the layer's output.
///
/// *Shapes:* `down [size, outputs]`, `up [outputs, size]`, each with a bias. The weights start normal with deviation 0.001 and
/// the biases from zero, so that the layer starts all but unchanged. Parameters are `adapter.down.weight` and so on.
/// *Source:* Houlsby et al. 2019, "Parameter-efficient transfer learning for NLP", arXiv:1902.00751.
public struct BottleneckAdapter: LinearAdapter {
    public let down: Linear
    public let up: Linear

    /// Behind `linear`.
    ///
    /// - Precondition: `size > 0`.
    public init(behind linear: Linear, size: Int, using random: inout RandomSource) {
        contract(size > 0, "BottleneckAdapter: size \(size)")
        let width = linear.outputDimensions
        down = Linear(
            weight: Tensor.normal([size, width], deviation: 1e-3, using: &random), bias: Tensor.zeros([size]))
        up = Linear(
            weight: Tensor.normal([width, size], deviation: 1e-3, using: &random), bias: Tensor.zeros([width])
        )
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("adapter.down", down)
        visitor.visit("adapter.up", up)
    }

    public func adapt(_ output: Tensor, of x: Tensor, mode: ForwardMode) -> Tensor {
        output + up(down(output, activation: .gelu, mode: mode), mode: mode)
    }
}
