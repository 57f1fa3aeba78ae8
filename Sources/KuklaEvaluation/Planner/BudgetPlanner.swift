import Foundation
import KuklaCodecs
import KuklaFormats
import KuklaIndex
public import KuklaNumerics

/// Chooses how to store vectors within a budget of bytes a vector, by measuring on the user's own vectors.
///
/// Candidates of every codec family compete by successive halving (Jamieson and Talwalkar 2016): all of them on a
/// small sample of the vectors, the better part on a larger one, the finalists on all. Each is compared with exact
/// float search over the same vectors for the same queries. Candidates of half and of twice the budget run along, so
/// that the report can say what a smaller and a larger budget would buy.
public struct BudgetPlanner: Sendable {
    /// Bytes a vector may cost.
    public var budget: Double
    public var metric: Metric = .cosine
    /// The k of recall@k.
    public var neighbors = 10
    public var seed: UInt64 = 1
    public var threads = defaultThreadCount
    /// Vectors of the last round, at most; more say nothing new about which plan is best.
    public var maximumVectors = 200_000
    /// Queries of the last round, at most.
    public var maximumQueries = 1000

    /// How long one plan's speed is measured; tests that ask for no speed make it short.
    package var timingSeconds = 0.1

    public init(budget: Double) { self.budget = budget }

