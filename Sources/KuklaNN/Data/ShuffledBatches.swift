import KuklaNumerics

/// All items in random order, cut into batches; another order each epoch.
public struct ShuffledBatches: BatchSampler {
    public let count: Int
    public let batchSize: Int
    public let seed: UInt64
    /// Whether a last batch that is not full is left out.
    public let droppingLast: Bool

    /// - Precondition: `batchSize > 0`.
    public init(count: Int, batchSize: Int, seed: UInt64, droppingLast: Bool = false) {
        contract(count >= 0 && batchSize > 0, "ShuffledBatches: \(count) items in batches of \(batchSize)")
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

/// All items in their own order: for evaluation, or where the order was chosen by someone else.
public struct SequentialBatches: BatchSampler {
    public let count: Int
    public let batchSize: Int
    public let droppingLast: Bool

    /// - Precondition: `batchSize > 0`.
    public init(count: Int, batchSize: Int, droppingLast: Bool = false) {
        contract(count >= 0 && batchSize > 0, "SequentialBatches: \(count) items in batches of \(batchSize)")
        self.count = count
        self.batchSize = batchSize
        self.droppingLast = droppingLast
    }

    public func batches(inEpoch epoch: Int) -> [[Int]] {
        Array(0..<count).batches(of: batchSize, droppingLast: droppingLast)
    }
}

extension RandomSource {
    /// The random numbers of one epoch: streams of different epochs and seeds have nothing to do with each other.
    init(seed: UInt64, epoch: Int) {
        // A first draw from each spreads neighbouring numbers over the whole range of seeds.
        var bySeed = RandomSource(seed: seed)
        var byEpoch = RandomSource(seed: UInt64(bitPattern: Int64(epoch)) &+ 0xE90C)
        self.init(seed: bySeed.next() ^ byEpoch.next())
    }
}

extension Array {
    func batches(of size: Int, droppingLast: Bool = false) -> [[Element]] {
        stride(from: 0, to: droppingLast ? count / size * size : count, by: size).map {
            Array(self[$0..<Swift.min($0 + size, count)])
        }
    }
}
