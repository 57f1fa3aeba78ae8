/// One measured plan, as reports show it: what it costs and what it keeps.
public struct PlanRow: Sendable, Equatable {
    /// The factory string: `PCA128,SQ8`.
    public var plan: String
    /// The size of the model that makes the vectors, `3x48`; nil where it is not for choosing.
    public var modelSize: String?
    /// How vectors are found, in a word: `flat`, `graph`, `lists`; empty where nothing else is possible.
    public var structure: String
    /// How thorough searches are, where there is a choice.
    public var effort: Int?
    /// Bytes that one vector takes, with its share of codebooks where the caller counts them; above 0.
    public var bytesPerVector: Double
    /// Bytes that the whole collection takes.
    public var totalBytes: Int
    /// Mean recall@k against exact search, in `[0, 1]`.
    public var recall: Double
    /// The 95% interval of `recall`.
    public var recallInterval: ClosedRange<Double>
    /// Queries answered in a second; 0 where it was not measured.
    public var queriesPerSecond: Double
    /// Milliseconds of one query alone on one thread, where it was measured: the median, and what 99 of 100 need at most.
    public var latency: SearchLatency?
    /// Mean nDCG@10 against judgements, where there are some.
    public var ndcg: Double?
    /// Whether this is the plan that the planner picked.
    public var isChosen: Bool
    /// Whether the figures are of a sample of the vectors: recall falls as a collection grows, so they are no match
    /// for figures of the whole.
    public var isOnSample: Bool
    /// A remark for the reader: "trained on a sample", "over budget".
    public var note: String?

    public init(
        plan: String, modelSize: String? = nil, structure: String = "", effort: Int? = nil,
        bytesPerVector: Double, totalBytes: Int,
        recall: Double, recallInterval: ClosedRange<Double>, queriesPerSecond: Double,
        latency: SearchLatency? = nil, ndcg: Double? = nil,
        isChosen: Bool = false, isOnSample: Bool = false, note: String? = nil
    ) {
        self.plan = plan
        self.modelSize = modelSize
        self.structure = structure
        self.effort = effort
        self.bytesPerVector = bytesPerVector
        self.totalBytes = totalBytes
        self.recall = recall
        self.recallInterval = recallInterval
        self.queriesPerSecond = queriesPerSecond
        self.latency = latency
        self.ndcg = ndcg
        self.isChosen = isChosen
        self.isOnSample = isOnSample
        self.note = note
    }

    /// The indices of the plans that no other plan beats: none is both at most as large and better. Plans that were
    /// measured on a sample stay out.
    ///
    /// Smallest first; of plans equal in size and recall the first one stands. O(n log n).
    public static func paretoFront(of rows: [PlanRow]) -> [Int] {
        let order = rows.indices.filter { !rows[$0].isOnSample }.sorted { a, b in
            let (x, y) = (rows[a], rows[b])
            if x.bytesPerVector != y.bytesPerVector { return x.bytesPerVector < y.bytesPerVector }
            return x.recall != y.recall ? x.recall > y.recall : a < b
        }
        var best = -Double.infinity
        return order.filter { index in
            defer { best = max(best, rows[index].recall) }
            return rows[index].recall > best
        }
    }
}
