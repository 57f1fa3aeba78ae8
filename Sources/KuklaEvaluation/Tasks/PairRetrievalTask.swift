import KuklaCodecs
import KuklaIndex
public import KuklaNumerics

/// Retrieval of a text's partner: does a first text find one of its seconds among the seconds of all pairs?
///
/// Equal first texts are one query whose partners are all its seconds; the candidates are all different seconds, the query
/// itself left out.
public struct PairRetrievalTask: Sendable {
    /// How often partners were found, over all queries.
    public struct Result: Sendable, Equatable {
        /// The share of queries whose nearest candidate is a partner.
        public var recallAt1: Double
        /// The share of queries with a partner among the 10 nearest candidates.
        public var recallAt10: Double
        /// The mean of 1 / rank of the first partner, 0 beyond rank 10.
        public var mrrAt10: Double
        public var queryCount: Int
        public var candidateCount: Int
    }

    private let texts: [String]
    private let queries: [Int]
    private let candidates: [Int]
    /// Partners of each query, as text numbers.
    private let partners: [Set<Int>]

    public init(pairs: [(first: String, second: String)]) {
        var numbers: [String: Int] = [:]
        var texts: [String] = []
        func number(_ text: String) -> Int {
            if let known = numbers[text] { return known }
            numbers[text] = texts.count
            texts.append(text)
            return texts.count - 1
        }
        var byQuery: [Int: Set<Int>] = [:]
        var (queries, candidates): ([Int], [Int]) = ([], [])
        var isCandidate = Set<Int>()
        for pair in pairs {
            let (first, second) = (number(pair.first), number(pair.second))
            if byQuery[first] == nil { queries.append(first) }
            byQuery[first, default: []].insert(second)
            if isCandidate.insert(second).inserted { candidates.append(second) }
        }
        self.texts = texts
        // A query whose only partner is itself has nothing to find.
        self.queries = queries.filter { byQuery[$0] != [$0] }
        self.candidates = candidates
        partners = self.queries.map { byQuery[$0] ?? [] }
    }

    /// Embeds every different text once and ranks candidates by cosine.
    ///
    /// - Parameter embedding: from n texts to vectors `[n, d]`, which need not be normalised.
    /// - Throws: what `embedding` throws; `KuklaError.badData` where there is no query or a vector is not finite.
    /// - Complexity: O(queries * candidates * d).
    public func evaluate(
        threads: Int = defaultThreadCount, embedding: ([String]) throws -> Matrix
    ) throws -> Result {
        try checkQueries()
        let vectors = try embedded(texts, by: embedding)
        let table = rows(candidates, of: vectors)
        return result {
            rows($0, of: vectors).multiplied(by: table, transposed: true, threads: threads)
        }
    }

    /// As `evaluate(threads:embedding:)` where questions are embedded in another way than what they look for: behind an instruction.
    public func evaluate(
        threads: Int = defaultThreadCount, questions embeddingQuestions: ([String]) throws -> Matrix,
        candidates embeddingCandidates: ([String]) throws -> Matrix
    ) throws -> Result {
        try checkQueries()
        let questions = try embedded(queries.map { texts[$0] }, by: embeddingQuestions)
        let others = try embedded(candidates.map { texts[$0] }, by: embeddingCandidates)
        let table = rows(candidates.indices, of: others)
        return result { block in
            rows(block.indices, of: questions).multiplied(by: table, transposed: true, threads: threads)
        }
    }

    private func embedded(_ texts: [String], by embedding: ([String]) throws -> Matrix) throws -> Matrix {
        let vectors = try embedding(texts)
        contract(
            vectors.rows == texts.count, "PairRetrievalTask: \(vectors.rows) vectors for \(texts.count) texts"
        )
        try check(vectors)
        return vectors
    }

    /// As `evaluate(threads:embedding:)` by late interaction: ranks candidates by `MaxSim`.
    ///
    /// - Parameter embeddingTokens: from n texts to n sets of vectors, compared as they are.
    public func evaluate(
        threads: Int = defaultThreadCount, embeddingTokens: ([String]) throws -> VectorSets
    ) throws -> Result {
        try checkQueries()
        let sets = try embeddingTokens(texts)
        contract(sets.count == texts.count, "PairRetrievalTask: \(sets.count) sets for \(texts.count) texts")
        try check(sets.vectors)
        let table = sets.gathering(candidates)
        return result { MaxSim.scores(sets.gathering($0), table, threads: threads) }
    }

    private func checkQueries() throws(KuklaError) {
        guard !queries.isEmpty else {
            throw KuklaError(.badData, "Cannot judge retrieval: no pair has two different texts.")
        }
    }

    private func check(_ vectors: Matrix) throws(KuklaError) {
        guard vectors.firstNonFiniteRow == nil else {
            throw KuklaError(.badData, "Cannot judge retrieval: an embedding is not finite.")
        }
    }

    /// - Parameter scores: of some queries with all candidates.
    private func result(scores: (ArraySlice<Int>) -> Matrix) -> Result {
        // The rank of a query's best partner: how many strangers are as near.
        var ranks: [Int] = []
        var isPartner = [Bool](repeating: false, count: texts.count)
        for start in stride(from: 0, to: queries.count, by: 256) {
            let block = start..<min(start + 256, queries.count)
            let scores = scores(queries[block])
            for (row, query) in block.enumerated() {
                let line = scores.row(row)
                for text in partners[query] { isPartner[text] = true }
                defer { for text in partners[query] { isPartner[text] = false } }
                var best = -Float.infinity
                for (i, text) in candidates.enumerated() where isPartner[text] && text != queries[query] {
                    best = max(best, line[i])
                }
                // A tie is no find.
                var nearer = 0
                for (i, text) in candidates.enumerated()
                where line[i] >= best && !isPartner[text] && text != queries[query] { nearer += 1 }
                ranks.append(nearer)
            }
        }
        let count = Double(ranks.count)
        return Result(
            recallAt1: Double(ranks.count { $0 == 0 }) / count,
            recallAt10: Double(ranks.count { $0 < 10 }) / count,
            mrrAt10: ranks.reduce(0) { $0 + ($1 < 10 ? 1 / Double($1 + 1) : 0) } / count,
            queryCount: ranks.count, candidateCount: candidates.count)
    }

    /// The vectors of some texts, each of length 1.
    private func rows(_ texts: some Collection<Int>, of vectors: Matrix) -> Matrix {
        let width = vectors.columns
        return Matrix(rows: texts.count, columns: width) { out in
            for (row, text) in texts.enumerated() {
                let vector = vectors.row(text)
                let length = vector.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
                for i in 0..<width { out[row * width + i] = Float(Double(vector[i]) / max(length, 1e-12)) }
            }
        }
    }
}
