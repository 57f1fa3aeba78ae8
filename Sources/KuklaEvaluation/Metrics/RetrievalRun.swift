public import KuklaNumerics

/// What a search system answered: for each query, documents with their scores (larger is better).
public struct RetrievalRun: Sendable, Equatable {
    /// One document of an answer.
    public struct Hit: Sendable, Equatable {
        public var document: String
        /// Larger is better; never NaN.
        public var score: Double

        public init(document: String, score: Double) {
            self.document = document
            self.score = score
        }
    }

    /// The answers by query, in no particular order: metrics rank them by score themselves.
    public private(set) var answers: [String: [Hit]] = [:]

    public init() {}

    /// A run from scores by query and document.
    ///
    /// - Throws: `KuklaError.badData` where a score is NaN.
    public init(scores: [String: [String: Double]]) throws(KuklaError) {
        for (query, documents) in scores {
            try add(query: query, hits: documents.map { Hit(document: $0.key, score: $0.value) })
        }
    }

    /// Adds the whole answer to one query.
    ///
    /// - Throws: `KuklaError.badData` where the query already has an answer, a document stands twice in it,
    ///   or a score is NaN.
    public mutating func add(query: String, hits: [Hit]) throws(KuklaError) {
        guard answers[query] == nil else {
            throw KuklaError(
                .badData, "the run answers query '\(query)' twice; each query may be answered once")
        }
        try Self.check(hits, of: query)
        answers[query] = hits
    }

    /// Throws where `hits` could not be ranked.
    static func check(_ hits: [Hit], of query: String) throws(KuklaError) {
        var seen = Set<String>(minimumCapacity: hits.count)
        for hit in hits {
            guard !hit.score.isNaN else {
                throw KuklaError(
                    .badData,
                    "the run scores document '\(hit.document)' of query '\(query)' with NaN, which has no rank"
                )
            }
            guard seen.insert(hit.document).inserted else {
                throw KuklaError(
                    .badData,
                    "the run lists document '\(hit.document)' twice for query '\(query)'; keep its best score only"
                )
            }
        }
    }
}
