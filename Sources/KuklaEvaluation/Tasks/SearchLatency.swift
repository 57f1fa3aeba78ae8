public import KuklaIndex
public import KuklaNumerics

/// How long one query alone takes on one thread: what somebody who asks one question waits for.
public struct SearchLatency: Sendable, Hashable, Codable {
    /// Milliseconds that half of the queries need at most.
    public let p50Milliseconds: Double
    /// Milliseconds that 99 of 100 need at most.
    public let p99Milliseconds: Double

    init(p50Milliseconds: Double, p99Milliseconds: Double) {
        self.p50Milliseconds = p50Milliseconds
        self.p99Milliseconds = p99Milliseconds
    }

    /// Asks the `queries` one by one.
    ///
    /// - Parameters:
    ///   - k: how many matches each asks for.
    ///   - atMost: so many are asked.
    ///   - seconds: no more are asked after so long, but 20 at least, as far as there are so many.
    /// - Throws: as a search does; `usage` without queries.
    public init(
        of index: any VectorIndex, queries: Matrix, count k: Int, atMost: Int = 1000,
        seconds: Double = .infinity
    ) throws(KuklaError) {
        guard queries.rows > 0 else {
            throw KuklaError(.usage, "Cannot measure how long searches take without queries.")
        }
        var taken: [Double] = []
        let begin = ContinuousClock.now
        for row in 0..<min(queries.rows, atMost) {
            let query = queries[rows: row..<row + 1]
            let start = ContinuousClock.now
            _ = try index.search(query, count: k, threads: 1)
            let end = ContinuousClock.now
            taken.append((end - start) / .milliseconds(1))
            if taken.count >= 20, (end - begin) / .seconds(1) > seconds { break }
        }
        taken.sort()
        p50Milliseconds = taken[taken.count / 2]
        p99Milliseconds = taken[min(taken.count - 1, taken.count * 99 / 100)]
    }
}
