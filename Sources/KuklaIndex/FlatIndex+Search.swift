import KuklaCodecs
public import KuklaNumerics
import Synchronization

extension FlatIndex {
    /// - Complexity: O(queries * count * dimensions), less by the codec's compression where memory is the limit.
    public func search(
        _ queries: Matrix, count k: Int, allowing allowed: RowSet? = nil, threads: Int = defaultThreadCount
    ) throws(KuklaError) -> [[Match]] {
        try checkSearch(queries, count: k, allowing: allowed)
        let queries = try queries.prepared(for: metric, role: "query", threads: threads)
        let (wanted, overflows) = k.multipliedReportingOverflow(by: refinement?.factor ?? 1)
        let candidates = overflows ? count : min(wanted, count)
        var lists: [[Match]] = []
        lists.reserveCapacity(queries.rows)
        let batch = Self.batchSize(k: candidates, threads: threads)
        for start in stride(from: 0, to: queries.rows, by: batch) {
            let part = queries[rows: start..<min(start + batch, queries.rows)]
            let found = scan(part, count: candidates, allowing: allowed, threads: threads)
            if let refinement {
                lists += try rank(found, for: part, by: refinement, count: k, threads: threads)
            } else {
                lists += found.map { Match.list($0, metric: metric) }
            }
        }
        return lists
    }

    /// Queries that go through the codes together: as many as the heaps leave room for.
    private static func batchSize(k: Int, threads: Int) -> Int {
        let heapBytes = 64 << 20
        return max(1, min(256, heapBytes / (16 * max(k, 1) * threads)))
    }

    /// Rows that are scored at a time: whole blocks and whole words of a filter.
    ///
    /// One query: some 256 KiB of codes, so that taking tiles costs nothing. Many: the scores of a tile stay in
    /// the second-level cache beside the codes.
    private static func tileRows(queryCount: Int, count: Int, layout: CodeLayout) -> Int {
        let unit = 64 * layout.vectorsPerBlock / greatestCommonDivisor(64, layout.vectorsPerBlock)
        let byCodes = Int(262_144 / max(layout.bytesPerVector, 1))
        let byScores = 131_072 / queryCount
        // At least sixteen tiles where there are enough rows, so that no thread waits long for the last one.
        let rows = min(max(256, min(byCodes, byScores)), max(256, count / 16))
        return (rows + unit - 1) / unit * unit
    }

    /// Threads that a scan is worth: waking one takes as long as scanning some hundred kilobytes of codes.
    private static func usefulWorkers(queryCount: Int, count: Int, layout: CodeLayout) -> Int {
        max(1, layout.byteCount(of: count) / (1 << 20) * queryCount)
    }

    /// The `k` best rows of every query by the codec's scores, best first.
    private func scan(
        _ queries: Matrix, count k: Int, allowing allowed: RowSet?, threads: Int
    ) -> [[ScoredRow]] {
        let scorer = scorer(for: queries)
        let layout = codec.layout
        let tile = Self.tileRows(queryCount: queries.rows, count: count, layout: layout)
        let tiles = (count + tile - 1) / tile
        let workers = min(
            threads, tiles, Self.usefulWorkers(queryCount: queries.rows, count: count, layout: layout))
        let kept = (0..<workers).map { _ in BestMatches(queryCount: queries.rows, k: k) }
        let next = TileCounter()
        parallelFor(workers, grain: 1, threads: workers) { block in
            for worker in block {
                let scores = UnsafeMutablePointer<Float>.allocate(capacity: queries.rows * tile)
                let candidates = UnsafeMutablePointer<UInt32>.allocate(capacity: tile)
                defer {
                    scores.deallocate()
                    candidates.deallocate()
                }
                while let index = next.take(of: tiles) {
                    let rows = index * tile..<min((index + 1) * tile, count)
                    if let allowed, !allowed.containsAny(of: rows) { continue }
                    codes.withUnsafeBytes {
                        scorer.score(
                            $0.baseAddress! + rows.lowerBound / layout.vectorsPerBlock * layout.bytesPerBlock,
                            count: rows.count, into: scores, stride: tile)
                    }
                    offer(
                        scores, stride: tile, rows: rows, allowed: allowed, candidates: candidates,
                        to: kept[worker])
                }
            }
        }
        return (0..<queries.rows).map { query in
            ScoredRow.best(k, of: kept.flatMap { $0.rows(of: query) })
        }
    }

    private func offer(
        _ scores: UnsafePointer<Float>, stride: Int, rows: Range<Int>, allowed: RowSet?,
        candidates: UnsafeMutablePointer<UInt32>, to kept: BestMatches
    ) {
        func offerAll(_ words: UnsafePointer<UInt64>?) {
            for query in 0..<kept.queryCount {
                kept.offer(
                    scores + query * stride, count: rows.count, firstRow: rows.lowerBound, query: query,
                    allowed: words, candidates: candidates)
            }
        }
        if let allowed {
            allowed.words.withUnsafeBufferPointer { offerAll($0.baseAddress! + rows.lowerBound / 64) }
        } else {
            offerAll(nil)
        }
    }

    /// The `k` best of `candidates`, ranked by the refinement's codes.
    private func rank(
        _ candidates: [[ScoredRow]], for queries: Matrix, by refinement: Refinement,
        count k: Int, threads: Int
    ) throws(KuklaError) -> [[Match]] {
        try parallelMap(queries.rows, grain: 1, threads: threads) { query throws(KuklaError) in
            let ranked = try refineCodes.rank(
                candidates[query], for: queries[rows: query..<query + 1], by: refinement)
            return Match.list(ScoredRow.best(k, of: ranked), metric: metric)
        }
    }
}

/// Hands out tile numbers in order, each once.
private final class TileCounter: Sendable {
    private let next = Atomic<Int>(0)

    func take(of count: Int) -> Int? {
        let taken = next.wrappingAdd(1, ordering: .relaxed).oldValue
        return taken < count ? taken : nil
    }
}

private func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
    b == 0 ? a : greatestCommonDivisor(b, a % b)
}
