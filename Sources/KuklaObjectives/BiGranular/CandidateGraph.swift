public import KuklaNumerics

/// Queries, the documents that answer them, and those that a search ranks high although they do not: what negatives are
/// drawn from.
public struct CandidateGraph: Sendable {
    /// A query with one of its answers and one negative; `item` numbers all of them.
    public struct Triple: Hashable, Sendable {
        public let query: Int
        public let positive: Int
        public let negative: Int
    }

    public let documentCount: Int
    /// Documents that answer each query, at least one.
    public let positives: [[Int]]
    /// Ranked documents of each query that do not answer it; nil where any document may be a negative.
    public let candidates: [[Int]]?
    private let answers: [Set<Int>]
    private let mostPositives: Int
    private let mostNegatives: Int

    /// - Parameter candidates: best first; answers among them are left out.
    /// - Throws: `KuklaError.badData` where a query has no answer, or nothing that could be a negative, or a document is not there.
    public init(
        documentCount: Int, positives: [[Int]], candidates: [[Int]]? = nil
    ) throws(KuklaError) {
        let answers = positives.map { Set($0) }
        self.documentCount = documentCount
        self.positives = positives
        self.answers = answers
        self.candidates = candidates.map { lists in
            zip(lists, answers).map { list, answers in list.filter { !answers.contains($0) } }
        }
        mostPositives = positives.map(\.count).max() ?? 1
        mostNegatives = self.candidates?.map(\.count).max() ?? documentCount
        for query in positives.indices {
            let all = positives[query] + (self.candidates?[query] ?? [])
            guard all.allSatisfy({ (0..<documentCount).contains($0) }) else {
                throw KuklaError(
                    .badData,
                    "Cannot train: query \(query) names a document that is not among the \(documentCount).")
            }
            let negatives = self.candidates?[query].count ?? (documentCount - answers[query].count)
            guard !positives[query].isEmpty, negatives > 0 else {
                throw KuklaError(
                    .badData,
                    "Cannot train: query \(query) has \(positives[query].count) answers and \(negatives) other documents, expected at least one of each."
                )
            }
        }
        guard candidates.map({ $0.count == positives.count }) ?? true else {
            throw KuklaError(
                .badData, "Cannot train: \(candidates?.count ?? 0) lists for \(positives.count) queries.")
        }
    }

    public var queryCount: Int { positives.count }

    /// Whether `document` answers `query`.
    public func answers(_ query: Int, _ document: Int) -> Bool { answers[query].contains(document) }

    /// The triple that is numbered `item`.
    public func triple(of item: Int) -> Triple {
        let (rest, negative) = item.quotientAndRemainder(dividingBy: mostNegatives)
        let (query, positive) = rest.quotientAndRemainder(dividingBy: mostPositives)
        return Triple(
            query: query, positive: positives[query][positive],
            negative: candidates?[query][negative] ?? negative)
    }

    /// Draws a triple of `query` at random and numbers it. The negative is one that `used` does not hold, where there is one
    /// among the first some that are drawn.
    func item(_ query: Int, avoiding used: Set<Int>, using random: inout RandomSource) -> Int {
        let positive = Int.random(in: 0..<positives[query].count, using: &random)
        let count = candidates?[query].count ?? documentCount
        var negative = Int.random(in: 0..<count, using: &random)
        var tries = 0
        while tries < 16 || candidates == nil {
            let document = candidates?[query][negative] ?? negative
            let isAnswer = answers(query, document)
            if !isAnswer, !used.contains(document) || tries >= 16 { break }
            negative = Int.random(in: 0..<count, using: &random)
            tries += 1
        }
        return (query * mostPositives + positive) * mostNegatives + negative
    }

    /// The queries that have each document among their candidates.
    func queriesByCandidate() -> [[Int]] {
        var queries = [[Int]](repeating: [], count: documentCount)
        for (query, list) in (candidates ?? []).enumerated() {
            for document in list { queries[document].append(query) }
        }
        return queries
    }
}
