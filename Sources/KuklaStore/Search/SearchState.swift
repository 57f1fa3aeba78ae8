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
    /// What searches of the segment were measured to find.
    var calibration: RecallCalibration?

    /// Rows of the segment whose items are gone.
    var deadCount: Int { live.map { $0.capacity - $0.count } ?? 0 }

    /// Whether the index is to be made again: there are items that no memory holds, or most of the index's are gone.
    var wantsCompaction: Bool {
        unheldAfter != nil || (segment.map { 2 * deadCount > $0.record.count } ?? false)
    }

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
        for sequence in sequences { try fresh.remove(sequence, threads: 1) }
    }
}

extension SearchState {
    /// How hard a search of the segment is to look.
    ///
    /// A recall that was asked for is looked up in what was measured. A small index that was not measured is compared whole.
    func effort(for request: SearchRequest, count k: Int, isFiltered: Bool) -> SearchEffort {
        guard let segment else { return SearchEffort(candidates: k, recall: 1) }
        let index = segment.index as? any ApproximateIndex
        if segment.hasExactScores { return SearchEffort(effort: request.effort, candidates: k, recall: 1) }
        guard let recall = request.recall else {
            let candidates = max(k, request.candidateCount)
            let effort = request.effort ?? index?.effort
            // The beam of a graph is never narrower than what is wanted of it.
            let width = segment.index is HNSWIndex ? effort.map { max($0, candidates) } : effort
            return SearchEffort(
                effort: request.effort, candidates: candidates,
                recall: isFiltered
                    ? nil : calibration?.recall(effort: width, candidates: candidates, count: k))
        }
        if var found = calibration?.effort(for: recall, count: k) {
            if isFiltered { found.recall = nil }
            return found
        }
        let isSmall = segment.record.count <= 2000
        return SearchEffort(
            effort: isSmall ? index?.largestEffort : nil,
            candidates: isSmall ? max(k, segment.record.count) : max(k, request.candidateCount),
            recall: isSmall ? 1 : nil)
    }
}