    /// Measures and chooses.
    ///
    /// - Parameters:
    ///   - vectors: `[n, d]`, finite; at least 20 rows.
    ///   - queries: `[q, d]`; where there are none, rows are held out of `vectors` to be the queries.
    ///   - judgements: which vectors are relevant to which of `queries`, for nDCG@10 beside recall.
    /// - Throws: `KuklaError.usage` where nothing fits the budget (it names the smallest plan), `badData` for vectors
    ///   that cannot be searched.
    public func fit(
        vectors: Matrix, queries: Matrix? = nil, judgements: VectorJudgements? = nil,
        progress: some ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> FitReport {
        let start = ContinuousClock.now
        let d = vectors.columns
        var pool = candidates(dimensions: d)
        guard pool.contains(where: { $0.budget == budget }) else { throw nothingFits(dimensions: d) }
        guard vectors.rows >= 20 else {
            throw KuklaError(
                .badData,
                "Cannot measure plans on \(vectors.rows) vectors: at least 20 are needed. Add vectors, or choose a plan by hand with `kukla index --factory`."
            )
        }
        if let queries, queries.columns != d {
            throw KuklaError(
                .badData,
                "The queries have \(queries.columns) components, the vectors \(d): make both with the same model."
            )
        }
        try check(judgements, vectors: vectors, queries: queries)
        let sample = FitSample(
            vectors: vectors, queries: queries, keepsAll: judgements != nil, maximumVectors: maximumVectors,
            maximumQueries: maximumQueries, seed: seed)
        var fallen: [FitReport.Plan] = []
        var skipped: [FitReport.Skipped] = []
        var finalists: [MeasuredPlan] = []
        var exact: ExactSearch?
        let rounds = sample.rounds
        for (number, round) in rounds.enumerated() {
            let isLast = number == rounds.count - 1
            let name = "Measuring \(pool.count) plans on \(Quantity.count(round.vectors)) vectors"
            progress.begin(name, total: pool.count, unit: "plans")
            let measuring = try PlanMeasurement(
                base: sample.base[rows: 0..<round.vectors], queries: sample.queries[rows: 0..<round.queries],
                relevance: isLast ? judgements.map(sample.relevance) : nil, planner: self)
            var measured: [MeasuredPlan] = []
            for candidate in pool {
                do {
                    measured.append(try measuring.measure(candidate, isFinalist: isLast))
                } catch let error where error.code != .cancelled {
                    skipped.append(.init(plan: candidate.configuration.description, reason: error.message))
                }
                progress.advance(by: 1)
            }
            progress.end()
            if isLast {
                finalists = measured
                exact = measuring.exact
            } else {
                let kept = survivors(of: measured, round: number)
                fallen += measured.filter { !kept.contains($0.candidate) }.map(\.figures)
                pool = pool.filter(kept.contains)
            }
        }
        return try report(
            finalists: finalists, fallen: fallen, skipped: skipped, exact: exact, vectors: vectors,
            usesSelfQueries: queries == nil, seconds: (ContinuousClock.now - start) / .seconds(1))
    }

    private func check(_ judgements: VectorJudgements?, vectors: Matrix, queries: Matrix?) throws(KuklaError)
    {
        guard let judgements else { return }
        guard let queries else {
            throw KuklaError(.usage, "Judgements need the queries that they judge: give the queries too.")
        }
        guard judgements.documentIDs.count == vectors.rows, judgements.queryIDs.count == queries.rows else {
            throw KuklaError(
                .badData,
                "The judgements name \(judgements.documentIDs.count) documents and \(judgements.queryIDs.count) queries, but there are \(vectors.rows) vectors and \(queries.rows) query vectors: take all from the same texts."
            )
        }
    }

    /// All plans to try, with the budget that each competes for.
    private func candidates(dimensions: Int) -> [Candidate] {
        var seen = Set<IndexConfiguration>()
        return [budget, budget / 2, budget * 2].flatMap { limit in
            CandidatePlans.fitting(budget: limit, dimensions: dimensions, metric: metric)
                .filter { seen.insert($0).inserted }
                .map { Candidate(configuration: $0, budget: limit) }
        }
    }

    /// The better half of those that compete for the budget, and a quarter of the others: best recall first.
    private func survivors(of measured: [MeasuredPlan], round: Int) -> Set<Candidate> {
        let groups = Dictionary(grouping: measured, by: \.candidate.budget)
        return Set(
            groups.flatMap { limit, plans in
                let ranked = plans.sorted { $0.recall.mean > $1.recall.mean }
                let share = limit == budget ? 2 : 4
                return ranked.prefix(max(limit == budget ? 4 : 2, (plans.count + share - 1) / share)).map(
                    \.candidate)
            })
    }

    private func report(
        finalists: [MeasuredPlan], fallen: [FitReport.Plan], skipped: [FitReport.Skipped],
        exact: ExactSearch?,
        vectors: Matrix, usesSelfQueries: Bool, seconds: Double
    ) throws(KuklaError) -> FitReport {
        // Of equal recalls the smaller is better, of equal sizes the faster.
        let ranked = finalists.map {
            ($0, rank: ($0.recall.mean, -$0.figures.bytesPerVector, $0.figures.queriesPerSecond))
        }
        .sorted { $0.rank > $1.rank }.map(\.0)
        let affordable = ranked.filter { $0.figures.bytesPerVector <= budget }
        guard let chosen = affordable.first else {
            let reason = skipped.first.map { " \($0.plan): \($0.reason)" } ?? ""
            throw KuklaError(.badData, "No plan within \(budget) bytes a vector could be measured.\(reason)")
        }
        let equals = affordable.dropFirst().filter {
            chosen.recall.intervalOfDifference(from: $0.recall).contains(0)
        }
        let plans = ranked.map { plan in
            var figures = plan.figures
            figures.isChosen = plan.candidate == chosen.candidate
            return figures
        }
        return FitReport(
            schemaVersion: FitReport.currentSchema, plan: chosen.candidate.configuration.description,
            budgetBytesPerVector: budget, metric: metric, dimensions: vectors.columns,
            vectorCount: vectors.rows,
            neighbors: neighbors, usesSelfQueries: usesSelfQueries, seed: seed, threads: threads,
            seconds: seconds,
            exactNDCG: exact?.ndcg, exactQueriesPerSecond: exact?.queriesPerSecond ?? 0,
            plans: plans + fallen.sorted { $0.recall > $1.recall }, skipped: skipped,
            equals: equals.map(\.figures.plan))
    }

    private func nothingFits(dimensions: Int) -> KuklaError {
        let smallest = (0..<12).lazy.map { Double(1 << $0) }
            .first { !CandidatePlans.fitting(budget: $0, dimensions: dimensions, metric: metric).isEmpty }
        let hint =
            smallest.map { " The smallest plan for \(dimensions) dimensions takes about \(Int($0)) bytes." }
            ?? ""
        return KuklaError(.usage, "No plan fits a budget of \(budget) bytes a vector.\(hint)")
    }
}

/// A plan and the budget that it competes for.
struct Candidate: Hashable {
    let configuration: IndexConfiguration
    let budget: Double
}
