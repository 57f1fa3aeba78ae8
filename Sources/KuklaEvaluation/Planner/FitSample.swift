import KuklaNumerics

/// The vectors and queries that plans are measured on, and how many of them each round takes.
struct FitSample {
    struct Round {
        let vectors: Int
        let queries: Int
    }

    /// Vectors to search, in random order: the first n are a fair sample.
    let base: Matrix
    /// The row of the caller's vectors that each row of `base` was.
    let rows: [Int]
    let queries: Matrix
    /// The row of the caller's queries that each row of `queries` was (of the vectors, where they were held out).
    let queryRows: [Int]
    /// From a small sample to all of `base`, four times larger each round.
    let rounds: [Round]

    /// - Parameter keepsAll: whether no vector may be left out, because judgements name them.
    init(
        vectors: Matrix, queries: Matrix?, keepsAll: Bool, maximumVectors: Int, maximumQueries: Int,
        seed: UInt64
    ) {
        var random = RandomSource(seed: seed)
        let limit = keepsAll ? vectors.rows : maximumVectors
        if let queries {
            rows = random.sample(limit, below: vectors.rows)
            queryRows = random.sample(maximumQueries, below: queries.rows)
            self.queries = queries.gathering(rows: queryRows)
        } else {
            // Held out: a vector that is there to be found would find itself.
            let held = min(maximumQueries, max(vectors.rows / 5, 1))
            let picked = random.sample(limit + held, below: vectors.rows)
            queryRows = Array(picked.prefix(held))
            rows = Array(picked.dropFirst(held))
            self.queries = vectors.gathering(rows: queryRows)
        }
        base = vectors.gathering(rows: rows)
        var rounds = [Round(vectors: base.rows, queries: self.queries.rows)]
        while let first = rounds.first, first.vectors > 16_384 {
            let queries = max(first.queries / 2, min(first.queries, 200))
            rounds.insert(Round(vectors: first.vectors / 4, queries: queries), at: 0)
        }
        self.rounds = rounds
    }

    /// Judgements by the rows of `base` and `queries`.
    func relevance(_ judgements: VectorJudgements) -> PlanMeasurement.Relevance {
        PlanMeasurement.Relevance(
            qrels: judgements.qrels, queryIDs: queryRows.map { judgements.queryIDs[$0] },
            documentIDs: rows.map { judgements.documentIDs[$0] })
    }
}
