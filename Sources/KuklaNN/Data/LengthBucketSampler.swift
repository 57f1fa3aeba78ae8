import KuklaNumerics

/// All items in batches of about equal length, in an order that is random from batch to batch.
///
/// The items are shuffled, cut into pools, each pool sorted by length and cut into batches, and the batches of all pools
/// shuffled: who meets whom differs each epoch, and little is padded or left idle. A batch ends where one item more would
/// pass `batchSize` items or `tokenBudget` tokens; an item longer than the budget is a batch of its own.
public struct LengthBucketSampler: BatchSampler {
    /// The length of each item, in tokens.
    public let lengths: [Int]
    public let batchSize: Int
    /// The most tokens of a batch, as a sum over its items (we do not pad).
    public let tokenBudget: Int?
    public let seed: UInt64
    /// Items that are sorted together: a larger pool makes lengths more equal and batches less random.
    public let poolSize: Int

    /// - Parameter poolSize: nil for 64 batches.
    /// - Precondition: `batchSize`, `tokenBudget` and `poolSize` are positive.
    public init(
        lengths: [Int], batchSize: Int, tokenBudget: Int? = nil, poolSize: Int? = nil, seed: UInt64
    ) {
        contract(
            batchSize > 0 && tokenBudget ?? 1 > 0 && poolSize ?? 1 > 0,
            "LengthBucketSampler: batches of \(batchSize), \(tokenBudget ?? 0) tokens, pools of \(poolSize ?? 0)"
        )
        self.lengths = lengths
        self.batchSize = batchSize
        self.tokenBudget = tokenBudget
        // No overflow where somebody asks for one batch of everything.
        self.poolSize = poolSize ?? min(batchSize, 1 << 32) * 64
        self.seed = seed
    }

    public func batches(inEpoch epoch: Int) -> [[Int]] {
        var random = RandomSource(seed: seed, epoch: epoch)
        var result: [[Int]] = []
        for pool in random.sample(lengths.count, below: lengths.count).batches(of: poolSize) {
            // Equal lengths stay in their random order.
            let sorted = pool.enumerated().sorted {
                (lengths[$0.element], $0.offset) < (lengths[$1.element], $1.offset)
            }
            var batch: [Int] = []
            var tokens = 0
            for (_, item) in sorted {
                let isFull = batch.count == batchSize || tokens + lengths[item] > tokenBudget ?? .max
                if isFull && !batch.isEmpty {
                    result.append(batch)
                    (batch, tokens) = ([], 0)
                }
                batch.append(item)
                tokens += lengths[item]
            }
            if !batch.isEmpty { result.append(batch) }
        }
        return random.sample(result.count, below: result.count).map { result[$0] }
    }
}
