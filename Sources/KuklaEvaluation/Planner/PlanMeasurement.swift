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
    let exact: ExactSearch
    private let k: Int

    init(
        base: Matrix, queries: Matrix, relevance: Relevance?, planner: BudgetPlanner
    ) throws(KuklaError) {
        self.base = base
        self.queries = queries
        self.relevance = relevance
        self.planner = planner
        k = min(planner.neighbors, base.rows)
        let (index, _) = try Self.build("F32", base, planner)
        let answers = try index.search(queries, count: k, threads: planner.threads)
        exact = ExactSearch(
            found: answers.map { $0.map(\.id) },
            queriesPerSecond: try Self.queriesPerSecond(
                index, queries, k: k, threads: planner.threads, minimum: planner.timingSeconds),
            ndcg: try relevance?.ndcg(answers))
    }

    /// Trains `candidate`, encodes the vectors and searches them.
    func measure(_ candidate: Candidate, isFinalist: Bool) throws(KuklaError) -> MeasuredPlan {
        let plan = candidate.configuration.description
        let (index, seconds) = try Self.build(plan, base, planner)
        let answers = try index.search(queries, count: k, threads: planner.threads)
        let recall = try AgreementRecall(approximate: answers.map { $0.map(\.id) }, exact: exact.found, k: k)
        return MeasuredPlan(
            candidate: candidate, recall: recall,
            figures: FitReport.Plan(
                plan: plan, bytesPerVector: index.bytesPerVector, recall: recall.mean,
                recallLow: recall.interval.lowerBound, recallHigh: recall.interval.upperBound,
                queriesPerSecond: try Self.queriesPerSecond(
                    index, queries, k: k, threads: planner.threads, minimum: planner.timingSeconds),
                ndcg: try relevance?.ndcg(answers), trainingSeconds: seconds, vectors: base.rows,
                queries: queries.rows, isFinalist: isFinalist))
    }

    private static func build(
        _ plan: String, _ vectors: Matrix, _ planner: BudgetPlanner
    ) throws(KuklaError) -> (index: FlatIndex, seconds: Double) {
        let start = ContinuousClock.now
        var index = try IndexConfiguration(parsing: plan).train(
            on: vectors, metric: planner.metric, seed: planner.seed, threads: planner.threads)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        try index.insert(vectors, threads: planner.threads)
        return (index, seconds)
    }

    /// Searches one query at a time for at least `minimum` seconds.
    private static func queriesPerSecond(
        _ index: FlatIndex, _ queries: Matrix, k: Int, threads: Int, minimum: Double
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
