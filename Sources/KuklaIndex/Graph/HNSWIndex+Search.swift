import KuklaCodecs
public import KuklaNumerics

extension HNSWIndex {
    /// A beam as wide as this compares all vectors anyway.
    public var largestEffort: Int { max(1, count) }

    /// Scores that a step of a walk costs, about, in the time of scores of all vectors one after the other: some of a
    /// node's neighbours are new, and they lie far apart.
    private static let stepCost = 24
    /// The same where neighbours of neighbours are looked at: 20 to 40, the more the fewer are allowed (measured at 384
    /// dimensions with a half to 3 % allowed). In doubt all are compared, which misses nothing.
    private static let filteredStepCost = 40

    /// Which of more than `k` equal matches are found is up to the walk; where ids differ from slots, up to the slots.
    public func search(
        _ queries: Matrix, count k: Int, allowing allowed: RowSet? = nil, threads: Int = defaultThreadCount
    ) throws(KuklaError) -> [[Match]] {
        let filter = allowed.map { SlotFilter($0, slots: count, ids: ids) }
        return try search(
            queries, count: k, allowing: allowed, by: codec, refinement: refinement, threads: threads
        ) { scorer, walker, width in
            let wanted = min(width, filter?.count ?? count)
            guard wanted > 0 else { return walker.beam.reset(capacity: 0) }
            let step = filter == nil ? Self.stepCost : Self.filteredStepCost
            let (cost, overflows) = max(effort, width).multipliedReportingOverflow(by: step)
            if !overflows, cost < filter?.count ?? count {
                walk(max(effort, width), scorer: scorer, walker: walker, filter: filter)
                if walker.beam.count >= wanted { return }
            }
            compareAll(wanted, codes: codes, scorer: scorer, walker: walker, filter: filter)
        }
    }

    public func exactSearch(
        _ queries: Matrix, count k: Int, threads: Int = defaultThreadCount
    ) throws(KuklaError) -> [[Match]] {
        let (codec, codes) = finest
        return try search(
            queries, count: k, allowing: nil, by: codec, refinement: nil, threads: threads
        ) { scorer, walker, width in
            compareAll(width, codes: codes, scorer: scorer, walker: walker, filter: nil)
        }
    }

    /// Runs `fill`, which fills the walker's beam with the best slots by `codec`, for each query, and makes matches of
    /// them.
    private func search(
        _ queries: Matrix, count k: Int, allowing allowed: RowSet?, by codec: any VectorCodec,
        refinement: FlatIndex.Refinement?, threads: Int,
        fill: @Sendable (any RandomAccessScorer, GraphWalker, Int) -> Void
    ) throws(KuklaError) -> [[Match]] {
        try checkSearch(queries, count: k, allowing: allowed)
        let queries = try queries.prepared(for: metric, role: "query", threads: threads)
        let (wanted, overflows) = k.multipliedReportingOverflow(by: refinement?.factor ?? 1)
        let width = overflows ? count : min(wanted, count)
        return parallelMap(queries.rows, grain: 4, threads: threads) { row in
            let query = queries[rows: row..<row + 1]
            return walkers.withWalker { walker in
                walker.comparisons = 0
                fill(codec.randomAccessScorer(for: query), walker, width)
                comparisonCounter?.add(walker.comparisons)
                return matches(k, of: walker, width: width, refinement: refinement, query: query)
            }
        }
    }

    /// Fills the beam with what a walk down the layers finds.
    private func walk(
        _ width: Int, scorer: any RandomAccessScorer, walker: GraphWalker, filter: SlotFilter?
    ) {
        withExtendedLifetime(self) {
            var start: UInt32 = 0
            for layer in layers.dropFirst().reversed() {
                walker.walk(layer.view, from: start, width: 1, scorer: scorer, codes: codes.base)
                start = layer.view.below(walker.beam[0].node)
            }
            guard let filter else {
                return walker.walk(
                    layers[0].view, from: start, width: width, scorer: scorer, codes: codes.base)
            }
            filter.withTest {
                walker.filteredWalk(
                    layers[0].view, from: start, width: width, allowing: $0, scorer: scorer, codes: codes.base
                )
            }
        }
    }

    /// Fills the beam with the best of all allowed slots.
    private func compareAll(
        _ width: Int, codes: CodeBuffer, scorer: any RandomAccessScorer, walker: GraphWalker,
        filter: SlotFilter?
    ) {
        withExtendedLifetime((self, codes)) {
            walker.beam.reset(capacity: width)
            let view = layers[0].view
            if let filter {
                walker.offer(filter.slots, of: view, scorer: scorer, codes: codes.base)
            } else {
                walker.offer(0..<UInt32(count), of: view, scorer: scorer, codes: codes.base)
            }
        }
    }

    /// The `k` best of the first `width` nodes of the beam, by the refinement where there is one.
    private func matches(
        _ k: Int, of walker: GraphWalker, width: Int, refinement: FlatIndex.Refinement?, query: Matrix
    ) -> [Match] {
        let count = min(width, walker.beam.count)
        var rows = (0..<count).map { place in
            let (slot, score) = walker.beam[place]
            return ScoredRow(score: score, id: refinement == nil ? id(of: slot) : Int(slot))
        }
        if let refinement {
            // In the order of memory: neighbours share pages.
            let slots = rows.map { UInt32($0.id) }.sorted()
            var scores = [Float](repeating: 0, count: count)
            refineCodes.withUnsafeBytes {
                guard count > 0 else { return }
                refinement.codec.randomAccessScorer(for: query)
                    .score(rows: slots, count: count, of: $0.baseAddress!, into: &scores)
            }
            rows = slots.indices.map { ScoredRow(score: scores[$0], id: id(of: slots[$0])) }
        }
        return Match.list(ScoredRow.best(k, of: rows), metric: metric)
    }
}
