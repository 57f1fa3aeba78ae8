import KuklaNumerics
import KuklaTensor
import KuklaTestSupport

extension GradientRegistry {
    private static let five: [Int32] = [2, 0, 2, 3, 0]

    private static func rows(_ random: inout RandomSource) -> [Tensor] {
        [Tensor.normal([5] + random.shape(rank: 2), using: &random)]
    }

    private static func twoMatrices(_ random: inout RandomSource) -> [Tensor] {
        let batch = random.shape(rank: Int.random(in: 0...1, using: &random))
        let lengths = random.shape(rank: 3)
        return [
            Tensor.normal(batch + [lengths[0], lengths[2]], using: &random),
            Tensor.normal(batch + [lengths[1], lengths[2]], using: &random),
        ]
    }

    static let segments: [GradientCase] = [
        GradientCase("segmentSum", inputs: rows) { $0[0].segmentSum(five, count: 5) },
        GradientCase("segmentMean", inputs: rows) { $0[0].segmentMean(five, count: 5) },
        GradientCase("segmentMax") { random in
            [random.apart([5] + random.shape(rank: 2))]
        } function: {
            $0[0].segmentMax(five, count: 5)
        },
        GradientCase("segmentSoftmax", inputs: rows) { $0[0].segmentSoftmax(five, count: 5) },
        GradientCase("pairwiseSquaredDistances", inputs: twoMatrices) {
            $0[0].pairwiseSquaredDistances($0[1])
        },
        GradientCase("pairwiseCosineSimilarities", inputs: twoMatrices) {
            ($0[0] + 1).pairwiseCosineSimilarities($0[1] + 1)
        },
        GradientCase("outer") { random in
            let shape = random.shape(rank: 1)
            return [
                Tensor.normal(shape + [3], using: &random), Tensor.normal(shape + [4], using: &random),
            ]
        } function: {
            $0[0].outer($0[1])
        },
        GradientCase("kronecker") { random in
            [
                Tensor.normal(random.shape(rank: 2), using: &random),
                Tensor.normal(random.shape(rank: 2), using: &random),
            ]
        } function: {
            $0[0].kronecker($0[1])
        },
        GradientCase("diagonal", inputs: rows) { $0[0].diagonal(0, 1) },
        GradientCase("diagonalMatrix", inputs: rows) { $0[0].diagonalMatrix() },
        GradientCase("triangles", inputs: rows) {
            $0[0].lowerTriangle(diagonal: 1) + $0[0].upperTriangle() * 2
        },
        GradientCase("gumbelSoftmax", inputs: rows) {
            var random = RandomSource(seed: 1)
            return $0[0].gumbelSoftmax(temperature: 0.8, using: &random)
        },
    ]
}
