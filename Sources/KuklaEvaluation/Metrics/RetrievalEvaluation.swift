public import KuklaNumerics

/// Scores answers against judgements, one query at a time, so that a run need not be held in memory.
///
/// ```swift
/// var evaluation = RetrievalEvaluation(qrels: qrels)
/// for (query, hits) in answers { try evaluation.add(query: query, hits: hits) }
/// print(evaluation.mean(of: .nDCG(at: 10)))
/// ```
public struct RetrievalEvaluation: Sendable {
    /// What happens to a judged query that was never answered.
    public enum MissingQueries: Sendable {
        /// It is left out of the means, as pytrec_eval and trec_eval do.
        case skipped
        /// It counts as 0 in every mean, as `trec_eval -c` does.
        case countedAsZero
    }

    /// The metrics, in the order of each query's values.
    public let metrics: [RetrievalMetric]
    /// Each scored query's values, in the order of `metrics`.
    public private(set) var values: [String: [Double]] = [:]
    /// How many answered queries were left out because nobody judged any document for them.
    public private(set) var unjudgedCount = 0

    private let qrels: Qrels

    public init(qrels: Qrels, metrics: [RetrievalMetric] = RetrievalMetric.standard) {
        self.qrels = qrels
        self.metrics = metrics
    }

    /// Scores a whole run.
    public init(qrels: Qrels, run: RetrievalRun, metrics: [RetrievalMetric] = RetrievalMetric.standard) {
        self.init(qrels: qrels, metrics: metrics)
        for (query, hits) in run.answers { score(query, hits) }
    }

    /// Scores the whole answer to one query; one without judgements is counted and left out.
    ///
    /// - Throws: `KuklaError.badData` where the query was scored before, a document stands twice, or a score
    ///   is NaN.
    public mutating func add(query: String, hits: [RetrievalRun.Hit]) throws(KuklaError) {
        guard values[query] == nil else {
            throw KuklaError(
                .badData, "the run answers query '\(query)' twice; each query may be answered once")
        }
        try RetrievalRun.check(hits, of: query)
        score(query, hits)
    }

    private mutating func score(_ query: String, _ hits: [RetrievalRun.Hit]) {
        guard let judged = qrels[query] else {
            unjudgedCount += 1
            return
        }
        let answer = RankedAnswer(hits: hits, judged: judged)
        values[query] = metrics.map { $0.value(of: answer) }
    }

    /// How many queries the means are over, where missing ones are skipped.
    public var queryCount: Int { values.count }

    /// How many judged queries were never answered.
    public var missingCount: Int { qrels.queryCount - values.count }

    /// The mean of a metric over queries, in `[0, 1]`; 0 where no query was scored.
    ///
    /// Summed in the order of query ids, so that it is the same to the last bit on every run.
    ///
    /// - Precondition: `metric` is one of `metrics`.
    public func mean(of metric: RetrievalMetric, missing: MissingQueries = .skipped) -> Double {
        let column = perQuery(metric)
        let count = missing == .skipped ? column.count : column.count + missingCount
        return count > 0 ? column.reduce(0) { $0 + $1.value } / Double(count) : 0
    }

    /// A metric's value for each scored query, sorted by query id.
    ///
    /// - Precondition: `metric` is one of `metrics`.
    public func perQuery(_ metric: RetrievalMetric) -> [(query: String, value: Double)] {
        guard let index = metrics.firstIndex(of: metric) else {
            contract(false, "RetrievalEvaluation: \(metric) was not asked for, only \(metrics)")
            return []
        }
        return values.map { (query: $0.key, value: $0.value[index]) }.sorted { $0.query < $1.query }
    }
}
