import KuklaCodecs
public import KuklaNumerics

/// A flat index that is searched through a funnel: its prefixes first, further components for the few that remain.
///
/// The prefixes of the first stage are copied out of the index, float32, once; under cosine each prefix is divided by its norm at every
/// stage. The last stage scores as the index itself does where it takes all dimensions, so one stage of all dimensions is the index's own
/// search. Works over every codec whose codes can be picked out one by one (`F32`, `F16`, `SQ8` ...).
///
/// Memory: the index's and `4 * first.dimensions` for each vector. Search: `Funnel.multiplications(among:)` for each query.
public struct FunnelIndex: VectorIndex {
    public let index: FlatIndex
    public let funnel: Funnel
    /// Counts what searches really multiply, for comparison with `Funnel.multiplications(among:)`.
    public var multiplicationCounter: MultiplicationCounter?
    /// The prefixes of the first stage; the index itself where that takes all dimensions.
    private let first: FlatIndex

    /// - Throws: `KuklaError`: `usage` where a stage has more dimensions than the index, or codes cannot be picked out; `badData` where
    ///   under cosine a prefix is all zeros.
    public init(
        _ index: FlatIndex, funnel: Funnel, threads: Int = defaultThreadCount
    ) throws(KuklaError) {
        let widest = funnel.stages[funnel.stages.count - 1].dimensions
        guard widest <= index.dimensions else {
            throw KuklaError(
                .usage,
                "Cannot search through the funnel '\(funnel)': the vectors have \(index.dimensions) dimensions, a stage asks for \(widest)."
            )
        }
        guard index.finest.codec.layout.vectorsPerBlock == 1 else {
            throw KuklaError(
                .usage,
                "Cannot search '\(index.configuration)' through a funnel: its codes lie in blocks of \(index.finest.codec.layout.vectorsPerBlock) vectors, of which none can be picked out. Index with F32, F16 or SQ8."
            )
        }
        self.index = index
        self.funnel = funnel
        let dimensions = funnel.stages[0].dimensions
        if dimensions == index.dimensions {
            first = index
        } else {
            let prefixes = Matrix(rows: index.count, columns: dimensions) { out in
                guard let base = out.baseAddress else { return }
                nonisolated(unsafe) let to = base  // every block writes rows of its own
                // Blocks whose decoded vectors stay in the cache.
                parallelFor(index.count, grain: 512, threads: threads) { rows in
                    index.vectors(rows).withUnsafeBufferPointer { from in
                        for row in 0..<rows.count {
                            let prefix = to + (rows.lowerBound + row) * dimensions
                            for i in 0..<dimensions { prefix[i] = from[row * index.dimensions + i] }
                        }
                    }
                }
            }
            var stored = FlatIndex(codec: FloatCodec(metric: index.metric, dimensions: dimensions))
            try stored.insert(prefixes, threads: threads)
            first = stored
        }
    }

    public var dimensions: Int { index.dimensions }
    public var metric: Metric { index.metric }
    public var count: Int { index.count }
    public var idBound: Int { index.idBound }

    /// - Throws: also `usage` where `k` is more than the last stage keeps.
    public func search(
        _ queries: Matrix, count k: Int, allowing allowed: RowSet? = nil, threads: Int = defaultThreadCount
    ) throws(KuklaError) -> [[Match]] {
        try checkSearch(queries, count: k, allowing: allowed)
        let stages = funnel.stages
        guard k <= stages[stages.count - 1].count else {
            throw KuklaError(
                .usage,
                "Cannot search for \(k) matches: the funnel '\(funnel)' ends with \(stages[stages.count - 1].count)."
            )
        }
        var lists = try first.search(
            queries.leadingColumns(stages[0].dimensions), count: min(stages[0].count, count),
            allowing: allowed, threads: threads)
        multiplicationCounter?.add(
            vectors: queries.rows * first.count, dimensions: stages[0].dimensions)
        for stage in stages.dropFirst() {
            let prefixes = try queries.leadingColumns(stage.dimensions)
                .prepared(for: metric, role: "query", threads: threads)
            lists = try ranked(lists, by: prefixes, keeping: stage.count, threads: threads)
        }
        return lists.map { Array($0.prefix(k)) }
    }

    /// The best of each list, by as many components as the queries have.
    private func ranked(
        _ lists: [[Match]], by queries: Matrix, keeping count: Int, threads: Int
    ) throws(KuklaError) -> [[Match]] {
        var result = lists
        try result.withUnsafeMutableBufferPointer { result throws(KuklaError) in
            nonisolated(unsafe) let result = result  // every block writes elements of its own
            try parallelFor(queries.rows, grain: 1, threads: threads) { block throws(KuklaError) in
                for query in block {
                    // In the order of memory: neighbours share pages.
                    let ids = result[query].map(\.id).sorted()
                    multiplicationCounter?.add(vectors: ids.count, dimensions: queries.columns)
                    let scores = try index.scores(of: ids, for: queries[rows: query..<query + 1])
                    let ranked = zip(scores, ids).map { ScoredRow(score: $0, id: $1) }
                    result[query] = Match.list(ScoredRow.best(count, of: ranked), metric: metric)
                }
            }
        }
        return result
    }
}

extension FlatIndex {
    /// The finest codes: the refinement's where there is one.
    var finest: (codec: any VectorCodec, codes: CodeBuffer) {
        refinement.map { ($0.codec, refineCodes.all) } ?? (codec, codes)
    }

    /// Scores of the vectors of `ids` by the leading components that the one query has; under cosine it is of norm 1.
    fileprivate func scores(of ids: [Int], for query: Matrix) throws(KuklaError) -> [Float] {
        guard !ids.isEmpty else { return [] }
        let (codec, codes) = finest
        let picked = CodeBuffer(copying: ids, of: codes, layout: codec.layout)
        return try picked.withUnsafeBytes { picked throws(KuklaError) -> [Float] in
            guard query.columns < dimensions else {
                return codec.scorer(for: query).scores(of: picked, count: ids.count)
            }
            let prefixes = try codec.decode(picked, count: ids.count).leadingColumns(query.columns)
                .prepared(for: metric, role: "vector", threads: 1)
            return prefixes.withUnsafeBufferPointer {
                FloatCodec(metric: metric, dimensions: query.columns).scorer(for: query)
                    .scores(of: UnsafeRawBufferPointer($0), count: ids.count)
            }
        }
    }
}

extension CodeScorer {
    /// The scores of `count` codes for the one query.
    func scores(of codes: UnsafeRawBufferPointer, count: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { out, initialized in
            guard let from = codes.baseAddress, let to = out.baseAddress else { return }
            score(from, count: count, into: to, stride: count)
            initialized = count
        }
    }
}

extension Matrix {
    /// The first `count` components of every row, as they are.
    func leadingColumns(_ count: Int) -> Matrix {
        if count == columns { return self }
        return Matrix(rows: rows, columns: count) { out in
            withUnsafeBufferPointer { all in
                for row in 0..<rows {
                    for i in 0..<count { out[row * count + i] = all[row * columns + i] }
                }
            }
        }
    }
}
