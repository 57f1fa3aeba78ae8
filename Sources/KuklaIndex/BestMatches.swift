import CKernels
import KuklaNumerics

/// The `k` best of the scores seen so far, for several queries: one bounded heap each, the worst on top.
///
/// Of equal scores the lower id is better. A score that is not a number ranks below all others. Belongs to one
/// thread while scores are offered.
final class BestMatches: @unchecked Sendable {  // each is filled by one worker
    let queryCount: Int
    let k: Int
    private let scores: UnsafeMutablePointer<Float>
    private let ids: UnsafeMutablePointer<Int>
    private let counts: UnsafeMutablePointer<Int>
    /// Scores that each query was offered so far.
    private let seen: UnsafeMutablePointer<Int>
    private let select: kk_select_above_f32

    init(queryCount: Int, k: Int, level: CPULevel = .current) {
        self.queryCount = queryCount
        self.k = k
        scores = .allocate(capacity: queryCount * k)
        ids = .allocate(capacity: queryCount * k)
        counts = .allocate(capacity: queryCount)
        counts.initialize(repeating: 0, count: queryCount)
        seen = .allocate(capacity: queryCount)
        seen.initialize(repeating: 0, count: queryCount)
        select = kk_topk_kernels_for(level.kernelLevel).pointee.select_above_f32
    }

    deinit {
        scores.deallocate()
        ids.deallocate()
        counts.deallocate()
        seen.deallocate()
    }

    /// Offers `count` scores of `query`; the first belongs to row `firstRow`.
    ///
    /// - Parameters:
    ///   - allowed: one bit for each score, or nil.
    ///   - candidates: scratch for `count` positions.
    /// - Precondition: rows are offered in increasing order.
    func offer(
        _ offered: UnsafePointer<Float>, count: Int, firstRow: Int, query: Int,
        allowed: UnsafePointer<UInt64>?, candidates: UnsafeMutablePointer<UInt32>
    ) {
        var position = 0
        // Fills the heap first: only then is there a worst score to beat.
        while position < count, counts[query] < k {
            if allowed.map({ $0[position / 64] >> UInt64(position % 64) & 1 == 1 }) ?? true {
                append(ScoredRow.ranked(offered[position]), id: firstRow + position, query: query)
            }
            position += 1
        }
        // While little was seen the worst score kept is easy to beat: asking in windows that grow with what was seen
        // raises it before the bulk is asked.
        while position < count {
            let end = min(count, (position + max(256, 4 * (seen[query] + position))) / 64 * 64)
            offerWindow(
                offered, position..<end, firstRow: firstRow, query: query, allowed: allowed,
                candidates: candidates)
            position = end
        }
        seen[query] += count
    }

    private func offerWindow(
        _ offered: UnsafePointer<Float>, _ window: Range<Int>, firstRow: Int, query: Int,
        allowed: UnsafePointer<UInt64>?, candidates: UnsafeMutablePointer<UInt32>
    ) {
        let heap = scores + query * k
        // An equal score of a higher row never displaces one that is kept, so "above" is all there is to ask.
        // The kernel starts at a word of the filter.
        let start = window.lowerBound / 64 * 64
        let found = select(
            offered + start, window.upperBound - start, heap[0], allowed.map { $0 + start / 64 }, candidates)
        for i in 0..<found {
            let candidate = start + Int(candidates[i])
            let score = offered[candidate]
            if candidate >= window.lowerBound, score > heap[0] {
                replaceWorst(with: score, id: firstRow + candidate, query: query)
            }
        }
    }

    /// What is kept for `query`, in no order.
    func rows(of query: Int) -> [ScoredRow] {
        (0..<counts[query]).map { ScoredRow(score: scores[query * k + $0], id: ids[query * k + $0]) }
    }

    // MARK: - The heap

    private func append(_ score: Float, id: Int, query: Int) {
        let (s, d) = (scores + query * k, ids + query * k)
        var child = counts[query]
        counts[query] += 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard isWorse(score, id, s[parent], d[parent]) else { break }
            s[child] = s[parent]
            d[child] = d[parent]
            child = parent
        }
        s[child] = score
        d[child] = id
    }

    private func replaceWorst(with score: Float, id: Int, query: Int) {
        let (s, d) = (scores + query * k, ids + query * k)
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < k else { break }
            if child + 1 < k, isWorse(s[child + 1], d[child + 1], s[child], d[child]) { child += 1 }
            guard isWorse(s[child], d[child], score, id) else { break }
            s[parent] = s[child]
            d[parent] = d[child]
            parent = child
        }
        s[parent] = score
        d[parent] = id
    }

    @inline(__always)
    private func isWorse(_ a: Float, _ aID: Int, _ b: Float, _ bID: Int) -> Bool {
        a < b || (a == b && aID > bID)
    }
}

/// A row and what it scored.
struct ScoredRow: Sendable {
    let score: Float
    let id: Int

    init(score: Float, id: Int) {
        self.score = Self.ranked(score)
        self.id = id
    }

    /// A NaN (an overflow in both directions) as the lowest score there is.
    static func ranked(_ score: Float) -> Float { score.isNaN ? -.infinity : score }

    /// The `k` best of `rows`, best first, of equal scores the lower id first.
    static func best(_ k: Int, of rows: [ScoredRow]) -> [ScoredRow] {
        Array(rows.sorted { $0.score > $1.score || ($0.score == $1.score && $0.id < $1.id) }.prefix(k))
    }
}

extension Match {
    static func list(_ rows: [ScoredRow], metric: Metric) -> [Match] {
        rows.map { Match(id: $0.id, score: $0.score, distance: metric.distance(fromScore: $0.score)) }
    }
}
