import Foundation
import KuklaIndex
import KuklaNumerics

/// Relevance judgements for vectors and queries that have names.
public struct VectorJudgements: Sendable {
    public let qrels: Qrels
    /// The query that each row of the queries is.
    public let queryIDs: [String]
    /// The document that each row of the vectors is.
    public let documentIDs: [String]

    public init(qrels: Qrels, queryIDs: [String], documentIDs: [String]) {
        self.qrels = qrels
        self.queryIDs = queryIDs
        self.documentIDs = documentIDs
    }
}

/// A plan with its recall query by query, so that two plans can be compared over the same queries.
struct MeasuredPlan {
    let candidate: Candidate
    let recall: AgreementRecall
    let figures: FitReport.Plan
}

/// What exact float search gives on the same vectors and queries.
struct ExactSearch {
    let found: [[Int]]
    let queriesPerSecond: Double
    let ndcg: Double?
}

/// Measures plans on one round's vectors and queries.
struct PlanMeasurement {
    /// Judgements with the rows of this round behind their names.
    struct Relevance {
        let qrels: Qrels
        let queryIDs: [String]
        let documentIDs: [String]

        /// nDCG@10 over the queries that are judged.
        func ndcg(_ answers: [[Match]]) throws(KuklaError) -> Double {
            var evaluation = RetrievalEvaluation(qrels: qrels, metrics: [.nDCG(at: 10)])
            for (query, matches) in answers.enumerated() {
                try evaluation.add(
                    query: queryIDs[query],
                    hits: matches.map { .init(document: documentIDs[$0.id], score: Double($0.score)) })
            }
            return evaluation.mean(of: .nDCG(at: 10))
        }
    }

    let base: Matrix
    let queries: Matrix
    let relevance: Relevance?
    let planner: BudgetPlanner
    /// Whether plans are finalists: measured on all there is, and their speed too.
    let isLast: Bool
    /// Vectors of the collection.
    let count: Int
    let exact: ExactSearch
    private let k: Int

    /// - Parameter truth: vectors and queries, row by row as the given ones, whose exact neighbours are to be found; the given ones
    ///   where nil.
    init(
        base: Matrix, queries: Matrix, truth: (vectors: Matrix, queries: Matrix)? = nil,
        relevance: Relevance?, planner: BudgetPlanner, isLast: Bool, count: Int
    ) throws(KuklaError) {
        self.base = base
        self.queries = queries
        self.relevance = relevance
        self.planner = planner
        self.isLast = isLast
        self.count = count
        k = min(planner.neighbors, base.rows)
        let (index, _) = try Self.build(IndexConfiguration(parsing: "F32"), base, planner)
        var answers = try index.search(queries, count: k, threads: planner.threads)
        if let truth {
            let (index, _) = try Self.build(IndexConfiguration(parsing: "F32"), truth.vectors, planner)
            answers = try index.search(truth.queries, count: k, threads: planner.threads)
        }
        exact = ExactSearch(
            found: answers.map { $0.map(\.id) },
            queriesPerSecond: try Self.queriesPerSecond(
                index, queries, k: k, threads: planner.threads, minimum: planner.timingSeconds),
            ndcg: try relevance?.ndcg(answers))
    }

    /// Trains `candidate`, encodes the vectors, chooses the effort of searches and measures them.
    func measure(_ candidate: Candidate) throws(KuklaError) -> MeasuredPlan {
        var (index, seconds) = try Self.build(candidate.configuration, base, planner)
        if var approximate = index as? any ApproximateIndex & CodedIndex {
            try setEffort(of: &approximate)
            index = approximate
        }
        let answers = try index.search(queries, count: k, threads: planner.threads)
        let recall = try AgreementRecall(approximate: answers.map { $0.map(\.id) }, exact: exact.found, k: k)
        let latency = isLast ? try self.latency(of: index) : nil
        return MeasuredPlan(
            candidate: candidate, recall: recall,
            figures: FitReport.Plan(
                plan: candidate.configuration.description,
                structure: .init(candidate.configuration.structure),
                effort: (index as? any ApproximateIndex)?.effort, bytesPerVector: index.bytesPerVector,
                residentBytes: Int(index.bytesPerVector * Double(count)) + index.fixedBytes,
                recall: recall.mean, recallLow: recall.interval.lowerBound,
                recallHigh: recall.interval.upperBound,
                queriesPerSecond: try Self.queriesPerSecond(
                    index, queries, k: k, threads: planner.threads, minimum: planner.timingSeconds),
                p50Milliseconds: latency?.p50Milliseconds, p99Milliseconds: latency?.p99Milliseconds,
                ndcg: try relevance?.ndcg(answers), trainingSeconds: seconds, vectors: base.rows,
                queries: queries.rows, isFinalist: isLast))
    }

    /// The least effort that reaches the wanted recall; where none is wanted the most that the wanted latency leaves.
    private func setEffort(of index: inout any ApproximateIndex & CodedIndex) throws(KuklaError) {
        if let recall = planner.limits.recall {
            try index.chooseEffort(
                recall: recall, queries: queries, count: k, exact: exact.found, threads: planner.threads)
            return
        }
        guard let limit = planner.limits.latencyMilliseconds else { return }
        func isFast(_ effort: Int) throws(KuklaError) -> Bool {
            index.effort = effort
            return try latency(of: index).p50Milliseconds <= limit
        }
        var (enough, tooMuch) = (1, index.largestEffort + 1)
        while 2 * enough < tooMuch {
            if try isFast(2 * enough) { enough *= 2 } else { tooMuch = 2 * enough }
        }
        while tooMuch - enough > max(1, enough / 16) {
            let middle = (enough + tooMuch) / 2
            if try isFast(middle) { enough = middle } else { tooMuch = middle }
        }
        // What was just fast enough may not be the next time: the plan has to be when it is measured.
        while try !isFast(enough), enough > 1 { enough -= max(1, enough / 8) }
        index.effort = enough
    }

    private func latency(of index: any CodedIndex) throws(KuklaError) -> SearchLatency {
        try SearchLatency(of: index, queries: queries, count: k, seconds: 6 * planner.timingSeconds)
    }

    private static func build(
        _ plan: IndexConfiguration, _ vectors: Matrix, _ planner: BudgetPlanner
    ) throws(KuklaError) -> (index: any CodedIndex, seconds: Double) {
        let start = ContinuousClock.now
        var index = try plan.makeIndex(
            on: vectors, metric: planner.metric, seed: planner.seed, threads: planner.threads)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        try index.insert(vectors, threads: planner.threads)
        return (index, seconds)
    }

    /// Searches one query at a time for at least `minimum` seconds.
    private static func queriesPerSecond(
        _ index: any CodedIndex, _ queries: Matrix, k: Int, threads: Int, minimum: Double
    ) throws(KuklaError) -> Double {
        let start = ContinuousClock.now
        var count = 0
        while true {
            let row = count % queries.rows
            _ = try index.search(queries[rows: row..<row + 1], count: k, threads: threads)
            count += 1
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            if seconds > minimum, count >= 5 { return Double(count) / seconds }
        }
    }
}
