import KuklaCodecs
import KuklaNumerics

/// One block of queries on its way through the lists: each list is scanned once, for all queries that look through it.
///
/// Belongs to one thread.
final class ListScan {
    private let index: IVFIndex
    private let queries: Matrix
    private let allowed: RowSet?
    private var pools: [CandidatePool]
    /// One for each query, where making one for each group of queries would cost more than it saves.
    private let scorers: [any CodeScorer]
    /// Scores of one tile of codes, for `groupLimit` queries.
    private let scores: UnsafeMutablePointer<Float>
    private let chosen: (scores: UnsafeMutablePointer<Float>, numbers: UnsafeMutablePointer<UInt32>)
    private var comparisons = 0

    /// Vectors whose scores are held at a time: whole blocks of every codec.
    private static let tile = 1024
    private static let groupLimit = 32

    init(_ index: IVFIndex, queries: Matrix, width: Int, allowed: RowSet?) {
        self.index = index
        self.queries = queries
        self.allowed = allowed
        pools = (0..<queries.rows).map { _ in CandidatePool(width: width) }
        let isFromCenters = index.lists.codesResiduals && index.metric == .squaredEuclidean
        scorers =
            isFromCenters || index.codec.scoresGroups
            ? [] : (0..<queries.rows).map { index.codec.scorer(for: queries[rows: $0..<$0 + 1]) }
        scores = .allocate(capacity: Self.tile * Self.groupLimit)
        chosen = (.allocate(capacity: Self.tile), .allocate(capacity: Self.tile))
    }

    func deallocate() {
        for pool in pools { pool.deallocate() }
        scores.deallocate()
        chosen.scores.deallocate()
        chosen.numbers.deallocate()
    }

    /// Looks through the `effort` lists nearest to each query, and as many more as it takes to fill its pool.
    func run() {
        let occupied = (0..<UInt32(index.listCount)).filter { index.codes[Int($0)].count > 0 }
        let effort = min(index.effort, occupied.count)
        var probes = nearest(effort, among: occupied)
        probes.sort { ($0.list, $0.query) < ($1.list, $1.query) }
        var start = 0
        while start < probes.count {
            var end = start + 1
            while end < probes.count, end - start < Self.groupLimit, probes[end].list == probes[start].list {
                end += 1
            }
            scan(probes[start..<end])
            start = end
        }
        for query in 0..<queries.rows where pools[query].count < pools[query].width {
            scanFurther(
                query, among: occupied,
                skipping: Set(probes.lazy.filter { $0.query == query }.map { Int($0.list) }))
        }
        index.comparisonCounter?.add(comparisons)
    }

    /// A list that a query looks through, and the score of its centre.
    private struct Probe {
        let list: UInt32
        let query: UInt32
        let score: Float
    }

    private func nearest(_ effort: Int, among occupied: [UInt32]) -> [Probe] {
        var probes: [Probe] = []
        probes.reserveCapacity(effort * queries.rows)
        if var graph = index.clusters.graph, effort > 0 {
            let counter = ComparisonCounter()
            graph.comparisonCounter = counter
            // A walk as wide as what it looks for misses the last ones: twice that misses a few of a hundred.
            graph.effort = max(16, 2 * effort)
            let some =
                occupied.count < index.listCount
                ? RowSet(capacity: index.listCount) { index.codes[$0].count > 0 } : nil
            // What was prepared cannot be refused.
            let found = try? graph.search(queries, count: effort, allowing: some, threads: 1)
            for (query, matches) in (found ?? []).enumerated() {
                for match in matches {
                    probes.append(
                        Probe(list: UInt32(match.id), query: UInt32(query), score: match.score))
                }
            }
            comparisons += counter.count
            return probes
        }
        var pool = CandidatePool(width: effort)
        defer { pool.deallocate() }
        for (query, scores) in centerScores(of: queries).enumerated() {
            pool.reset()
            offer(scores, of: occupied, to: &pool)
            pool.withBest { scores, lists in
                for (score, list) in zip(scores, lists) {
                    probes.append(Probe(list: list, query: UInt32(query), score: score))
                }
            }
        }
        return probes
    }

    private func centerScores(of queries: Matrix) -> [[Float]] {
        comparisons += queries.rows * index.listCount
        return index.clusters.scores(of: queries)
    }

    private func offer(_ scores: [Float], of occupied: [UInt32], to pool: inout CandidatePool) {
        guard occupied.count < scores.count else { return pool.offer(scores, occupied, count: scores.count) }
        pool.offer(occupied.map { scores[Int($0)] }, occupied, count: occupied.count)
    }

