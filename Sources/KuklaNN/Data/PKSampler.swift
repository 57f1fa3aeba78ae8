import KuklaNumerics

/// Batches of P classes with K examples each, for losses that compare within a batch.
///
/// In an epoch each class's examples are shuffled and cut into groups of K (a last group that is not full is filled up with
/// others of its class, repeated where the class has fewer than K); a batch takes one group each of P classes drawn from those
/// that have groups left. The epoch ends where fewer than P have. Batches list a class's examples side by side.
/// *Source:* Hermans, Beyer and Leibe 2017, "In defense of the triplet loss for person re-identification", arXiv:1703.07737.
public struct PKSampler: BatchSampler {
    /// The class of each item.
    public let labels: [Int32]
    public let classesPerBatch: Int
    public let examplesPerClass: Int
    public let seed: UInt64

    /// - Precondition: `classesPerBatch` and `examplesPerClass` are positive.
    public init(labels: [Int32], classesPerBatch: Int, examplesPerClass: Int, seed: UInt64) {
        contract(
            classesPerBatch > 0 && examplesPerClass > 0,
            "PKSampler: \(classesPerBatch) classes of \(examplesPerClass) examples")
        self.labels = labels
        self.classesPerBatch = classesPerBatch
        self.examplesPerClass = examplesPerClass
        self.seed = seed
    }

    public func batches(inEpoch epoch: Int) -> [[Int]] {
        var random = RandomSource(seed: seed, epoch: epoch)
        var groups = itemsByClass(labels).map { fullGroups(of: $0, using: &random) }
        var open = Array(groups.indices)
        var result: [[Int]] = []
        while open.count >= classesPerBatch {
            let chosen = random.sample(classesPerBatch, below: open.count)
            result.append(chosen.flatMap { groups[open[$0]].removeLast() })
            open.removeAll { groups[$0].isEmpty }
        }
        return result
    }

    private func fullGroups(of items: [Int], using random: inout RandomSource) -> [[Int]] {
        var groups = random.shuffled(items).batches(of: examplesPerClass)
        while groups[groups.count - 1].count < examplesPerClass {
            let last = groups[groups.count - 1]
            let others = random.shuffled(items.filter { !last.contains($0) })
            let fill = others.isEmpty ? random.shuffled(items) : others
            groups[groups.count - 1] += fill.prefix(examplesPerClass - last.count)
        }
        return groups
    }
}
