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
