import KuklaNumerics
import KuklaTensor
import KuklaTestSupport

extension GradientRegistry {
    /// Three axes of at least two elements each.
    private static func cube(_ random: inout RandomSource) -> [Tensor] {
        [Tensor.normal(random.shape(rank: 3, most: 4).map { $0 + 1 }, using: &random)]
    }

    static let statistics: [GradientCase] = [
        GradientCase("variance", inputs: cube) {
            $0[0].variance(axes: [0, 2]).sum() + $0[0].variance(axes: [1], correction: 1, keepingAxes: true)
        },
        GradientCase("standardDeviation", inputs: cube) { $0[0].standardDeviation(axes: [0, -1]) },
        GradientCase("median") { random in
            [random.apart(random.shape(rank: 3))]
        } function: {
            $0[0].median(axis: 1) * 2
        },
        GradientCase("quantiles") { random in
            [random.apart(random.shape(rank: 3))]
        } function: {
            $0[0].quantiles([0, 0.3, 0.85, 1], axis: 0)
        },
        GradientCase("cumulativeSum", inputs: cube) {
            $0[0].cumulativeSum(axis: 1) * $0[0].cumulativeSum(axis: -1, reversed: true)
        },
        GradientCase("product", inputs: cube) {
            $0[0].product(axes: [0, -1]) + $0[0].product(axes: [1]).sum()
        },
    ]
}
