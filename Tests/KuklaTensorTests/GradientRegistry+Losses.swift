import KuklaNumerics
import KuklaTensor
import KuklaTestSupport

extension GradientRegistry {
    /// Two tensors of one shape.
    private static func pair(_ random: inout RandomSource) -> [Tensor] {
        let shape = random.shape(rank: 2, most: 20)
        return [Tensor.normal(shape, deviation: 2, using: &random), Tensor.normal(shape, using: &random)]
    }

    private static func logitsAndProbabilities(_ random: inout RandomSource) -> [Tensor] {
        let shape = random.shape(rank: 2, most: 20)
        return [
            Tensor.normal(shape, deviation: 2, using: &random),
            Tensor.uniform(shape, in: 0.1...0.9, using: &random),
        ]
    }

    /// Inputs whose differences lie away from 0, 0.5, -0.5, where losses have kinks.
    private static func differences(_ random: inout RandomSource) -> [Tensor] {
        let shape = random.shape(rank: 2, most: 20)
        let y = Tensor.normal(shape, using: &random)
        let steps = Tensor.uniform(shape, in: -2...2, using: &random).rounded() * 0.5 + 0.25
        return [y + steps, y]
    }

    static let losses: [GradientCase] = [
        GradientCase("binaryCrossEntropy", inputs: logitsAndProbabilities) {
            $0[0].binaryCrossEntropy(targets: $0[1])
                + $0[0].binaryCrossEntropy(targets: $0[1], positiveWeight: 3, reduction: .sum) * 0.1
        },
        GradientCase("binaryCrossEntropy of each", inputs: logitsAndProbabilities) {
            $0[0].binaryCrossEntropy(targets: $0[1], positiveWeight: 0.5, reduction: .none)
        },
        GradientCase("squaredError", inputs: pair) {
            $0[0].squaredError(to: $0[1]) + $0[0].squaredError(to: $0[1], reduction: .none)
        },
        GradientCase("absoluteError", inputs: differences) {
            $0[0].absoluteError(to: $0[1]) + $0[0].absoluteError(to: $0[1], reduction: .none)
        },
        GradientCase("huberLoss", inputs: differences) {
            $0[0].huberLoss(to: $0[1], threshold: 0.5, reduction: .none)
        },
        GradientCase("hingeLoss") { random in
            let shape = random.shape(rank: 2, most: 20)
            // Products of 0.5 and 1.5 times a sign: away from the margin of 1.
            let x = (Tensor.uniform(shape, in: -2...1, using: &random).rounded() + 0.5)
            return [x, Tensor.normal(shape, using: &random).sign() * 0.9]
        } function: {
            $0[0].hingeLoss(signs: $0[1], reduction: .none)
        },
        GradientCase("divergence from probabilities", inputs: logitsAndProbabilities) {
            $0[0].divergence(fromProbabilities: $0[1])
                + $0[0].divergence(fromProbabilities: $0[1], reduction: .none)
        },
        GradientCase("divergence from logits", inputs: pair) {
            $0[0].divergence(fromLogits: $0[1], reduction: .sum)
        },
        GradientCase("sampledCrossEntropy") { random in
            let length = random.shape(rank: 1)[0]
            return [Tensor.normal([3, length], using: &random), Tensor.normal([7, length], using: &random)]
        } function: {
            $0[0].sampledCrossEntropy(
                table: $0[1], targets: [6, 0, 2], negatives: [2, 1, 5, 1],
                logExpectedCounts: ([0.1, -1, 0.5], [0.5, -0.5, 0.2, -0.5]))
        },
    ]
}
