public import KuklaFormats
public import KuklaIndex
public import KuklaNumerics

/// How recall, speed and work of an index change with the effort of its searches.
public struct SearchSweep: Sendable {
    /// One effort's figures.
    public struct Point: Hashable, Sendable, Codable {
        /// `ApproximateIndex.effort`; nil where the index compares all vectors.
        public let effort: Int?
        /// Matches found of the true best `k`, `0...1`, on average over the queries.
        public let recall: Double
        /// All queries in one call, on the threads of the sweep.
        public let queriesPerSecond: Double
        /// Milliseconds of one query alone on one thread: the median, and what 99 of 100 need at most.
        public let p50Milliseconds: Double
        public let p99Milliseconds: Double
        /// Vectors that a query is compared with, on average; centres of lists count.
        public let comparisonsPerQuery: Double
        /// What a query reads of finer codes that stay in a file, on average; nil where there are none.
        public let bytesReadPerQuery: Double?
        public let readsPerQuery: Double?
    }

    public let k: Int
    public let queries: Int
    public let threads: Int
    public let points: [Point]

    /// Seconds for which the queries of one effort are asked at least.
    private static let shortest = 0.3

    /// Measures `index` on `queries`.
    ///
    /// - Parameters:
    ///   - truth: the ids of the best of each query, at least `k` of each; what `index` itself finds by comparing all of its
    ///     finest codes where `nil`.
    ///   - efforts: in this order; where `nil` from the smallest sensible one by factors of 1.4 until recall reaches 0.999
    ///     or all vectors are compared.
    /// - Throws: `KuklaError` as a search does; `badData` where `truth` does not fit; `usage` for an effort below 1.
    public init(
        of index: any CodedIndex, queries: Matrix, truth: IntegerMatrix? = nil, count k: Int = 10,
        efforts: [Int]? = nil, threads: Int = defaultThreadCount,
        progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) {
        guard queries.rows > 0 else { throw KuklaError(.usage, "Cannot measure searches without queries.") }
        let best = try Self.best(of: index, queries: queries, truth: truth, count: k, threads: threads)
        progress.begin("Searching", total: nil, unit: "queries")
        defer { progress.end() }
        let measurement = Measurement(queries: queries, best: best, k: k, threads: threads)
        guard let approximate = index as? any ApproximateIndex & CodedIndex else {
            points = [try measurement.point(of: index, effort: nil, comparisons: Double(index.count))]
            (self.k, self.queries, self.threads) = (k, queries.rows, threads)
            return
        }
        var points: [Point] = []
        var planned = efforts ?? []
        if efforts == nil { planned.append(min(index is HNSWIndex ? k : 1, approximate.largestEffort)) }
        while let effort = planned.first {
            planned.removeFirst()
            let point = try measurement.point(of: approximate, effort: effort)
            points.append(point)
            progress.advance(by: queries.rows)
            progress.show("effort \(effort): recall \(Quantity.fraction(point.recall))")
            if efforts == nil, point.recall < 0.999, effort < approximate.largestEffort {
                let next = max(effort + 1, Int((Double(effort) * 1.4142).rounded()))
                planned.append(min(next, approximate.largestEffort))
            }
        }
        self.points = points
        (self.k, self.queries, self.threads) = (k, queries.rows, threads)
    }

    /// Recall against queries a second, as a picture.
    public func chart(name: String) -> LineChart {
        LineChart(
            series: [
                .init(name: name, points: points.map { (x: $0.recall, y: $0.queriesPerSecond) }, mark: .dots)
            ], xTitle: "recall@\(k)", yTitle: "queries a second, \(threads) threads", yScale: .log10,
            showsPoints: true)
    }

    private static func best(
        of index: any CodedIndex, queries: Matrix, truth: IntegerMatrix?, count k: Int, threads: Int
    ) throws(KuklaError) -> [[Int]] {
        guard let truth else {
            let exact: [[Match]]
            if let index = index as? any ApproximateIndex {
                exact = try index.exactSearch(queries, count: k, threads: threads)
            } else {
                exact = try index.search(queries, count: k, threads: threads)
            }
            return exact.map { $0.map(\.id) }
        }
        guard truth.rows == queries.rows, truth.columns >= k else {
            throw KuklaError(
                .badData,
                "Cannot measure recall@\(k): the true matches are \(truth.rows) lists of \(truth.columns), and there are \(queries.rows) queries. Give \(k) or more for each query."
            )
        }
        return (0..<truth.rows).map { row in truth.row(row).prefix(k).map { Int($0) } }
    }

    private struct Measurement {
        let queries: Matrix
        let best: [[Int]]
        let k: Int
        let threads: Int

        func point(of index: any ApproximateIndex & CodedIndex, effort: Int) throws(KuklaError) -> Point {
            let counter = ComparisonCounter()
            var index = index
            index.comparisonCounter = counter
            let searched = try index.searched(withEffort: effort)
            _ = try searched.search(queries, count: k, threads: threads)
            let comparisons = Double(counter.count) / Double(queries.rows)
            index.comparisonCounter = nil
            return try point(of: index.searched(withEffort: effort), effort: effort, comparisons: comparisons)
        }

        func point(of index: any CodedIndex, effort: Int?, comparisons: Double) throws(KuklaError) -> Point {
            var (asked, seconds) = (0, 0.0)
            var found: [[Match]] = []
            let reads = index.fileReads
            let before = (bytes: reads?.bytes ?? 0, reads: reads?.reads ?? 0)
            while seconds < SearchSweep.shortest {
                let start = ContinuousClock.now
                found = try index.search(queries, count: k, threads: threads)
                seconds += (ContinuousClock.now - start) / .seconds(1)
                asked += queries.rows
            }
            func perQuery(_ total: Int?, since before: Int) -> Double? {
                total.map { Double($0 - before) / Double(asked) }
            }
            let (bytesRead, readCount) = (
                perQuery(reads?.bytes, since: before.bytes), perQuery(reads?.reads, since: before.reads)
            )
            let recall = try AgreementRecall(approximate: found.map { $0.map(\.id) }, exact: best, k: k)
            let alone = try SearchLatency(of: index, queries: queries, count: k)
            return Point(
                effort: effort, recall: recall.mean,
                queriesPerSecond: Double(asked) / seconds, p50Milliseconds: alone.p50Milliseconds,
                p99Milliseconds: alone.p99Milliseconds, comparisonsPerQuery: comparisons,
                bytesReadPerQuery: bytesRead, readsPerQuery: readCount)
        }
    }
}
