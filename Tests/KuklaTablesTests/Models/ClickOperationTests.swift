import KuklaNN
import KuklaNumerics
import KuklaTables
import KuklaTensor
import KuklaTestSupport
import Testing

@Suite struct ClickOperationTests {
    static let offsets: [Int32] = [0, 2, 2, 5]

    static let cases: [GradientCase] = [
        GradientCase(
            "products of fields", inputs: { [Tensor.normal([3, 12], using: &$0)] },
            function: { $0[0].fieldProducts(with: nil, width: 4) }),
        GradientCase(
            "products of fields and a vector of each example",
            inputs: { [Tensor.normal([3, 12], using: &$0), Tensor.normal([3, 4], using: &$0)] },
            function: { $0[0].fieldProducts(with: $0[1], width: 4) }),
        GradientCase(
            "products of fields and a vector of all examples",
            inputs: { [Tensor.normal([5, 12], using: &$0), Tensor.normal([4], using: &$0)] },
            function: { $0[0].fieldProducts(with: $0[1], width: 4) }),
        GradientCase(
            "factorization machine", inputs: { [Tensor.normal([3, 12], using: &$0)] },
            function: { $0[0].factorizationMachine(width: 4) }),
        GradientCase(
            "cross",
            inputs: { random in (0..<3).map { _ in Tensor.normal([3, 4], using: &random) } },
            function: { $0[0].crossed(with: $0[1], $0[2]) }),
        GradientCase(
            "sums of lists", inputs: { [Tensor.normal([5, 4], using: &$0)] },
            function: { $0[0].listSums(offsets: offsets) }),
        GradientCase(
            "means of lists", inputs: { [Tensor.normal([5, 4], using: &$0)] },
            function: { $0[0].listSums(offsets: offsets, isMean: true) }),
        GradientCase(
            "weighted sums of lists",
            inputs: { [Tensor.normal([5, 4], using: &$0), Tensor.normal([5], using: &$0)] },
            function: { $0[0].listSums(offsets: offsets, weights: $0[1]) }),
        GradientCase(
            "pairs of events and candidates",
            inputs: { [Tensor.normal([5, 4], using: &$0), Tensor.normal([3, 4], using: &$0)] },
            function: { $0[0].interestPairs(candidates: $0[1], offsets: offsets) }),
        GradientCase(
            "weighted squares", inputs: { [Tensor.normal([3, 6], using: &$0)] },
            function: { $0[0].weightedSquares([1, 2, 0.5, 0, 3, 1], widths: [2, 4]) }),
        GradientCase(
            "Dice by the batch", tolerance: 1e-2,
            inputs: { [Tensor.normal([7, 3], using: &$0), Tensor.normal([3], using: &$0)] },
            function: { $0[0].diced($0[1], epsilon: 1e-5).result }),
        GradientCase(
            "Dice by averages",
            inputs: { [Tensor.normal([7, 3], using: &$0), Tensor.normal([3], using: &$0)] },
            function: {
                $0[0].diced($0[1], statistics: (.full([3], 0.2), .full([3], 1.5)), epsilon: 1e-5).result
            }),
    ]

    @Test(arguments: cases)
    func `the gradient is that of central differences`(_ gradientCase: GradientCase) {
        for seed in 1...4 {
            let outcome = gradientCase.check(seed: UInt64(seed))
            #expect(outcome.isClose, "\(gradientCase): \(outcome)")
        }
    }

    @Test func `products of fields are the inner products of all pairs`() {
        var random = RandomSource(seed: 2)
        // A width that fills no register.
        let (n, m, width) = (4, 5, 11)
        let vectors = Tensor.normal([n, m * width], using: &random)
        let first = Tensor.normal([n, width], using: &random)
        let found = vectors.fieldProducts(with: first, width: width)
        let all = Tensor.concatenated([first, vectors], axis: 1).reshaped([n, m + 1, width])
        #expect(found.shape == [n, 15])
        for row in 0..<n {
            for i in 1...m {
                for j in 0..<i {
                    var sum: Float = 0
                    for k in 0..<width { sum += all[row, i, k] * all[row, j, k] }
                    #expect(abs(found[row, i * (i - 1) / 2 + j] - sum) < 1e-4)
                }
            }
        }
    }

    @Test func `a factorization machine sums the products of fields`() {
        var random = RandomSource(seed: 3)
        let vectors = Tensor.normal([6, 20], using: &random)
        let sums = vectors.fieldProducts(with: nil, width: 4).sum(axes: [1])
        for (a, b) in zip(vectors.factorizationMachine(width: 4).elements, sums.elements) {
            #expect(abs(a - b) < 1e-4)
        }
    }

    @Test
    func
        `Dice with slope 1 is the identity, and tends to PReLU where numbers are small against epsilon's scale`()
    {
        var random = RandomSource(seed: 4)
        let x = Tensor.normal([50, 3], using: &random)
        let same = Dice(3, slope: 1)(x, mode: .training(RandomStream(seed: 1)))
        for (a, b) in zip(x.elements, same.elements) { #expect(abs(a - b) < 1e-6) }
        // Mean 0 and a vanishing variance: the sigmoid becomes a step.
        let dice = Dice(3, slope: 0.25)
        dice.runningVariance.value = .full([3], 1e-8)
        let rectified = ParametricReLU(3, slope: 0.25)(x)
        for (a, b) in zip(dice(x, mode: .inference).elements, rectified.elements) {
            #expect(abs(a - b) < 1e-3)
        }
    }
}
