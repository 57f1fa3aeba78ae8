import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import KuklaTestSupport
import Testing

@Suite struct LossGradientTests {
    static func inputs(_ columns: Int) -> @Sendable (inout RandomSource) -> [Tensor] {
        { random in (0..<columns).map { _ in Tensor.normal([5, 6], using: &random) } }
    }

    static let cases: [GradientCase] = [
        GradientCase("contrastive", inputs: inputs(2)) { MultipleNegativesRankingLoss(temperature: 0.5)($0) },
        GradientCase("contrastive with negatives, symmetric", inputs: inputs(4)) {
            MultipleNegativesRankingLoss(temperature: 0.5, isSymmetric: true)($0)
        },
        GradientCase("cosent", inputs: inputs(2)) { CoSENTLoss(scale: 3)($0, scores: [0, 1, 1, 3, 2]) },
        GradientCase("angle", inputs: inputs(2)) { AnglELoss(scale: 3)($0, scores: [0, 1, 1, 3, 2]) },
        GradientCase("cosine", inputs: inputs(2)) {
            CosineRegressionLoss()($0, scores: [0, 0.2, 1, 0.3, -1])
        },
    ]

    @Test(arguments: cases)
    func `gradient agrees with central differences`(_ gradientCase: GradientCase) {
        for seed in 1...8 {
            let outcome = gradientCase.check(seed: UInt64(seed))
            #expect(outcome.isClose, "\(gradientCase), seed \(seed): \(outcome)")
        }
    }
}
