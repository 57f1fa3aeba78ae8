public import KuklaNumerics
public import KuklaTensor

/// Two 3-wide convolutions with batch norm around a shortcut: `relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x))`, the basic
/// block of ResNet, under torchvision's names.
///
/// *Shapes:* `x [n, inputs, h, w]`, result `[n, outputs, h / stride, w / stride]`. The shortcut is `x` itself, or a 1 x 1 convolution
/// with batch norm where shapes change. *Source:* He, Zhang, Ren and Sun 2016, "Deep residual learning", arXiv:1512.03385.
public struct ResidualBlock: Module {
    public let convolution1, convolution2: Convolution
    public let norm1, norm2: BatchNorm
    /// What the shortcut goes through where shapes change.
    public let downsampling: (convolution: Convolution, norm: BatchNorm)?

    public init(_ inputs: Int, _ outputs: Int, stride: Int = 1, using random: inout RandomSource) {
        func convolution(_ inputs: Int, _ window: Int, _ stride: Int) -> Convolution {
            let shape = [outputs, inputs, window, window]
            return Convolution(
                weight: .kaimingNormal(shape, byFanOut: true, using: &random),
                stride: AxisLengths(stride), padding: AxisLengths(window / 2))
        }
        convolution1 = convolution(inputs, 3, stride)
        norm1 = BatchNorm(outputs)
        convolution2 = convolution(outputs, 3, 1)
        norm2 = BatchNorm(outputs)
        downsampling =
            stride == 1 && inputs == outputs ? nil : (convolution(inputs, 1, stride), BatchNorm(outputs))
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("conv1", convolution1)
        visitor.visit("bn1", norm1)
        visitor.visit("conv2", convolution2)
        visitor.visit("bn2", norm2)
        visitor.visit("downsample.0", downsampling?.convolution)
        visitor.visit("downsample.1", downsampling?.norm)
    }

    public func callAsFunction(_ x: Tensor, mode: ForwardMode) -> Tensor {
        let inner = norm1(convolution1(x), mode: mode).activated(.relu)
        let branch = norm2(convolution2(inner), mode: mode)
        let shortcut = downsampling.map { $0.norm($0.convolution(x), mode: mode) } ?? x
        return (branch + shortcut).activated(.relu)
    }
}
