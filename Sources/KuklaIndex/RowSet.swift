import KuklaNumerics

/// A set of row numbers, one bit each: what a filtered search may find.
public struct RowSet: Hashable, Sendable {
    /// Rows are `0..<capacity`.
    public let capacity: Int
    /// Bit `row % 64` of word `row / 64`; bits past the end are 0.
    private(set) var words: [UInt64]

    /// The empty set of rows below `capacity`.
    public init(capacity: Int) {
        contract(capacity >= 0, "RowSet: capacity \(capacity)")
        self.capacity = capacity
        words = [UInt64](repeating: 0, count: (capacity + 63) / 64)
    }

    /// All rows below `capacity` for which `isIncluded` holds.
    public init(capacity: Int, where isIncluded: (Int) -> Bool) {
        self.init(capacity: capacity)
        for row in 0..<capacity where isIncluded(row) { insert(row) }
    }

    /// All rows below `capacity` except those in `rows`.
    public init(capacity: Int, excluding rows: some Sequence<Int>) {
        self.init(capacity: capacity)
        for i in words.indices { words[i] = .max }
        if capacity % 64 != 0 { words[words.count - 1] = (1 << UInt64(capacity % 64)) - 1 }
        for row in rows { remove(row) }
    }

    /// How many rows are in the set.
    public var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    public func contains(_ row: Int) -> Bool {
        row >= 0 && row < capacity && words[row / 64] >> UInt64(row % 64) & 1 == 1
    }

    public mutating func insert(_ row: Int) {
        contract(row >= 0 && row < capacity, "RowSet: row \(row) of \(capacity)")
        words[row / 64] |= 1 << UInt64(row % 64)
    }

    public mutating func remove(_ row: Int) {
        contract(row >= 0 && row < capacity, "RowSet: row \(row) of \(capacity)")
        words[row / 64] &= ~(1 << UInt64(row % 64))
    }

    /// The rows that are in both sets, which have the same capacity.
    package func intersection(_ other: RowSet) -> RowSet {
        contract(capacity == other.capacity, "RowSet: capacities \(capacity) and \(other.capacity)")
        var both = self
        for i in words.indices { both.words[i] &= other.words[i] }
        return both
    }

    /// Whether any row of `rows` is in the set; `rows` begins at a multiple of 64.
    func containsAny(of rows: Range<Int>) -> Bool {
        words[rows.lowerBound / 64..<(rows.upperBound + 63) / 64].contains { $0 != 0 }
    }
}
