import CKernels
import KuklaCodecs
public import KuklaNumerics

extension IVFIndex {
    public func search(
        _ queries: Matrix, count k: Int, allowing allowed: RowSet? = nil, threads: Int = defaultThreadCount
    ) throws(KuklaError) -> [[Match]] {
        try checkSearch(queries, count: k, allowing: allowed)
        let queries = try queries.prepared(for: metric, role: "query", threads: threads)
        let (wanted, overflows) = k.multipliedReportingOverflow(by: refinement?.factor ?? 1)
        let width = min(overflows ? count : wanted, allowed?.count ?? count)
        let longest = lists.reduce(0) { max($0, codec.layout.blockCount(of: $1.count)) }
        let room = max(1, longest * codec.layout.vectorsPerBlock)
        return parallelMap(queries.rows, grain: 1, threads: threads) { row in
            let query = queries[rows: row..<row + 1]
            var beam = GraphBeam()
            defer { beam.deallocate() }
            beam.reset(capacity: width)
            if width > 0 { fill(&beam, width: width, query: query, allowed: allowed, room: room) }
            var found = (0..<beam.count).map { place in
                ScoredRow(score: beam[place].score, id: Int(beam[place].node))
            }
            if let refinement { found = refine(found, by: refinement, query: query) }
            return Match.list(ScoredRow.best(k, of: found), metric: metric)
        }
    }

    public func exactSearch(
        _ queries: Matrix, count k: Int, threads: Int = defaultThreadCount
    ) throws(KuklaError) -> [[Match]] {
        if let refinement {
            return try FlatIndex(
                codec: refinement.codec, refinement: nil, count: count, codes: refineCodes,
                refineCodes: CodeBuffer()
            ).search(queries, count: k, threads: threads)
        }
        var thorough = self
        thorough.effort = listCount
        return try thorough.search(queries, count: k, threads: threads)
    }

    /// Fills the beam with the best vectors of the nearest lists: at least `effort` of them, and as many as it takes to
    /// find `width`.
    private func fill(
        _ beam: inout GraphBeam, width: Int, query: Matrix, allowed: RowSet?, room: Int
    ) {
        let scorer = codec.scorer(for: query)
        let centerScores = clusters.scores(of: query)[0]
        let order = centerScores.indices.sorted {
            (centerScores[$0], $1) > (centerScores[$1], $0)
        }
        let select = kk_topk_kernels_for(CPULevel.current.kernelLevel).pointee.select_above_f32
        withUnsafeTemporaryAllocation(of: Float.self, capacity: room) { scores in
            withUnsafeTemporaryAllocation(of: UInt32.self, capacity: room) { candidates in
                var visited = 0
                var comparisons = clusters.centers.rows
                for list in order where lists[list].count > 0 {
                    if visited >= effort, beam.count >= width { break }
                    visited += 1
                    let size = lists[list].count
                    comparisons += size
                    lists[list].codes.withUnsafeBytes {
                        scorer.score(
                            $0.baseAddress!, count: size, into: scores.baseAddress!, stride: room)
                    }
                    let numbers = ids[list].numbers
                    func offer(_ place: Int) {
                        let id = numbers[place]
                        guard allowed?.contains(Int(id)) ?? true else { return }
                        beam.offer(id, score: scores[place])
                    }
                    guard beam.count == width else {
                        for place in 0..<size { offer(place) }
                        continue
                    }
                    // Equal scores may win by their id.
                    let found = select(
                        scores.baseAddress!, size, beam.bar.nextDown, nil, candidates.baseAddress!)
                    for i in 0..<found { offer(Int(candidates[i])) }
                }
                comparisonCounter?.add(comparisons)
            }
        }
    }

    private func refine(
        _ found: [ScoredRow], by refinement: FlatIndex.Refinement, query: Matrix
    ) -> [ScoredRow] {
        let rows = found.map { UInt32($0.id) }.sorted()
        guard !rows.isEmpty else { return [] }
        var scores = [Float](repeating: 0, count: rows.count)
        refineCodes.withUnsafeBytes {
            refinement.codec.randomAccessScorer(for: query)
                .score(rows: rows, count: rows.count, of: $0.baseAddress!, into: &scores)
        }
        return rows.indices.map { ScoredRow(score: scores[$0], id: Int(rows[$0])) }
    }
}
