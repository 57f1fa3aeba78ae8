import KuklaNumerics
import KuklaTensor
import KuklaTestSupport

extension GradientRegistry {
    // The geometry is drawn with the inputs; the function must see the same one, so it is drawn again from a number that
    // travels as the last input.
    private static func drawing(
        _ name: String, rank: Int, isDepthwise: Bool,
        inputs: @escaping @Sendable (ConvolutionDraw) -> [Tensor],
        function: @escaping @Sendable (ConvolutionDraw, [Tensor]) -> Tensor
    ) -> [GradientCase] {
        (1...4).map { number in
            @Sendable func draw() -> ConvolutionDraw {
                var random = RandomSource(seed: UInt64(1000 * rank + number))
                return ConvolutionDraw(rank: rank, isDepthwise: isDepthwise, &random)
            }
            return GradientCase("\(name) \(number): \(draw().geometry)") { random in
                inputs(draw()).map { Tensor.normal($0.shape, using: &random) }
            } function: {
                function(draw(), $0)
            }
        }
    }

    static let convolutions: [GradientCase] =
        (1...3).flatMap { rank in
            [false, true].flatMap { isDepthwise in
                let kind = "\(isDepthwise ? "depthwise " : "")convolution \(rank)-D"
                return drawing(kind, rank: rank, isDepthwise: isDepthwise) {
                    [$0.x, $0.weight, $0.bias]
                } function: {
                    $0.convolve($1[0], $1[1], $1[2])
                }
                    + drawing("transposed \(kind)", rank: rank, isDepthwise: isDepthwise) {
                        [$0.y, $0.weight, $0.transposedBias]
                    } function: {
                        $0.transposed($1[0], $1[1], $1[2])
                    }
            }
        } + [
            GradientCase("convolution, gradient of gradients") { random in
                [
                    Tensor.normal([2, 2, 5], using: &random), Tensor.normal([3, 2, 3], using: &random),
                    Tensor.normal([3], using: &random),
                ]
            } function: { inputs in
                let inputs = inputs.map { $0.node == nil ? $0.watched() : $0 }
                let y = inputs[0].convolution1D(inputs[1], inputs[2], stride: 2, padding: 1)
                let first = KuklaTensor.gradients(
                    of: (y * y * y).sum(), withRespectTo: inputs, isDifferentiable: true)
                return first[0].sum() + (first[1] * first[1]).sum() + (first[2] * first[2]).sum()
            }
        ]
}

extension ConvolutionDraw {
    /// What a peer needs to compute the same.
    fileprivate var geometry: String {
        "stride \(stride), padding \(padding), dilation \(dilation), output padding \(outputPadding), groups \(groups)"
    }
}
