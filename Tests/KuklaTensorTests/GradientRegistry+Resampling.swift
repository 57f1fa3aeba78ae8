import KuklaNumerics
import KuklaTensor
import KuklaTestSupport

extension GradientRegistry {
    private static func image(_ rank: Int) -> @Sendable (inout RandomSource) -> [Tensor] {
        { random in
            let lengths = (0..<rank).map { _ in Int.random(in: 3...6, using: &random) }
            return [Tensor.normal([2, 2] + lengths, using: &random)]
        }
    }

    /// A permutation of well separated numbers, so that no step changes which is greatest.
    private static func separated(_ rank: Int) -> @Sendable (inout RandomSource) -> [Tensor] {
        { random in
            let shape = [2, 1] + (0..<rank).map { _ in Int.random(in: 3...5, using: &random) }
            var values = (0..<shape.elementCount).map { 0.1 * Float($0 - shape.elementCount / 2) }
            values.shuffle(using: &random)
            return [Tensor(shape: shape, elements: values)]
        }
    }

    static let resampling: [GradientCase] =
        (1...3).flatMap { rank in
            [
                GradientCase("maxPool \(rank)-D", inputs: separated(rank)) {
                    $0[0].maxPool(window: 3, stride: 2, padding: 1, spatialAxes: rank)
                },
                GradientCase("averagePool \(rank)-D", inputs: image(rank)) {
                    $0[0].averagePool(window: 3, stride: 2, padding: 1, spatialAxes: rank)
                },
                GradientCase("averagePool \(rank)-D, padding not counted", inputs: image(rank)) {
                    $0[0].averagePool(window: 2, padding: 1, spatialAxes: rank, countingPadding: false)
                },
                GradientCase("adaptiveAveragePool \(rank)-D", inputs: image(rank)) {
                    $0[0].adaptiveAveragePool([4, 3, 2].suffix(rank))
                },
                GradientCase("globalAveragePool \(rank)-D", inputs: image(rank)) {
                    $0[0].globalAveragePool()
                },
                GradientCase("upsampledNearest \(rank)-D", inputs: image(rank)) {
                    $0[0].upsampledNearest(to: [7, 5, 8].suffix(rank))
                },
                GradientCase("upsampledLinear \(rank)-D", inputs: image(rank)) {
                    $0[0].upsampledLinear(to: [7, 5, 8].suffix(rank))
                },
                GradientCase("upsampledLinear \(rank)-D, aligning corners", inputs: image(rank)) {
                    $0[0].upsampledLinear(factor: 2, spatialAxes: rank, aligningCorners: true)
                },
            ]
        } + [
            GradientCase("maxPool, gradient of gradients", inputs: separated(2)) { inputs in
                let x = inputs[0].node == nil ? inputs[0].watched() : inputs[0]
                let y = x.maxPool(window: 2)
                let z = KuklaTensor.gradients(
                    of: (y * y * y).sum(), withRespectTo: [x], isDifferentiable: true)[0]
                // Twice: the gradient of what spreads is what collects, whose gradient spreads again.
                return KuklaTensor.gradients(of: (z * z).sum(), withRespectTo: [x], isDifferentiable: true)[0]
            }
        ]
}
