import KuklaEvaluation
import KuklaNumerics
import Testing

@Suite struct BestAssignmentTests {
    /// The greatest sum over all permutations.
    private func greatest(_ weights: [[Double]]) -> Double {
        func best(_ row: Int, _ free: [Int]) -> Double {
            guard row < weights.count else { return 0 }
            return free.map { column in weights[row][column] + best(row + 1, free.filter { $0 != column }) }
                .max() ?? 0
        }
        return best(0, Array(weights.indices))
    }

    @Test(arguments: 0...6)
    func `no permutation has a greater sum`(_ size: Int) {
        for seed in 1...20 {
            var random = RandomSource(seed: UInt64(seed))
            let weights = (0..<size).map { _ in (0..<size).map { _ in Double(random.normal()) } }
            let columns = BestAssignment.columns(weights)
            #expect(columns.sorted() == Array(0..<size))
            let sum = columns.enumerated().reduce(0) { $0 + weights[$1.offset][$1.element] }
            #expect(abs(sum - greatest(weights)) < 1e-9)
        }
    }
}
