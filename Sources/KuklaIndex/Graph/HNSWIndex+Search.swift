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
    /// What it costs to pick out a code, and to compare it with one of many queries in a product, in the time of a score
    /// of its own (measured at 384 dimensions).
    private static let pickingCost = 2.0
    private static let togetherCost = 1.0 / 6
    /// From so many queries on a product is worth it.
    private static let fewestTogether = 4

    /// Which of more than `k` equal matches are found is up to the walk; where ids differ from slots, up to the slots.
    public func search(
        _ queries: Matrix, count k: Int, allowing allowed: RowSet? = nil, threads: Int = defaultThreadCount
    ) throws(KuklaError) -> [[Match]] {
        let filter = allowed.map { SlotFilter($0, slots: count, ids: ids) }
        if let filter, isFasterTogether(queries.rows, filter) {
            try checkSearch(queries, count: k, allowing: allowed)
            return try searchTogether(queries, count: k, filter, threads: threads)
        }
        return try search(queries, count: k, allowing: allowed, threads: threads) { scorer, walker, width in
            let wanted = min(width, filter?.count ?? count)
            guard wanted > 0 else { return walker.beam.reset(capacity: 0) }
            let step = filter == nil ? Self.stepCost : Self.filteredStepCost
            let (cost, overflows) = max(effort, width).multipliedReportingOverflow(by: step)
            if !overflows, cost < filter?.count ?? count {
                walk(max(effort, width), scorer: scorer, walker: walker, filter: filter)
                if walker.beam.count >= wanted { return }
            }
            compareAll(wanted, scorer: scorer, walker: walker, filter: filter)
        }
    }

    public func exactSearch(
        _ queries: Matrix, count k: Int, threads: Int = defaultThreadCount
    ) throws(KuklaError) -> [[Match]] {
        let (codec, codes) = finest
        let all = FlatIndex(
            codec: codec, refinement: nil, count: count, codes: codes, refineCodes: FineCodes())
        comparisonCounter?.add(queries.rows * count)
        return try all.search(queries, count: k, threads: threads).map { list in
            list.map { Match(id: id(of: UInt32($0.id)), score: $0.score, distance: $0.distance) }
        }
    }

    /// Whether `queries` are answered sooner by comparing all of them with all allowed slots.
    private func isFasterTogether(_ queries: Int, _ filter: SlotFilter) -> Bool {
        guard queries >= Self.fewestTogether, filter.count > 0 else { return false }
        let together = Double(filter.count) * (Self.pickingCost + Double(queries) * Self.togetherCost)
        return together <= Double(queries) * Double(effort) * Double(Self.filteredStepCost)
    }

    /// Picks out the codes of the allowed slots once, and compares all queries with all of them in products.
    private func searchTogether(
        _ queries: Matrix, count k: Int, _ filter: SlotFilter, threads: Int
    ) throws(KuklaError) -> [[Match]] {
        let queries = try queries.prepared(for: metric, role: "query", threads: threads)
        let slots = filter.slots
        let few = FlatIndex(
            codec: codec, refinement: nil, count: slots.count,
            codes: CodeBuffer(copying: slots.map { Int($0) }, of: codes, layout: codec.layout),
            refineCodes: FineCodes())
        comparisonCounter?.add(queries.rows * slots.count)
        let found = try few.search(queries, count: min(candidates(for: k), slots.count), threads: threads)
        return try parallelMap(queries.rows, grain: 4, threads: threads) { row throws(KuklaError) in
            try matches(
                k, of: found[row].map { ScoredRow(score: $0.score, id: Int(slots[$0.id])) },
                for: queries[rows: row..<row + 1])
        }
    }

    /// Runs `fill`, which fills the walker's beam with the best slots, for each query, and makes matches of them.
    private func search(
        _ queries: Matrix, count k: Int, allowing allowed: RowSet?, threads: Int,
        fill: @Sendable (any RandomAccessScorer, GraphWalker, Int) -> Void
    ) throws(KuklaError) -> [[Match]] {
        try checkSearch(queries, count: k, allowing: allowed)
        let queries = try queries.prepared(for: metric, role: "query", threads: threads)
        let width = candidates(for: k)
        return try parallelMap(queries.rows, grain: 4, threads: threads) { row throws(KuklaError) in
            let query = queries[rows: row..<row + 1]
            let found = walkers.withWalker { walker in
                walker.comparisons = 0
                fill(codec.randomAccessScorer(for: query), walker, width)
                comparisonCounter?.add(walker.comparisons)
                return (0..<min(width, walker.beam.count)).map { place in
                    let (slot, score) = walker.beam[place]
                    return ScoredRow(score: score, id: Int(slot))
                }
            }
            return try matches(k, of: found, for: query)
        }
    }

    /// Slots that are found for `k` matches: more where they are ranked again.
    private func candidates(for k: Int) -> Int {
        let (wanted, overflows) = k.multipliedReportingOverflow(by: refinement?.factor ?? 1)
        return overflows ? count : min(wanted, count)
    }

    /// The `k` best of the slots that were found, by the refinement where there is one.
    private func matches(_ k: Int, of found: [ScoredRow], for query: Matrix) throws(KuklaError) -> [Match] {
        var rows = found
        if let refinement { rows = try refineCodes.rank(found, for: query, by: refinement) }
        let named = rows.map { ScoredRow(score: $0.score, id: id(of: UInt32($0.id))) }
        return Match.list(ScoredRow.best(k, of: named), metric: metric)
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
        _ width: Int, scorer: any RandomAccessScorer, walker: GraphWalker, filter: SlotFilter?
    ) {
        withExtendedLifetime(self) {
            walker.beam.reset(capacity: width)
            let view = layers[0].view
            if let filter {
                let slots = filter.slots
                walker.offer(slots.count, of: view, scorer: scorer, codes: codes.base) { slots[$0] }
            } else {
                walker.offer(count, of: view, scorer: scorer, codes: codes.base) { UInt32($0) }
            }
        }
    }
}
