public import KuklaNumerics

/// An index whose searches may miss matches, and miss fewer the more effort they take.
public protocol ApproximateIndex: VectorIndex {
    /// How thorough a search is, at least 1: the beam's width of a graph, the number of lists that are looked
    /// through.
    var effort: Int { get set }
    /// The most that `effort` is worth: a search then compares about all vectors.
    var largestEffort: Int { get }
    /// Counts what searches compare; `nil` unless somebody measures.
    var comparisonCounter: ComparisonCounter? { get set }

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
    /// - Parameters:
    ///   - exact: the ids of the `k` best of each query.
    ///   - allowed: as in a search.
    public func measureEffort(
        _ queries: Matrix, exact: [[Int]], count k: Int, allowing allowed: RowSet? = nil
    ) throws(KuklaError) -> EffortMeasurement {
        contract(exact.count == queries.rows, "\(exact.count) exact lists for \(queries.rows) queries")
        let start = ContinuousClock.now
        let found = try search(queries, count: k, allowing: allowed, threads: 1)
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
    ///   - allowed: as in a search; `exact` must then be given, and be of allowed vectors.
    /// - Returns: what the chosen effort reached. That is less than `recall` only where all effort is not enough,
    ///   because the codes rank otherwise than `exact`.
    /// - Throws: as a search; `usage` where there are no queries.
    @discardableResult
    public mutating func chooseEffort(
        recall: Double, queries: Matrix, count k: Int = 10, exact: [[Int]]? = nil,
        allowing allowed: RowSet? = nil, threads: Int = defaultThreadCount
    ) throws(KuklaError) -> EffortMeasurement {
        contract((0...1).contains(recall), "chooseEffort: recall \(recall)")
        contract(allowed == nil || exact != nil, "chooseEffort: a filter without the exact matches among it")
        guard queries.rows > 0 else {
            throw KuklaError(.usage, "Cannot choose an effort without queries: give some hundred.")
        }
        var truth = exact ?? []
        if exact == nil {
            truth = try exactSearch(queries, count: k, threads: threads).map { $0.map(\.id) }
        }
        effort = 1
        var best = try measureEffort(queries, exact: truth, count: k, allowing: allowed)
        var tooLow = 0
        while best.recall < recall, effort < largestEffort {
            tooLow = effort
            effort = min(2 * effort, largestEffort)
            best = try measureEffort(queries, exact: truth, count: k, allowing: allowed)
        }
        // No effort is enough: what is less finds no more.
        guard best.recall >= recall else { return best }
        while best.effort - tooLow > max(1, tooLow / 32) {
            effort = (tooLow + best.effort) / 2
            let middle = try measureEffort(queries, exact: truth, count: k, allowing: allowed)
            if middle.recall >= recall { best = middle } else { tooLow = effort }
        }
        effort = best.effort
        return best
    }
}

extension ApproximateIndex where Self: CodedIndex {
    /// As `chooseEffort(recall:queries:count:exact:threads:)`, with some of the stored vectors as queries.
    ///
    /// A graph is measured in a copy without them, because a walk that has met the query itself is already among its
    /// neighbours; what was linked to them has fewer links there, so that others are found a little more often than
    /// measured. (Mending the copy would link it better around the queries than any graph that never saw them: that
    /// promised 0.90 where other queries found 0.80.) Lists are measured as they are, and each query counts itself as found.
    /// - Parameter sampling: how many vectors, at most a tenth of all.
    @discardableResult
    public mutating func chooseEffort(
        recall: Double, sampling: Int = 256, count k: Int = 10, seed: UInt64 = 1,
        threads: Int = defaultThreadCount
    ) throws(KuklaError) -> EffortMeasurement {
        var (trial, queries) = try heldOut(sampling, seed: seed)
        let found = try trial.chooseEffort(
            recall: recall, queries: queries, count: min(k, trial.count), threads: threads)
        effort = found.effort
        return found
    }

    /// Some of the stored vectors, at most a tenth of all, as queries, and the index to measure with them: see
    /// `chooseEffort(recall:sampling:count:seed:threads:)`.
    package func heldOut(
        _ wanted: Int, seed: UInt64
    ) throws(KuklaError) -> (trial: any ApproximateIndex & CodedIndex, queries: Matrix) {
        guard count >= 20 else {
            throw KuklaError(
                .usage,
                "Cannot measure an index of \(count) vectors: expected at least 20 of them, or queries.")
        }
        var random = RandomSource(seed: seed)
        let places = random.sample(min(wanted, count / 10), below: count).sorted()
        var all = Matrix(rows: 0, columns: dimensions)
        for place in places { all = all.appending(vectors(place..<place + 1)) }
        guard var graph = self as? HNSWIndex else { return (self, all) }
        _ = graph.remove(places.map(id(at:)), isMending: false)
        return (graph, all)
    }
}
