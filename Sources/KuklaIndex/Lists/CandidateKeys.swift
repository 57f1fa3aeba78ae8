/// The best of many candidates, in no order: a buffer that is cut down to them whenever it is full, in linear time.
///
/// Where hundreds are kept, that is cheaper than keeping them sorted. Of equal scores the lower number is better. Belongs to one
/// thread.
struct CandidateKeys {
    /// The order of the score, then the inverted number.
    private let keys: UnsafeMutablePointer<UInt64>
    private let room: Int
    private var filled = 0
    /// How many are kept.
    let width: Int
    /// What a score must reach to be kept; it rises.
    private(set) var bar = -Float.infinity

    init(width: Int) {
        self.width = width
        room = 4 * width + 64
        keys = .allocate(capacity: room)
    }

    func deallocate() { keys.deallocate() }

    /// Forgets all candidates.
    mutating func reset() { (filled, bar) = (0, -.infinity) }

    /// Candidates so far, at most `width`.
    var count: Int { min(filled, width) }

    @inline(__always)
    mutating func offer(_ number: UInt32, score: Float) {
        keys[filled] = UInt64(GraphBeam.order(score)) << 32 | UInt64(UInt32.max - number)
        filled += 1
        if filled == room { cut() }
    }

    /// The best `width` candidates.
    mutating func best() -> [ScoredRow] {
        cut()
        return (0..<filled).map {
            ScoredRow(
                score: GraphBeam.score(UInt32(keys[$0] >> 32)),
                id: Int(UInt32.max - UInt32(truncatingIfNeeded: keys[$0])))
        }
    }

    /// Forgets all but the best `width`.
    mutating func cut() {
        guard width > 0, filled > width else {
            filled = min(filled, width)
            return
        }
        // Hoare's selection: larger keys to the front until the first `width` are the largest. No two keys are equal.
        var (low, high) = (0, filled - 1)
        while low < high {
            let pivot = keys[(low + high) / 2]
            var (i, j) = (low, high)
            while i <= j {
                while keys[i] > pivot { i += 1 }
                while keys[j] < pivot { j -= 1 }
                if i <= j {
                    (keys[i], keys[j]) = (keys[j], keys[i])
                    i += 1
                    j -= 1
                }
            }
            if width - 1 <= j { high = j } else if width - 1 >= i { low = i } else { break }
        }
        filled = width
        var least = keys[0]
        for i in 1..<width { least = min(least, keys[i]) }
        bar = GraphBeam.score(UInt32(least >> 32))
    }
}
