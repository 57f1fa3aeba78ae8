import KuklaIndex
import KuklaNumerics

/// What searches look through: an immutable value that writers replace and readers keep.
struct SearchState: Sendable {
    var segment: Segment?
    /// Rows of the segment whose items are still there; `nil` where all are.
    var live: RowSet?
    /// Items after the segment's.
    var fresh: FreshItems
    /// Items of later operations than this are in the database only; `nil` where there are none.
    var unheldAfter: Int64?

    /// Rows of the segment whose items are gone.
    var deadCount: Int { live.map { $0.capacity - $0.count } ?? 0 }

    /// Forgets items that were deleted or written again.
    mutating func remove(_ sequences: [Int64]) throws(KuklaError) {
        guard !sequences.isEmpty else { return }
        let sequences = sequences.sorted()
        if let segment, let first = sequences.first, first <= segment.record.through {
            let dead = try segment.rows(of: sequences)
            if dead.count > 0 {
                var rows = live ?? RowSet(capacity: segment.record.count, excluding: [])
                for row in 0..<dead.capacity where dead.contains(row) { rows.remove(row) }
                live = rows
            }
        }
        for sequence in sequences { fresh.remove(sequence) }
    }
}
