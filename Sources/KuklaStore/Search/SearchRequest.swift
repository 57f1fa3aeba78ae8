import KuklaNumerics

/// What is looked for in a collection: the items nearest to a vector, those with words of a text, or, of both, those that
/// stand well in either list.
public struct SearchRequest: Sendable {
    public var vector: [Float]?
    /// Words; an item with some of them matches, the more and the rarer the better (BM25).
    public var text: String?
    /// How many items, at least 1.
    public var count: Int
    /// Only items for which this holds are found.
    public var filter: Filter?
    /// How thorough a graph or lists search (`ApproximateIndex.effort`), in place of the index's own.
    public var effort: Int?
    /// How many of the best by codes are compared by their vectors. Where left out: at most four times `count` and 32 more, and no more once what
    /// the codes were off by rules out the others. Means nothing where the index holds the vectors themselves.
    public var candidates: Int?
    /// The share of the best items that is to be found, `0...1`: the effort and the candidates that were measured to find it are taken, and no
    /// more. 1 compares all vectors in the database. Not beside `effort` and `candidates`.
    public var recall: Double?
    /// Whether items come with their vectors.
    public var withVectors = false
    /// Threads of this search, in place of the store's: of searches side by side each had better keep to one.
    public var threads: Int?

    public init(vector: [Float]? = nil, text: String? = nil, count: Int = 10, filter: Filter? = nil) {
        self.vector = vector
        self.text = text
        self.count = count
        self.filter = filter
    }

    /// Throws where nothing is looked for; `hasQueries` says whether there are vectors beside the request.
    func check(hasQueries: Bool = false) throws(KuklaError) {
        guard hasQueries || vector != nil || text != nil else {
            throw KuklaError(.usage, "Cannot search for nothing: give a vector, a text, or both.")
        }
        guard (1...10_000).contains(count) else {
            throw KuklaError(.usage, "Cannot search for \(count) items: expected 1 to 10000.")
        }
        guard candidates.map({ $0 >= count }) ?? true else {
            throw KuklaError(
                .usage,
                "Cannot compare \(candidates ?? 0) candidates for \(count) items: expected at least as many.")
        }
        if let recall {
            guard recall > 0, recall <= 1 else {
                throw KuklaError(
                    .usage, "Cannot search with a recall of \(recall): expected more than 0, at most 1.")
            }
            guard effort == nil, candidates == nil else {
                throw KuklaError(
                    .usage,
                    "Cannot search with a recall and with an effort or candidates of your own: the recall says how many it takes. Leave one of them out."
                )
            }
        }
        try filter?.check()
    }

    var candidateCount: Int { candidates ?? 4 * count + 32 }
}

/// An item that a search found.
public struct SearchHit: Hashable, Sendable {
    public let item: StoredItem
    /// Larger is better: by vector the metric's score, by text BM25, by both the sum of `1 / (60 + rank)` over the two lists.
    public let score: Float
    /// The metric's distance of the vectors, where the search by vector found the item.
    public let distance: Float?
    /// The place in the list by vector, and in that by text, from 1.
    public let vectorRank: Int?
    public let textRank: Int?
}
