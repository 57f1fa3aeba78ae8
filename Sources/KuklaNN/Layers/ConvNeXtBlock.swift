public import KuklaNumerics
public import KuklaTensor

/// A depthwise 7 x 7 convolution, layer norm, and a GELU layer of four times the width, around a shortcut, the branch scaled by
/// a factor for each channel; under the names of the authors' code.
///
/// *Shapes:* `x [n, channels, h, w]`, the result alike.
/// *Source:* Liu, Mao, Wu, Feichtenhofer, Darrell and Xie 2022, "A ConvNet for the 2020s", arXiv:2201.03545.
public struct ConvNeXtBlock: Module {
    public let depthwise: Convolution
    public let norm: LayerNorm
    public let pointwise1, pointwise2: Linear
    /// A factor for each channel of the branch; nil where layers are not scaled.
    public let scale: Parameter?

    /// - Parameters:
    ///   - window: the length of the depthwise filter along both axes, odd.
    ///   - layerScale: where the branch's factors begin; nil leaves them out.
    public init(
        _ channels: Int, window: Int = 7, expansion: Int = 4, layerScale: Float? = 1e-6,
        using random: inout RandomSource
    ) {
        contract(window % 2 == 1, "ConvNeXtBlock: window \(window) is not odd")
        func truncated(_ shape: [Int]) -> Tensor {
            .truncatedNormal(shape, deviation: 0.02, limit: 100, using: &random)
        }
        depthwise = Convolution(
            weight: truncated([channels, 1, window, window]), bias: .zeros([channels]),
            padding: AxisLengths(window / 2), groups: channels)
        norm = LayerNorm(channels, epsilon: 1e-6)
        pointwise1 = Linear(
            weight: truncated([expansion * channels, channels]), bias: .zeros([expansion * channels]))
        pointwise2 = Linear(
            weight: truncated([channels, expansion * channels]), bias: .zeros([channels]))
        scale = layerScale.map { Parameter(.full([channels], $0)) }
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("dwconv", depthwise)
        visitor.visit("norm", norm)
        visitor.visit("pwconv1", pointwise1)
        visitor.visit("pwconv2", pointwise2)
        visitor.visit("gamma", scale)
    }

    public func callAsFunction(_ x: Tensor, mode: ForwardMode = .inference) -> Tensor {
        let inner = norm(depthwise(x).channelsLast())
        let branch = pointwise2(pointwise1(inner, activation: .gelu, mode: mode), mode: mode)
        return x + (scale.map { branch * $0.tensor } ?? branch).channelsFirst()
    }
}
