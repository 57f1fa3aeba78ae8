import KuklaCodecs
import KuklaNumerics

/// One block of queries on its way through the lists: each list is scanned once, for all queries that look through it.
///
/// Belongs to one thread.
final class ListScan {
    private let index: IVFIndex
    private let queries: Matrix
    private let allowed: RowSet?
    /// The scores of all centres, a row for each query.
    private let centerScores: [[Float]]
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
        centerScores = index.clusters.scores(of: queries)
        pools = (0..<queries.rows).map { _ in CandidatePool(width: width) }
        scorers =
            index.codec.scoresGroups
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
        var pairs: [(list: UInt32, query: UInt32)] = []
        let occupied = (0..<UInt32(index.listCount)).filter { index.lists[Int($0)].count > 0 }
        let effort = min(index.effort, occupied.count)
        pairs.reserveCapacity(effort * queries.rows)
        var nearest = CandidatePool(width: effort)
        defer { nearest.deallocate() }
        for query in 0..<queries.rows {
            nearest.reset()
            offerCenters(of: query, among: occupied, to: &nearest)
            nearest.withBest { _, lists in
                for list in lists { pairs.append((list, UInt32(query))) }
            }
        }
        pairs.sort { ($0.list, $0.query) < ($1.list, $1.query) }
        var start = 0
        while start < pairs.count {
            var end = start + 1
            while end < pairs.count, end - start < Self.groupLimit, pairs[end].list == pairs[start].list {
                end += 1
            }
            scan(Int(pairs[start].list), for: pairs[start..<end].map { Int($0.query) })
            start = end
        }
        for query in 0..<queries.rows where pools[query].count < pools[query].width {
            scanFurther(query, among: occupied, skipping: effort)
        }
        index.comparisonCounter?.add(comparisons + queries.rows * index.listCount)
    }

    private func offerCenters(of query: Int, among occupied: [UInt32], to pool: inout CandidatePool) {
        let all = centerScores[query]
        guard occupied.count < all.count else { return pool.offer(all, occupied, count: all.count) }
        pool.offer(occupied.map { all[Int($0)] }, occupied, count: occupied.count)
    }

    /// Looks through lists in the order of their nearness until there are enough candidates.
    private func scanFurther(_ query: Int, among occupied: [UInt32], skipping seen: Int) {
        guard seen < occupied.count else { return }
        var all = CandidatePool(width: occupied.count)
        defer { all.deallocate() }
        offerCenters(of: query, among: occupied, to: &all)
        for list in all.ranked()[seen...] {
            guard pools[query].count < pools[query].width else { return }
            scan(list.id, for: [query])
        }
    }

    /// Offers the vectors of one list to each of `group`.
    private func scan(_ list: Int, for group: [Int]) {
        let (count, layout) = (index.lists[list].count, index.codec.layout)
        let codes = index.lists[list].codes.base
        let numbers = index.ids[list].numbers.baseAddress!
        comparisons += count * group.count
        let shared = scorers.isEmpty ? index.codec.scorer(for: queries.gathering(rows: group)) : nil
        for start in stride(from: 0, to: count, by: Self.tile) {
            let size = min(Self.tile, count - start)
            let from = codes + start / layout.vectorsPerBlock * layout.bytesPerBlock
            shared?.score(from, count: size, into: scores, stride: Self.tile)
            for (row, query) in group.enumerated() {
                let out = shared == nil ? scores : scores + row * Self.tile
                if shared == nil { scorers[query].score(from, count: size, into: out, stride: Self.tile) }
                offer(out, numbers + start, count: size, to: query)
            }
        }
    }

    private func offer(
        _ scores: UnsafePointer<Float>, _ numbers: UnsafePointer<UInt32>, count: Int, to query: Int
    ) {
        guard let allowed else { return pools[query].offer(scores, numbers, count: count) }
        var found = 0
        for i in 0..<count where allowed.contains(Int(numbers[i])) {
            (chosen.scores[found], chosen.numbers[found]) = (scores[i], numbers[i])
            found += 1
        }
        pools[query].offer(chosen.scores, chosen.numbers, count: found)
    }

    /// The `k` best of each query's pool, by the refinement where there is one.
    func matches(_ k: Int) -> [[Match]] {
        guard let refinement = index.refinement else {
            return pools.indices.map { Match.list(pools[$0].ranked(), metric: index.metric) }
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
                    index.refineCodes.withUnsafeBytes {
                        scorer.score(
                            rows: rows, count: numbers.count, of: $0.baseAddress!,
                            into: scores.baseAddress!)
                    }
                    best.offer(scores.baseAddress!, rows, count: numbers.count)
                }
                return Match.list(best.ranked(), metric: index.metric)
            }
        }
    }
}
