/// The best nodes that a walk has seen, best first, and which of them it has not yet gone on from.
///
/// Of equal scores the lower number is better. One sorted run of 8 bytes a node: with some hundred nodes, most offers
/// lose against the last one at once, and moving a few cache lines is cheaper than two heaps. Belongs to one thread.
struct GraphBeam {
    /// The order of the score, the inverted number, and in the lowest bit whether the walk has gone on from here.
    private var keys: UnsafeMutablePointer<UInt64>
    private var allocated: Int
    private(set) var count = 0
    private var capacity = 0
    /// All nodes before this place were gone on from.
    private var cursor = 0
    /// What a score must exceed to be kept.
    private(set) var bar = -Float.infinity

    init() {
        allocated = 256
        keys = .allocate(capacity: allocated)
    }

    func deallocate() { keys.deallocate() }

    /// Forgets all nodes; keeps the best `capacity` from now on.
    mutating func reset(capacity: Int) {
        if capacity >= allocated {
            keys.deallocate()
            allocated = 2 * capacity
            keys = .allocate(capacity: allocated)
        }
        self.capacity = capacity
        (count, cursor, bar) = (0, 0, -.infinity)
    }

    /// A number that is larger for better scores: NaN as the lowest.
    @inline(__always)
    static func order(_ score: Float) -> UInt32 {
        let bits = score.bitPattern
        guard score == score else { return 0 }
        return bits >> 31 == 1 ? ~bits : bits | 0x8000_0000
    }

    @inline(__always)
    static func score(_ order: UInt32) -> Float {
        guard order != 0 else { return -.infinity }
        return Float(bitPattern: order >> 31 == 1 ? order & 0x7FFF_FFFF : ~order)
    }

    @inline(__always)
    mutating func offer(_ node: UInt32, score: Float) {
        if count == capacity, !(score >= bar) { return }
        insert(UInt64(Self.order(score)) << 32 | UInt64(~node & 0x7FFF_FFFF) << 1)
    }

    private mutating func insert(_ key: UInt64) {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) >> 1
            if keys[middle] > key { low = middle + 1 } else { high = middle }
        }
        guard low < capacity else { return }
        let moved = min(count, capacity - 1) - low
        if moved > 0 { (keys + low + 1).update(from: keys + low, count: moved) }
        keys[low] = key
        if count < capacity { count += 1 }
        if low < cursor { cursor = low }
        if count == capacity { bar = Self.score(UInt32(keys[count - 1] >> 32)) }
    }

    /// The best node that was not gone on from, marked as gone on from; `nil` when there is none.
    @inline(__always)
    mutating func next() -> UInt32? {
        while cursor < count {
            let key = keys[cursor]
            if key & 1 == 0 {
                keys[cursor] = key | 1
                cursor += 1
                return Self.node(key)
            }
            cursor += 1
        }
        return nil
    }

    /// The node that `next` would give, if it stands right behind the last one.
    @inline(__always)
    var upcoming: UInt32? { cursor < count && keys[cursor] & 1 == 0 ? Self.node(keys[cursor]) : nil }

    @inline(__always)
    private static func node(_ key: UInt64) -> UInt32 { ~UInt32(truncatingIfNeeded: key >> 1) & 0x7FFF_FFFF }

    subscript(place: Int) -> (node: UInt32, score: Float) {
        (Self.node(keys[place]), Self.score(UInt32(keys[place] >> 32)))
    }
}
