import KuklaNumerics
import KuklaTensor
import KuklaTestSupport

extension GradientRegistry {
    private static func images(rank: Int, channels: Int) -> @Sendable (inout RandomSource) -> [Tensor] {
        { random in
            [
                Tensor.normal([3, channels] + random.shape(rank: rank), using: &random),
                Tensor.normal([channels], using: &random), Tensor.normal([channels], using: &random),
            ]
        }
    }

    static let channels: [GradientCase] =
        (0...3).flatMap { rank in
            [
                GradientCase("batchNorm \(rank)-D", inputs: images(rank: rank, channels: 3)) {
                    $0[0].batchNorm($0[1], $0[2], epsilon: 0.1).result
                },
                GradientCase("groupNorm \(rank)-D", inputs: images(rank: rank, channels: 6)) {
                    $0[0].groupNorm(groups: 2, $0[1], $0[2], epsilon: 0.1)
                },
            ]
        } + [
            GradientCase("batchNorm, given statistics", inputs: images(rank: 2, channels: 3)) {
                $0[0].batchNorm($0[1], $0[2], mean: Tensor([0.5, -1, 2]), variance: Tensor([1, 2, 0.5]))
            },
            GradientCase("batchNorm without parameters", inputs: images(rank: 2, channels: 3)) {
                $0[0].batchNorm(epsilon: 0.1).result * $0[1].reshaped([3, 1, 1])
            },
            GradientCase("channelsLast", inputs: images(rank: 3, channels: 3)) {
                $0[0].channelsLast() * $0[1]
            },
            GradientCase("channelsFirst", inputs: images(rank: 2, channels: 3)) {
                ($0[0].channelsLast() + $0[1]).channelsFirst() * $0[0]
            },
        ]
}
