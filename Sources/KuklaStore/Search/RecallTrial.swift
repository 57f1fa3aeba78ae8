import KuklaIndex
import KuklaNumerics

/// Measures what searches of an index find of the best items, with ever more work.
struct RecallTrial {
    /// The index, without the queries' own items where it is a graph: a walk that has met the query itself is already among its
    /// neighbours.
    let index: any CodedIndex
    /// `[n, dimensions]`
    let queries: Matrix
    /// Rows that may be found; `nil` for all.
    let allowed: RowSet?
    /// The rows of the best items of each query, best first, as many as the largest of `RecallCalibration.counts`.
    let truth: [[Int]]
    let threads: Int
    /// Whether to give up.
    let isStopped: () -> Bool

    /// A ladder ends where so much is found.
    private static let enough = 0.999
    /// ... or where half as much work again finds less than so much more.
    private static let leastGain = 0.0005

    private typealias Step = RecallCalibration.Step

    /// The ways to search for as many matches as `RecallCalibration.counts` says, where there are so many.
    func curves() throws(KuklaError) -> [RecallCalibration.Curve] {
        let counts = RecallCalibration.counts.filter { $0 <= index.count }
        var curves: [RecallCalibration.Curve] = []
        guard index is FlatIndex, index.refinement == nil else {
            for k in counts { curves.append(try curve(count: k)) }
            return curves
        }
        // All codes are compared however many are wanted: the best of fewer are the first of more.
        let ladders = counts.map { Self.ladder(from: $0, to: index.count) }
        let (found, seconds) = try search(
            index, count: ladders.flatMap(\.self).max() ?? 1, batch: queries.rows)
        for (k, ladder) in zip(counts, ladders) {
            var steps: [Step] = []
            try climb(ladder, k, &steps) { candidates in
                Step(
                    effort: nil, candidates: candidates,
                    recall: recall(found.map { $0.prefix(candidates).map(\.id) }, k), seconds: seconds)
            }
            curves.append(.init(count: k, steps: Self.rising(steps)))
        }
        return curves
    }

    /// The ways to search for the best `k`.
    private func curve(count k: Int) throws(KuklaError) -> RecallCalibration.Curve {
        var steps: [Step] = []
        if let approximate = index as? any ApproximateIndex & CodedIndex {
            let isGraph = index is HNSWIndex
            let usual = 4 * k + 32
            let efforts = Self.ladder(from: isGraph ? k : 1, to: approximate.largestEffort)
            try climb(efforts, k, &steps) { effort throws(KuklaError) in
                try measure(effort: effort, candidates: isGraph ? min(effort, usual) : usual, k)
            }
        }
        // Where the codes rank otherwise than the vectors, only more candidates find more.
        let reached = steps.last
        let candidates = Self.ladder(from: reached?.candidates ?? k, to: index.count)
        try climb(candidates, k, &steps) { count throws(KuklaError) in
            try measure(effort: reached?.effort, candidates: count, k)
        }
        return .init(count: k, steps: Self.rising(steps))
    }

    /// More work never counts as finding less: what does was chance.
    private static func rising(_ steps: [Step]) -> [Step] {
        var best = 0.0
        return steps.map { step in
            best = max(best, step.recall)
            return Step(
                effort: step.effort, candidates: step.candidates, recall: best, seconds: step.seconds)
        }
    }

    /// About half as much again with each number.
    private static func ladder(from least: Int, to most: Int) -> [Int] {
        var all: [Int] = []
        var step = least
        while step < min(most, 64 * max(least, 64)) {
            all.append(step)
            step += max(1, step / 2)
        }
        return all + [max(1, min(step, most))]
    }

    private func climb(
        _ ladder: [Int], _ k: Int, _ steps: inout [Step], _ measure: (Int) throws(KuklaError) -> Step
    ) throws(KuklaError) {
        let before = steps.count
        for rung in ladder {
            if let last = steps.last, last.recall >= Self.enough { return }
            let step = try measure(rung)
            let gain = step.recall - (steps.last?.recall ?? 0)
            steps.append(step)
            if steps.count - before > 3, gain < Self.leastGain { return }
        }
    }

    private func measure(effort: Int?, candidates: Int, _ k: Int) throws(KuklaError) -> Step {
        var index = index
        if let effort { index = try index.searched(withEffort: effort) }
        // Graphs and lists compare many queries at once in other ways where rows are left out.
        let batch = allowed == nil || index is FlatIndex ? queries.rows : 1
        let (found, seconds) = try search(index, count: candidates, batch: batch)
        return Step(
            effort: effort, candidates: candidates, recall: recall(found.map { $0.map(\.id) }, k),
            seconds: seconds)
    }

    /// What a search finds, and the seconds that a query takes.
    private func search(
        _ index: any CodedIndex, count: Int, batch: Int
    ) throws(KuklaError) -> (found: [[Match]], seconds: Double) {
        let start = ContinuousClock.now
        var found: [[Match]] = []
        for row in stride(from: 0, to: queries.rows, by: max(1, batch)) {
            guard !isStopped() else {
                throw KuklaError(
                    .cancelled, "The collection was closed while the recall of its index was measured.")
            }
            found += try index.search(
                queries[rows: row..<min(row + batch, queries.rows)], count: min(count, index.count),
                allowing: allowed, threads: threads)
        }
        return (found, (ContinuousClock.now - start) / .seconds(1) / Double(max(1, queries.rows)))
    }

    private func recall(_ found: [[Int]], _ k: Int) -> Double {
        var (hits, wanted) = (0, 0)
        for (best, rows) in zip(truth, found) {
            let best = best.prefix(k)
            wanted += best.count
            hits += Set(best).intersection(rows).count
        }
        return Double(hits) / Double(max(1, wanted))
    }
}
