import KuklaNumerics

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
    /// Stretches of `size` elements; the last may be shorter, or is left out.
    func batches(of size: Int, droppingLast: Bool = false) -> [[Element]] {
        stride(from: 0, to: droppingLast ? count / size * size : count, by: size).map {
            Array(self[$0..<Swift.min($0 + size, count)])
        }
    }
}
