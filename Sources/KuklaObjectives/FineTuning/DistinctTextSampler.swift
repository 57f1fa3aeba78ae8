public import KuklaNN
import KuklaNumerics

/// All rows in random order in full batches in which no text stands twice: with in-batch negatives a text's twin would be held
/// against it. Another order each epoch.
///
/// A row that would bring a text that the batch has waits for the next one. Rows that are left when no full batch can be made
/// are left out of the epoch.
public struct DistinctTextSampler: BatchSampler {
    /// Numbers of the texts of each row; equal texts have equal numbers.
    let identities: [[Int32]]
    public let batchSize: Int
    public let seed: UInt64

    init(identities: [[Int32]], batchSize: Int, seed: UInt64) {
        contract(batchSize > 0, "DistinctTextSampler: batches of \(batchSize)")
        self.identities = identities
        self.batchSize = batchSize
        self.seed = seed
    }

    /// The sampler of these rows, if it can make a batch at all.
    ///
    /// - Throws: `KuklaError`: `usage` where there are fewer rows than a batch has, `badData` where too many share texts.
    static func checked(
        identities: [[Int32]], batchSize: Int, seed: UInt64
    ) throws(KuklaError) -> DistinctTextSampler {
        try checkCount(identities.count, batchSize: batchSize)
        let sampler = DistinctTextSampler(identities: identities, batchSize: batchSize, seed: seed)
        guard !sampler.batches(inEpoch: 0).isEmpty else {
            throw KuklaError(
                .badData,
                "Cannot make a batch of \(batchSize) pairs in which no text stands twice: too many of the \(identities.count) pairs share texts. Give a smaller --batch-size."
            )
        }
        return sampler
    }

    static func checkCount(_ pairs: Int, batchSize: Int) throws(KuklaError) {
        guard pairs >= batchSize else {
            throw KuklaError(
                .usage,
                "Cannot train on \(pairs) pairs in batches of \(batchSize): give more pairs, or a --batch-size of at most \(pairs)."
            )
        }
    }

    public func batches(inEpoch epoch: Int) -> [[Int]] {
        let order =
            ShuffledSampler(count: identities.count, batchSize: max(identities.count, 1), seed: seed)
            .batches(inEpoch: epoch).first ?? []
        var result: [[Int]] = []
        var waiting = order[...]
        var postponed: [Int] = []
        var batch: [Int] = []
        var texts = Set<Int32>()
        while true {
            if batch.count == batchSize {
                result.append(batch)
                batch = []
                texts = []
                // Those that had to wait come first.
                waiting = (postponed + waiting)[...]
                postponed = []
            }
            guard let row = waiting.popFirst() else { return result }
            if identities[row].contains(where: texts.contains) {
                postponed.append(row)
            } else {
                batch.append(row)
                texts.formUnion(identities[row])
            }
        }
    }
}
