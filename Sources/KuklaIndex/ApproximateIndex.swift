public import KuklaNumerics

/// An index whose searches may miss matches, and miss fewer the more effort they take.
public protocol ApproximateIndex: VectorIndex {
    /// How thorough a search is, at least 1: the beam's width of a graph, the number of lists that are looked
    /// through.
    var effort: Int { get set }
    /// The most that `effort` is worth: a search then compares about all vectors.
    var largestEffort: Int { get }

    /// The best matches by the finest codes of the index, by comparing all vectors: what recall is measured against.
    func exactSearch(_ queries: Matrix, count k: Int, threads: Int) throws(KuklaError) -> [[Match]]
}

/// What an effort was measured to reach.
public struct EffortMeasurement: Hashable, Sendable, Codable {
    public let effort: Int
    /// Matches found of the `k` best, `0...1`, on average over the queries.
    public let recall: Double
    public let queriesPerSecond: Double
}

extension ApproximateIndex {
    /// Measures the present effort on `queries`, with one query after the other on one thread.
    ///
    /// - Parameter exact: the ids of the `k` best of each query.
    public func measureEffort(_ queries: Matrix, exact: [[Int]], count k: Int) throws(KuklaError)
        -> EffortMeasurement
    {
        contract(exact.count == queries.rows, "\(exact.count) exact lists for \(queries.rows) queries")
        let start = ContinuousClock.now
        let found = try search(queries, count: k, allowing: nil, threads: 1)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let hits = zip(found, exact).reduce(0) { sum, pair in
            sum + Set(pair.1.prefix(k)).intersection(pair.0.map(\.id)).count
        }
        return EffortMeasurement(
            effort: effort, recall: Double(hits) / Double(max(1, queries.rows * k)),
            queriesPerSecond: Double(queries.rows) / max(seconds, 1e-9))
    }

    /// Sets the least effort that finds `recall` of the `k` best on average over held-out `queries`.
    ///
    /// Doubles the effort until it is enough, then halves the interval. With few queries the recall on others may be
    /// lower: its standard error is about `sqrt(recall (1 - recall) / (queries * k))` or a little more.
    /// - Parameters:
    ///   - recall: in `0...1`.
    ///   - exact: the ids of the `k` best of each query; found by comparing all vectors where `nil`.
    /// - Returns: what the chosen effort reached. That is less than `recall` only where all effort is not enough,
    ///   because the codes rank otherwise than `exact`.
    /// - Throws: as a search; `usage` where there are no queries.
    @discardableResult
    public mutating func chooseEffort(
        recall: Double, queries: Matrix, count k: Int = 10, exact: [[Int]]? = nil,
        threads: Int = defaultThreadCount
    ) throws(KuklaError) -> EffortMeasurement {
        contract((0...1).contains(recall), "chooseEffort: recall \(recall)")
        guard queries.rows > 0 else {
            throw KuklaError(.usage, "Cannot choose an effort without queries: give some hundred.")
        }
        var truth = exact ?? []
        if exact == nil {
            truth = try exactSearch(queries, count: k, threads: threads).map { $0.map(\.id) }
        }
        effort = 1
        var best = try measureEffort(queries, exact: truth, count: k)
        var tooLow = 0
        while best.recall < recall, effort < largestEffort {
            tooLow = effort
            effort = min(2 * effort, largestEffort)
            best = try measureEffort(queries, exact: truth, count: k)
        }
        while best.effort - tooLow > max(1, tooLow / 32) {
            effort = (tooLow + best.effort) / 2
            let middle = try measureEffort(queries, exact: truth, count: k)
            if middle.recall >= recall { best = middle } else { tooLow = effort }
        }
        effort = best.effort
        return best
    }
}