    /// Looks through lists in the order of their nearness until there are enough candidates.
    private func scanFurther(_ query: Int, among occupied: [UInt32], skipping seen: Set<Int>) {
        guard seen.count < occupied.count else { return }
        var all = CandidatePool(width: occupied.count)
        defer { all.deallocate() }
        offer(centerScores(of: queries[rows: query..<query + 1])[0], of: occupied, to: &all)
        for list in all.ranked() where !seen.contains(list.id) {
            guard pools[query].count < pools[query].width else { return }
            scan([Probe(list: UInt32(list.id), query: UInt32(query), score: list.score)])
        }
    }

    /// Offers the vectors of one list to each of the queries that look through it.
    private func scan(_ group: ArraySlice<Probe>) {
        let list = Int(group.first!.list)
        let (count, layout) = (index.codes[list].count, index.codec.layout)
        let codes = index.codes[list].codes.base
        let numbers = index.slots[list].numbers.baseAddress!
        comparisons += count * group.count
        let shared = scorers.isEmpty ? index.codec.scorer(for: gathered(group, list: list)) : nil
        let addsCenters = index.lists.codesResiduals && index.metric != .squaredEuclidean
        for start in stride(from: 0, to: count, by: Self.tile) {
            let size = min(Self.tile, count - start)
            let from = codes + start / layout.vectorsPerBlock * layout.bytesPerBlock
            shared?.score(from, count: size, into: scores, stride: Self.tile)
            for (row, probe) in group.enumerated() {
                let out = shared == nil ? scores : scores + row * Self.tile
                let query = Int(probe.query)
                if shared == nil { scorers[query].score(from, count: size, into: out, stride: Self.tile) }
                if addsCenters { for i in 0..<size { out[i] += probe.score } }
                offer(out, numbers + start, count: size, to: query)
            }
        }
    }

    /// The queries of a group, from the centre of the list where codes are measured from there under L2.
    private func gathered(_ group: ArraySlice<Probe>, list: Int) -> Matrix {
        let some = queries.gathering(rows: group.map { Int($0.query) })
        guard index.lists.codesResiduals, index.metric == .squaredEuclidean else { return some }
        return index.clusters.residuals(of: some, in: [Int](repeating: list, count: some.rows))
    }

    private func offer(
        _ scores: UnsafePointer<Float>, _ numbers: UnsafePointer<UInt32>, count: Int, to query: Int
    ) {
        guard let allowed else { return pools[query].offer(scores, numbers, count: count) }
        var found = 0
        for i in 0..<count where allowed.contains(index.id(of: numbers[i])) {
            (chosen.scores[found], chosen.numbers[found]) = (scores[i], numbers[i])
            found += 1
        }
        pools[query].offer(chosen.scores, chosen.numbers, count: found)
    }

    /// The `k` best of each query's pool, by the refinement where there is one.
    func matches(_ k: Int) throws(KuklaError) -> [[Match]] {
        guard let refinement = index.refinement else {
            return pools.indices.map { named(pools[$0].ranked()) }
        }
        guard !refinement.isTiered, refinement.coarseWeight == 0 else {
            var lists: [[Match]] = []
            for query in pools.indices {
                let ranked = try index.refineCodes.rank(
                    pools[query].ranked(), for: queries[rows: query..<query + 1], by: refinement)
                lists.append(named(ScoredRow.best(k, of: ranked)))
            }
            return lists
        }
        var best = CandidatePool(width: k)
        defer { best.deallocate() }
        let room = pools.reduce(1) { max($0, $1.width) }
        return withUnsafeTemporaryAllocation(of: Float.self, capacity: room) { scores in
            pools.indices.map { query in
                let scorer = refinement.codec.randomAccessScorer(for: queries[rows: query..<query + 1])
                best.reset()
                pools[query].withBest { _, numbers in
                    guard let rows = numbers.baseAddress, !numbers.isEmpty else { return }
                    index.refineCodes.all.withUnsafeBytes {
                        scorer.score(
                            rows: rows, count: numbers.count, of: $0.baseAddress!,
                            into: scores.baseAddress!)
                    }
                    best.offer(scores.baseAddress!, rows, count: numbers.count)
                }
                return named(best.ranked())
            }
        }
    }

    private func named(_ rows: [ScoredRow]) -> [Match] {
        Match.list(rows, metric: index.metric).map { index.named($0) }
    }
}
