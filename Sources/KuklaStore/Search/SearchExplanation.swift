public import KuklaIndex
import KuklaNumerics

/// How a search went: what was looked through, how hard, and how long each part took.
public struct SearchExplanation: Encodable, Hashable, Sendable {
    /// Seconds of each part; 0 where there was none. Of a search that was done again because of a write they are sums.
    public struct Seconds: Encodable, Hashable, Sendable {
        /// Finding the items for which the filter holds.
        public var filter = 0.0
        /// Finding candidates in the index.
        public var index = 0.0
        /// Comparing the candidates by their vectors.
        public var comparison = 0.0
        /// Comparing items that are not in the index yet.
        public var fresh = 0.0
        /// Comparing items that are in the database only.
        public var unheld = 0.0
        /// Finding items by their words.
        public var text = 0.0
        /// Fetching the items that were found.
        public var fetch = 0.0
        public var total = 0.0
    }

    /// What the index is made of that was searched; `nil` where there is none, or nothing was searched by vector.
    public internal(set) var configuration: IndexConfiguration?
    /// Items of the index that could have been found.
    public internal(set) var indexed = 0
    /// Items outside the index that were compared from memory, and from the database.
    public internal(set) var fresh = 0
    public internal(set) var unheld = 0
    /// How thorough the search of the index was (`ApproximateIndex.effort`); `nil` where it has no choice.
    public internal(set) var effort: Int?
    /// How many of the best by codes were compared by their vectors, at most; `nil` where codes are the vectors.
    public internal(set) var candidates: Int?
    /// How many candidates were compared by their vectors, of all queries together; fewer than `candidates` where their codes ruled out the
    /// others.
    public internal(set) var vectors: Int?
    /// Codes that were compared with the query.
    public internal(set) var compared: Int?
    /// The share of all items for which the filter holds, `0...1`; `nil` where there is none.
    public internal(set) var selectivity: Double?
    /// The share of the best items that such searches of this index were measured to find, `0...1`: 1 where all was compared, `nil` where
    /// nothing was measured, as with filters.
    public internal(set) var expectedRecall: Double?
    /// Why a text was looked for by its words only, where whoever asked would have had it embedded, too; `nil` else.
    public var wordsOnly: String?
    /// How often the search was done, 1 unless items that it had found were written again meanwhile.
    public internal(set) var tries = 0
    public internal(set) var seconds = Seconds()
}

/// What a search found, and how.
public struct ExplainedSearch: Sendable {
    public let hits: [SearchHit]
    public let explanation: SearchExplanation
}

/// Fills in an explanation while a search goes on.
struct SearchTrace {
    var explanation = SearchExplanation()
    /// Whether what costs time to find out is wanted.
    let isComplete: Bool

    /// Runs `body` and adds its seconds.
    mutating func timing<Result>(
        _ part: WritableKeyPath<SearchExplanation.Seconds, Double>,
        _ body: (inout SearchTrace) throws(KuklaError) -> Result
    ) throws(KuklaError) -> Result {
        let start = ContinuousClock.now
        let result = try body(&self)
        explanation.seconds[keyPath: part] += (ContinuousClock.now - start) / .seconds(1)
        return result
    }
}
