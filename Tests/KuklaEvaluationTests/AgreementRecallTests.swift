import KuklaEvaluation
import KuklaNumerics
import Testing

@Suite struct AgreementRecallTests {
    @Test func `recall counts the true neighbours that were found`() throws {
        let recall = try AgreementRecall(
            approximate: [[1, 2, 3, 4], [9, 8, 7], [5, 5, 5], []],
            exact: [[4, 3, 2, 1], [7, 1, 2], [5, 6], [1]], k: 3)
        // {1,2,3} of {4,3,2}; {7} of {7,1,2}; {5} of {5,6}, all that exact search had; nothing.
        #expect(recall.perQuery == [2.0 / 3, 1.0 / 3, 0.5, 0])
        #expect(abs(recall.mean - 0.375) < 1e-15)
    }

    @Test func `answers that do not match in number are refused`() {
        #expect(throws: KuklaError.self) { try AgreementRecall(approximate: [[1]], exact: [[1], [2]], k: 1) }
        #expect(throws: KuklaError.self) { try AgreementRecall(approximate: [[1]], exact: [[Int]()], k: 1) }
        let none: [[Int]] = []
        #expect(throws: KuklaError.self) { try AgreementRecall(approximate: none, exact: none, k: 1) }
    }

    @Test func `the interval of a mean is the textbook one`() {
        // Five values of 0.25 and five of 0.75: mean 0.5, s² = 10 · 0.0625 / 9.
        let recall = AgreementRecall(k: 4, perQuery: (0..<10).map { $0 < 5 ? 0.25 : 0.75 })
        let half = 1.959963984540054 * (0.625 / 9 / 10).squareRoot()
        #expect(abs(recall.interval.lowerBound - (0.5 - half)) < 1e-12)
        #expect(abs(recall.interval.upperBound - (0.5 + half)) < 1e-12)
    }

    @Test func `no interval leaves 0 to 1, and perfect agreement is not certainty`() {
        let perfect = AgreementRecall(k: 10, perQuery: [Double](repeating: 1, count: 10))
        #expect(perfect.interval.upperBound == 1)
        #expect(abs(perfect.interval.lowerBound - 0.7224672001371106) < 1e-9)
        let edge = AgreementRecall(k: 10, perQuery: [1, 1, 1, 0.9, 0])
        #expect(edge.interval.upperBound == 1 && edge.interval.lowerBound >= 0)
    }

    @Test func `intervals hold the true mean about 95 times in 100`() {
        var random = RandomSource(seed: 7)
        var normal = 0
        var bootstrap = 0
        for trial in 0..<300 {
            // Recall@10 of 200 queries, each neighbour found with probability 0.9.
            let recalls = (0..<200).map { _ in
                Double((0..<10).count { _ in random.uniform() < 0.9 }) / 10
            }
            let recall = AgreementRecall(k: 10, perQuery: recalls)
            if recall.interval.contains(0.9) { normal += 1 }
            if recall.bootstrapInterval(resamples: 400, seed: UInt64(trial)).contains(0.9) { bootstrap += 1 }
        }
        // Binomial(300, 0.95): 285 ± 4 sd of 3.8.
        #expect((270...299).contains(normal), "\(normal) of 300")
        #expect((270...299).contains(bootstrap), "\(bootstrap) of 300")
    }

    @Test func `pairs of plans are told apart on the same queries`() {
        let hard = (0..<50).map { Double($0 % 5) / 5 }
        let better = AgreementRecall(
            k: 10, perQuery: hard.enumerated().map { $1 + ($0 % 2 == 0 ? 0.1 : 0.05) })
        let worse = AgreementRecall(k: 10, perQuery: hard)
        #expect(better.interval.overlaps(worse.interval))
        #expect(better.intervalOfDifference(from: worse).lowerBound > 0)
        #expect(worse.intervalOfDifference(from: better).upperBound < 0)
    }

    @Test func `the bootstrap is the same for the same seed`() {
        let recall = AgreementRecall(k: 10, perQuery: (1...40).map { 1 / Double($0) })
        #expect(recall.bootstrapInterval(seed: 1) == recall.bootstrapInterval(seed: 1))
        #expect(recall.bootstrapInterval(seed: 1) != recall.bootstrapInterval(seed: 2))
    }
}
