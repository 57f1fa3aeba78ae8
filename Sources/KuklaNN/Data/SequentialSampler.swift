import KuklaNumerics

/// All items in their own order: for evaluation, or where the order was chosen by someone else.
public struct SequentialSampler: BatchSampler {
    public let count: Int
    public let batchSize: Int
    public let droppingLast: Bool

    /// - Precondition: `batchSize > 0`.
    public init(count: Int, batchSize: Int, droppingLast: Bool = false) {
        contract(count >= 0 && batchSize > 0, "SequentialSampler: \(count) items in batches of \(batchSize)")
        self.count = count
        self.batchSize = batchSize
        self.droppingLast = droppingLast
    }

    public func batches(inEpoch epoch: Int) -> [[Int]] {
        Array(0..<count).batches(of: batchSize, droppingLast: droppingLast)
    }
}
