import KuklaNumerics

/// As many examples of each class, however rare it is.
///
/// Classes take turns in a random order that changes each round; each class goes through its examples in random order, and
/// begins anew when they run out. An epoch has as many items as the data set, whole batches only (at least one).
public struct ClassBalancedSampler: BatchSampler {
    /// The class of each item.
    public let labels: [Int32]
    public let batchSize: Int
    public let seed: UInt64

    /// - Precondition: `batchSize > 0`.
    public init(labels: [Int32], batchSize: Int, seed: UInt64) {
        contract(batchSize > 0, "ClassBalancedSampler: batches of \(batchSize)")
        self.labels = labels
        self.batchSize = batchSize
        self.seed = seed
    }

    public func batches(inEpoch epoch: Int) -> [[Int]] {
        guard !labels.isEmpty else { return [] }
        var random = RandomSource(seed: seed, epoch: epoch)
        let classes = itemsByClass(labels)
        var waiting = [[Int]](repeating: [], count: classes.count)
        let count = max(labels.count / batchSize, 1) * batchSize
        var items: [Int] = []
        items.reserveCapacity(count)
        while items.count < count {
            for c in random.sample(classes.count, below: classes.count) where items.count < count {
                if waiting[c].isEmpty { waiting[c] = random.shuffled(classes[c]) }
                items.append(waiting[c].removeLast())
            }
        }
        return items.batches(of: batchSize)
    }
}

/// The items of each class, classes in the order of their labels.
func itemsByClass(_ labels: [Int32]) -> [[Int]] {
    Dictionary(grouping: labels.indices) { labels[$0] }.sorted { $0.key < $1.key }.map(\.value)
}

extension RandomSource {
    /// The elements in random order.
    mutating func shuffled<Element>(_ elements: [Element]) -> [Element] {
        sample(elements.count, below: elements.count).map { elements[$0] }
    }
}
