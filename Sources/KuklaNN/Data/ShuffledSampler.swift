import KuklaNumerics

/// All items in random order, cut into batches; another order each epoch.
public struct ShuffledSampler: BatchSampler {
    public let count: Int
    public let batchSize: Int
    public let seed: UInt64
    /// Whether a last batch that is not full is left out.
    public let droppingLast: Bool

    /// - Precondition: `batchSize > 0`.
    public init(count: Int, batchSize: Int, seed: UInt64, droppingLast: Bool = false) {
        contract(count >= 0 && batchSize > 0, "ShuffledSampler: \(count) items in batches of \(batchSize)")
        self.count = count
        self.batchSize = batchSize
        self.seed = seed
        self.droppingLast = droppingLast
    }

    public func batches(inEpoch epoch: Int) -> [[Int]] {
        var random = RandomSource(seed: seed, epoch: epoch)
        return random.sample(count, below: count).batches(of: batchSize, droppingLast: droppingLast)
    }
}
