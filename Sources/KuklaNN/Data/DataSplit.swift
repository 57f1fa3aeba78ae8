import KuklaNumerics

/// A data set cut into a part to train on and a part to judge by.
public struct DataSplit: Sendable, Equatable {
    /// Item numbers, ascending.
    public let training: [Int]
    public let validation: [Int]

    /// Draws `fraction` of `count` items, rounded, for validation; the same for the same seed.
    ///
    /// - Precondition: `fraction` in 0...1.
    public init(count: Int, validationFraction fraction: Double, seed: UInt64) {
        self.init(groups: Array(0..<max(count, 0)), validationFraction: fraction, seed: seed)
    }

    /// As `init(count:validationFraction:seed:)`, but items of one group (captions of one image) stay together, lest one side
    /// gives the other away; `fraction` is of the groups.
    ///
    /// - Parameter groups: the group of each item.
    public init(groups: [Int], validationFraction fraction: Double, seed: UInt64) {
        contract(fraction >= 0 && fraction <= 1, "DataSplit: a fraction of \(fraction)")
        var random = RandomSource(seed: seed)
        let all = Set(groups).sorted()
        let chosen = random.sample(Int((Double(all.count) * fraction).rounded()), below: all.count)
        let drawn = Set(chosen.map { all[$0] })
        training = groups.indices.filter { !drawn.contains(groups[$0]) }
        validation = groups.indices.filter { drawn.contains(groups[$0]) }
    }
}
