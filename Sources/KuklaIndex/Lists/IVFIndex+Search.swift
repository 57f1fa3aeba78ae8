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
        // Queries share the reading of the centres.
        let blocks = stride(from: 0, to: queries.rows, by: Self.queriesTogether).map {
            $0..<min($0 + Self.queriesTogether, queries.rows)
        }
        return parallelMap(blocks.count, grain: 1, threads: threads) { block -> [[Match]] in
            guard width > 0 else { return blocks[block].map { _ in [] } }
            let centerScores = clusters.scores(of: queries[rows: blocks[block]])
            var candidates = CandidateKeys(width: width)
            defer { candidates.deallocate() }
            return zip(blocks[block], centerScores).map { row, centerScores in
                let query = queries[rows: row..<row + 1]
                candidates.reset()
                fill(&candidates, query: query, centerScores: centerScores, allowed: allowed, room: room)
                var found = candidates.best()
                if let refinement { found = refine(found, by: refinement, query: query) }
                return Match.list(ScoredRow.best(k, of: found), metric: metric)
            }
        }.flatMap(\.self)
    }

    private static let queriesTogether = 32

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

    /// Offers the vectors of the nearest lists: of at least `effort` of them, and of as many as it takes to find all that are
    /// kept.
    private func fill(
        _ candidates: inout CandidateKeys, query: Matrix, centerScores: [Float], allowed: RowSet?, room: Int
    ) {
        let scorer = codec.scorer(for: query)
        // Nearest first, of equal ones the first: sorted as whole numbers.
        var nearest = centerScores.indices.map {
            UInt64(GraphBeam.order(centerScores[$0])) << 32 | UInt64(UInt32.max - UInt32($0))
        }
        nearest.sort(by: >)
        let select = kk_topk_kernels_for(CPULevel.current.kernelLevel).pointee.select_above_f32
        withUnsafeTemporaryAllocation(of: Float.self, capacity: room) { scores in
            withUnsafeTemporaryAllocation(of: UInt32.self, capacity: room) { selected in
                var visited = 0
                var comparisons = clusters.centers.rows
                for key in nearest {
                    if visited >= effort, candidates.count >= candidates.width { break }
                    let list = Int(UInt32.max - UInt32(truncatingIfNeeded: key))
                    guard lists[list].count > 0 else { continue }
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
                        candidates.offer(id, score: scores[place])
                    }
                    guard candidates.bar > -.infinity else {
                        for place in 0..<size { offer(place) }
                        continue
                    }
                    // Equal scores may win by their id.
                    let found = select(
                        scores.baseAddress!, size, candidates.bar.nextDown, nil, selected.baseAddress!)
                    for i in 0..<found { offer(Int(selected[i])) }
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
