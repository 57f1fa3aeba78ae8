import KuklaNumerics
import KuklaTensor
import KuklaTestSupport

/// A convolution with everything drawn at random: shapes, strides, padding, dilation, groups.
struct ConvolutionDraw {
    let stride, padding, dilation, outputPadding: [Int]
    let groups: Int
    let x, weight, bias: Tensor
    /// Input and bias of the transposed convolution with the same weight.
    let y, transposedBias: Tensor

    init(rank: Int, isDepthwise: Bool = false, _ random: inout RandomSource) {
        func list(_ range: ClosedRange<Int>) -> [Int] {
            (0..<rank).map { _ in Int.random(in: range, using: &random) }
        }
        let (strides, paddings, dilations, kernel) = (list(1...3), list(0...2), list(1...2), list(1...3))
        let (extra, extraPadding) = (list(0...(rank == 3 ? 4 : 7)), list(0...2))
        let lengths = (0..<rank).map { i -> Int in
            max(1, dilations[i] * (kernel[i] - 1) + 1 - 2 * paddings[i]) + extra[i]
        }
        // Long enough that the padding leaves something of the transposed result.
        let sides = (0..<rank).map { i -> Int in 2 * paddings[i] / strides[i] + 2 + extra[i] / 2 }
        let counts = (0..<3).map { _ in Int.random(in: 1...3, using: &random) }
        groups = isDepthwise ? 1 + counts[0] : Int.random(in: 1...2, using: &random)
        let inputs = isDepthwise ? groups : groups * counts[0]
        let outputs = groups * (isDepthwise ? min(counts[1], 2) : counts[1])
        stride = strides
        padding = paddings
        dilation = dilations
        outputPadding = (0..<rank).map { min(extraPadding[$0], max(strides[$0], dilations[$0]) - 1) }
        x = Tensor.normal([counts[2], inputs] + lengths, using: &random)
        weight = Tensor.normal([outputs, inputs / groups] + kernel, using: &random)
        bias = Tensor.normal([outputs], using: &random)
        y = Tensor.normal([counts[2], outputs] + sides, using: &random)
        transposedBias = Tensor.normal([inputs], using: &random)
    }

    /// Tensors of the caller's, one group.
    init(stride: [Int], padding: [Int], dilation: [Int], x: Tensor, weight: Tensor, bias: Tensor) {
        (self.stride, self.padding, self.dilation) = (stride, padding, dilation)
        (groups, outputPadding) = (1, padding.map { _ in 0 })
        (self.x, self.weight, self.bias) = (x, weight, bias)
        (y, transposedBias) = (x, bias)
    }

    func convolve(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?) -> Tensor {
        x.convolution(
            weight, bias, spatialAxes: stride.count, stride: AxisLengths(stride),
            padding: AxisLengths(padding), dilation: AxisLengths(dilation), groups: groups)
    }

    func transposed(_ y: Tensor, _ weight: Tensor, _ bias: Tensor?) -> Tensor {
        y.transposedConvolution(
            weight, bias, spatialAxes: stride.count, stride: AxisLengths(stride),
            padding: AxisLengths(padding), outputPadding: AxisLengths(outputPadding), groups: groups,
            dilation: AxisLengths(dilation))
    }
}
