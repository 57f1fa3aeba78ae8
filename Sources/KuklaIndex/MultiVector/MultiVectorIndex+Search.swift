public import KuklaNumerics

extension MultiVectorIndex {
    /// The best documents for every query, best first; of equal scores the lower number first.
    ///
    /// The inner index proposes `candidates` documents (at least `k`), which are ranked by their exact `MaxSim` scores.
    /// A match's score is the sum over the query's vectors, its distance the negative of that.
    /// - Parameters:
    ///   - k: how many matches, `1...count`.
    ///   - candidates: as many as the index says where `nil`.
    ///   - allowed: the documents that may be found; `nil` for all.
    ///   - threads: at most so many; the result does not depend on it.
    /// - Throws: `KuklaError` where `k` or `candidates` is out of range (`usage`), where the dimensions are others, a query
    ///   has no vectors, or one of its vectors cannot be used (`badData`).
    /// - Complexity: a search of the inner index, and O(query vectors * candidates' vectors * dimensions), a query.
    public func search(
        _ queries: VectorSets, count k: Int, candidates: Int? = nil, allowing allowed: RowSet? = nil,
        threads: Int = defaultThreadCount
    ) throws(KuklaError) -> [[Match]] {
        let queries = try checkedQueries(queries, count: k, allowing: allowed, threads: threads)
        let candidates = candidates ?? self.candidates
        guard candidates >= 1 else {
            throw KuklaError(.usage, "Cannot rank \(candidates) candidates: ask for at least 1.")
        }
        return try inBatches(of: 256, queries) { batch throws(KuklaError) in
            let proposed = try inner.search(
                encoder.encode(queries: batch, threads: threads), count: min(max(k, candidates), count),
                allowing: allowed, threads: threads)
            return rank(proposed.map { $0.map(\.id).sorted() }, for: batch, count: k, threads: threads)
        }
    }

    /// The best documents by the exact scores of all documents: what `search` is measured against.
    ///
    /// - Throws: as `search`.
    /// - Complexity: O(query vectors * vectorCount * dimensions) a query.
    public func exactSearch(
        _ queries: VectorSets, count k: Int, allowing allowed: RowSet? = nil,
        threads: Int = defaultThreadCount
    ) throws(KuklaError) -> [[Match]] {
        let queries = try checkedQueries(queries, count: k, allowing: allowed, threads: threads)
        return try inBatches(of: max(1, (16 << 20) / count), queries) { batch throws(KuklaError) in
            let scorer = MaxSimScorer(batch, dimensions: dimensions)
            let scores = withVectors { scorer.scores($0, offsets: offsets, threads: threads) }
            let best = BestMatches(queryCount: batch.count, k: k)
            let positions = UnsafeMutablePointer<UInt32>.allocate(capacity: count)
            defer { positions.deallocate() }
            return (0..<batch.count).map { query in
                scores.withUnsafeRow(query) { row in
                    func offer(_ words: UnsafePointer<UInt64>?) {
                        best.offer(
                            row.baseAddress!, count: count, firstRow: 0, query: query, allowed: words,
                            candidates: positions)
                    }
                    if let allowed {
                        allowed.words.withUnsafeBufferPointer { offer($0.baseAddress!) }
                    } else {
                        offer(nil)
                    }
                }
                return Self.matches(best.rows(of: query), count: k)
            }
        }
    }

    /// The `k` best of each query's `candidates` by their exact scores.
    private func rank(
        _ candidates: [[Int]], for queries: VectorSets, count k: Int, threads: Int
    ) -> [[Match]] {
        let scorer = MaxSimScorer(queries, dimensions: dimensions)
        let pairs = candidates.enumerated().flatMap { query, ids in ids.map { (query: query, document: $0) } }
        var scores = [Float](repeating: 0, count: pairs.count)
        scores.withUnsafeMutableBufferPointer { scores in
            nonisolated(unsafe) let scores = scores  // every block writes elements of its own
            parallelFor(pairs.count, grain: 16, threads: threads) { block in
                withVectors { vectors in
                    for i in block {
                        let (query, document) = pairs[i]
                        scores[i] = scorer.score(
                            query: query, vectors, rows: offsets[document]..<offsets[document + 1])
                    }
                }
            }
        }
        var start = 0
        return candidates.map { ids in
            defer { start += ids.count }
            return Self.matches(
                ids.indices.map { ScoredRow(score: scores[start + $0], id: ids[$0]) }, count: k)
        }
    }

    private static func matches(_ rows: [ScoredRow], count k: Int) -> [Match] {
        Match.list(ScoredRow.best(k, of: rows), metric: .innerProduct)
    }

    private func inBatches(
        of size: Int, _ queries: VectorSets, _ body: (VectorSets) throws(KuklaError) -> [[Match]]
    ) throws(KuklaError) -> [[Match]] {
        var lists: [[Match]] = []
        for start in stride(from: 0, to: queries.count, by: size) {
            lists += try body(queries[sets: start..<min(start + size, queries.count)])
        }
        return lists
    }

    private func checkedQueries(
        _ queries: VectorSets, count k: Int, allowing allowed: RowSet?, threads: Int
    ) throws(KuklaError) -> VectorSets {
        try inner.checkSearch(
            Matrix(rows: 0, columns: inner.dimensions), count: k, allowing: allowed)
        guard queries.dimensions == dimensions else {
            throw KuklaError(
                .badData,
                "Cannot search: the queries have vectors of \(queries.dimensions) components, the documents of \(dimensions). Make both with the same model."
            )
        }
        if let empty = (0..<queries.count).first(where: { queries.rows(of: $0).isEmpty }) {
            throw KuklaError(.badData, "Cannot search: query \(empty) has no vectors. Leave it out.")
        }
        return try queries.prepared(for: metric, role: "query vector", threads: threads)
    }
}
