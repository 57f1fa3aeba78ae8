import Foundation
import KuklaCodecs
import KuklaFormats
import KuklaIndex
public import KuklaNumerics

/// Chooses how to store and to find vectors within limits of size, latency and recall, by measuring on the user's own
/// vectors.
///
/// Candidates of every codec family compete by successive halving (Jamieson and Talwalkar 2016): all of them on a
/// small sample of the vectors, the better part on a larger one, the finalists on all. Each is compared with exact
/// float search over the same vectors for the same queries. Candidates of half and of twice the budget run along, so
/// that the report can say what a smaller and a larger budget would buy. Where a latency or a recall is wanted, graphs and
/// lists over the finalists join on all vectors, each with the effort that reaches the recall (or fits the latency).
///
/// What is best: without a wanted recall the best recall within the limits, of equal ones the smallest; with one the
/// smallest plan that reaches it within the limits, and of those at most a tenth larger the fastest.
public struct BudgetPlanner: Sendable {
    public var limits: PlanLimits
    public var metric: Metric = .cosine
    /// The k of recall@k.
    public var neighbors = 10
    public var seed: UInt64 = 1
    public var threads = defaultThreadCount
    /// Vectors of the last round, at most; more say nothing new about which plan is best. Where a latency is wanted, all
    /// take part.
    public var maximumVectors = 200_000
    /// Queries of the last round, at most.
    public var maximumQueries = 1000

    /// How long one plan's speed is measured; tests that ask for no speed make it short.
    package var timingSeconds = 0.05

    public init(limits: PlanLimits) { self.limits = limits }

    /// A planner for a budget of bytes a vector.
    public init(budget: Double) { self.init(limits: PlanLimits(bytesPerVector: budget)) }

    /// Measures and chooses.
    ///
    /// - Parameters:
    ///   - vectors: `[n, d]`, finite; at least 20 rows.
    ///   - queries: `[q, d]`; where there are none, rows are held out of `vectors` to be the queries.
    ///   - judgements: which vectors are relevant to which of `queries`, for nDCG@10 beside recall.
    /// - Throws: `KuklaError.usage` where nothing fits the budget (it names the smallest plan), `badData` for vectors
    ///   that cannot be searched, and where no plan keeps to all limits (it says which limit is in the way, and names the
    ///   nearest plan for each that might be relaxed).
    public func fit(
        vectors: Matrix, queries: Matrix? = nil, judgements: VectorJudgements? = nil,
        progress: some ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> FitReport {
        let start = ContinuousClock.now
        let contest = try contest(
            vectors: vectors, queries: queries, judgements: judgements, progress: progress)
        return try report(
            contest, usesSelfQueries: queries == nil, seconds: (ContinuousClock.now - start) / .seconds(1))
    }

    /// Measures the plans for vectors.
    ///
    /// - Parameters:
    ///   - truth: vectors and queries row by row as the given ones, whose exact neighbours are to be found in place of those of the
    ///     given ones.
    ///   - collectionCount: vectors of the collection, where those that are given are a part of it.
    func contest(
        vectors: Matrix, queries: Matrix?, judgements: VectorJudgements?,
        truth: (vectors: Matrix, queries: Matrix?)? = nil, collectionCount: Int? = nil,
        progress: some ProgressReporter
    ) throws(KuklaError) -> PlanContest {
        let d = vectors.columns
        let count = collectionCount ?? vectors.rows
        let sizes = self.sizes(dimensions: d, count: count)
        let pool = candidates(of: sizes, dimensions: d)
        guard pool.contains(where: { $0.budget == sizes[0] }) else {
            throw nothingFits(sizes[0], dimensions: d)
        }
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
            vectors: vectors, queries: queries,
            keepsAll: judgements != nil || limits.latencyMilliseconds != nil, maximumVectors: maximumVectors,
            maximumQueries: maximumQueries, seed: seed)
        var contest = PlanContest(
            planner: self, sample: sample, judgements: judgements, truth: truth, dimensions: d, count: count)
        try contest.run(pool, size: sizes[0], progress: progress)
        return contest
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

    /// The sizes in bytes a vector that candidates are made for: first the one that the limits leave, then half and twice
    /// of it. Where a recall is wanted, down to half a bit a component: the smallest that reaches it is asked for.
    private func sizes(dimensions: Int, count: Int) -> [Double] {
        let floats = Double(4 * dimensions)
        let largest = limits.ceiling(count: count) ?? floats
        var all = [largest]
        // A limit of memory holds codebooks and centres too.
        if limits.residentBytes != nil { all += [0.875 * largest, 0.75 * largest] }
        all += [largest / 2, largest * 2]
        if limits.recall != nil {
            var size = min(largest, floats) / 2
            while size >= max(4, floats / 64) {
                if !all.contains(size) { all.append(size) }
                size /= 2
            }
        }
        return all
    }

    /// All plans to try, with the size that each competes for.
    private func candidates(of sizes: [Double], dimensions: Int) -> [Candidate] {
        var seen = Set<IndexConfiguration>()
        return sizes.flatMap { limit in
            CandidatePlans.fitting(budget: limit, dimensions: dimensions, metric: metric)
                .filter { seen.insert($0).inserted }
                .map { Candidate(configuration: $0, budget: limit) }
        }
    }

    private func report(
        _ contest: PlanContest, usesSelfQueries: Bool, seconds: Double
    ) throws(KuklaError) -> FitReport {
        let (finalists, fallen) = (contest.finalists, contest.fallen)
        guard !finalists.isEmpty else {
            let reason = contest.skipped.first.map { " \($0.plan): \($0.reason)" } ?? ""
            throw KuklaError(.badData, "No plan could be measured.\(reason)")
        }
        guard let chosen = contest.choice.best else {
            throw contest.choice.nothingMeets(neighbors: neighbors)
        }
        let ranked = finalists.sorted { PlanChoice.isWorse($1.figures, $0.figures) }
        let affordable = ranked.filter {
            limits.isMet(by: $0.figures) && $0.candidate != chosen.candidate && limits.recall == nil
        }
        let equals = affordable.filter {
            chosen.recall.intervalOfDifference(from: $0.recall).contains(0)
        }
        let plans = ranked.map { plan in
            var figures = plan.figures
            figures.isChosen = plan.candidate == chosen.candidate
            return figures
        }
        return FitReport(
            schemaVersion: FitReport.currentSchema, model: nil,
            plan: chosen.candidate.configuration.description,
            effort: chosen.figures.effort, limits: limits, metric: metric, dimensions: contest.dimensions,
            vectorCount: contest.count, neighbors: neighbors, usesSelfQueries: usesSelfQueries, seed: seed,
            threads: threads, seconds: seconds, exactNDCG: contest.exact?.ndcg,
            exactQueriesPerSecond: contest.exact?.queriesPerSecond ?? 0,
            plans: plans + fallen.sorted { $0.recall > $1.recall }, skipped: contest.skipped,
            equals: equals.map(\.figures.plan))
    }

    private func nothingFits(_ size: Double, dimensions: Int) -> KuklaError {
        let smallest = (0..<12).lazy.map { Double(1 << $0) }
            .first { !CandidatePlans.fitting(budget: $0, dimensions: dimensions, metric: metric).isEmpty }
        let hint =
            smallest.map { " The smallest plan for \(dimensions) dimensions takes about \(Int($0)) bytes." }
            ?? ""
        return KuklaError(
            .usage, "No plan fits a budget of \(Quantity.bytesPerVector(size)) bytes a vector.\(hint)")
    }
}
