import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import KuklaTestSupport
import KuklaText
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
        GradientCase("own negatives", inputs: inputs(4)) { OwnNegativesLoss(temperature: 0.5)($0) },
        GradientCase("cosent", inputs: inputs(2)) { CoSENTLoss(scale: 3)($0, scores: [0, 1, 1, 3, 2]) },
        GradientCase("angle", inputs: inputs(2)) { AnglELoss(scale: 3)($0, scores: [0, 1, 1, 3, 2]) },
        GradientCase("cosine", inputs: inputs(2)) {
            CosineRegressionLoss()($0, scores: [0, 0.2, 1, 0.3, -1])
        },
        GradientCase("matryoshka", inputs: inputs(3)) {
            MatryoshkaLoss(
                MultipleNegativesRankingLoss(temperature: 0.5), dimensions: [6, 3, 2], weights: [1, 2, 0.5])(
                    $0, scores: [])
        },
        GradientCase("2-D matryoshka, the teacher is taught too", inputs: inputs(4)) {
            Matryoshka2DLoss(
                MultipleNegativesRankingLoss(temperature: 0.5), full: ModelSize(layers: 3, dimensions: 6),
                layers: [1, 2], dimensions: [4, 2],
                alignment: Alignment(temperature: 0.7, detachesTeacher: false)
            ).objective(mode: .inference).loss([Array($0[..<2]), Array($0[2...])], [])
        },
        GradientCase("starbucks over candidates", inputs: inputs(6)) {
            StarbucksLoss(
                MultipleNegativesRankingLoss(temperature: 0.5),
                sizes: [
                    ModelSize(layers: 1, dimensions: 2), ModelSize(layers: 2, dimensions: 3),
                    ModelSize(layers: 3, dimensions: 6),
                ], alignment: Alignment(over: .candidates, weight: 0.8, detachesTeacher: false)
            ).objective(mode: .inference).loss([Array($0[..<2]), Array($0[2..<4]), Array($0[4...])], [])
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
