import KuklaCodecs
import KuklaFormats
import KuklaIndex
import KuklaNumerics

/// The plans that compete, from all candidates on a sample to finalists on all vectors.
struct PlanContest {
    let planner: BudgetPlanner
    let sample: FitSample
    let judgements: VectorJudgements?
    /// Row by row as the planner's vectors and queries (held out where there are none): what is near each other in truth.
    let truth: (vectors: Matrix, queries: Matrix?)?
    let dimensions: Int
    /// Vectors of the collection, of which the sample is a part.
    let count: Int
    private(set) var finalists: [MeasuredPlan] = []
    private(set) var fallen: [FitReport.Plan] = []
    private(set) var skipped: [FitReport.Skipped] = []
    private(set) var exact: ExactSearch?

    init(
        planner: BudgetPlanner, sample: FitSample, judgements: VectorJudgements?,
        truth: (vectors: Matrix, queries: Matrix?)? = nil, dimensions: Int, count: Int
    ) {
        self.planner = planner
        self.sample = sample
        self.judgements = judgements
        self.truth = truth
        self.dimensions = dimensions
        self.count = count
    }

    /// Measures `candidates` in all rounds, then what the finalists suggest.
    mutating func run(
        _ candidates: [Candidate], size: Double, progress: some ProgressReporter
    ) throws(KuklaError) {
        var pool = candidates
        for round in sample.rounds.dropLast() {
            let measured = try measure(pool, by: measurement(round, isLast: false), progress)
            let kept = survivors(of: measured, size: size)
            fallen += measured.filter { !kept.contains($0.candidate) }.map(\.figures)
            pool = pool.filter(kept.contains)
        }
        guard let last = sample.rounds.last else { return }
        let measuring = try measurement(last, isLast: true)
        exact = measuring.exact
        finalists = try measure(pool, by: measuring, progress)
        finalists += try measure(smaller(), by: measuring, progress)
        try addStructures(ceiling: planner.limits.ceiling(count: count) ?? .infinity, measuring, progress)
        guard choice.best == nil else { return }
        // What larger plans would buy is what there is to say.
        var larger = 2 * size
        while planner.limits.recall != nil, larger < Double(4 * dimensions),
            !finalists.contains(where: {
                planner.limits.isMet(by: $0.figures, except: .budget, .memory, .latency)
            })
        {
            larger *= 2
            let plans = CandidatePlans.fitting(
                budget: larger, dimensions: dimensions, metric: planner.metric)
            finalists += try measure(new(plans), by: measuring, progress)
        }
        try addStructures(ceiling: .infinity, measuring, progress)
    }

    /// Measures graphs and lists over the finalists, and sign bits before their codes, of at most `ceiling` bytes a vector.
    private mutating func addStructures(
        ceiling: Double, _ measuring: PlanMeasurement, _ progress: some ProgressReporter
    ) throws(KuklaError) {
        let structures = StructurePlans(
            limits: planner.limits, dimensions: dimensions, metric: planner.metric, count: count)
        finalists += try measure(new(structures.ranked(finalists, ceiling: ceiling)), by: measuring, progress)
        finalists += try measure(new(structures.over(finalists, ceiling: ceiling)), by: measuring, progress)
    }

    var choice: PlanChoice { PlanChoice(limits: planner.limits, finalists: finalists) }

    private func measurement(
        _ round: FitSample.Round, isLast: Bool
    ) throws(KuklaError) -> PlanMeasurement {
        try PlanMeasurement(
            base: sample.base[rows: 0..<round.vectors], queries: sample.queries[rows: 0..<round.queries],
            truth: truth.map { truth in
                (
                    truth.vectors.gathering(rows: sample.rows.prefix(round.vectors)),
                    (truth.queries ?? truth.vectors).gathering(rows: sample.queryRows.prefix(round.queries))
                )
            }, relevance: isLast ? judgements.map(sample.relevance) : nil, planner: planner, isLast: isLast,
            count: count)
    }

    private mutating func measure(
        _ pool: [Candidate], by measuring: PlanMeasurement, _ progress: some ProgressReporter
    ) throws(KuklaError) -> [MeasuredPlan] {
        guard !pool.isEmpty else { return [] }
        progress.begin(
            "Measuring \(pool.count) plans on \(Quantity.count(measuring.base.rows)) vectors",
            total: pool.count, unit: "plans")
        defer { progress.end() }
        var measured: [MeasuredPlan] = []
        for candidate in pool {
            do {
                measured.append(try measuring.measure(candidate))
            } catch let error where error.code != .cancelled {
                skipped.append(.init(plan: candidate.configuration.description, reason: error.message))
            }
            progress.advance(by: 1)
        }
        return measured
    }

    /// The better half of those that compete for the wanted size, and a quarter of the others: best recall first.
    private func survivors(of measured: [MeasuredPlan], size: Double) -> Set<Candidate> {
        let groups = Dictionary(grouping: measured, by: \.candidate.budget)
        return Set(
            groups.flatMap { limit, plans in
                let ranked = plans.sorted { $0.recall.mean > $1.recall.mean }
                // Recall falls as a collection grows: a size that misses it on the sample misses it.
                if let wanted = planner.limits.recall, limit != size, let best = ranked.first,
                    best.recall.interval.upperBound < wanted
                {
                    return [best.candidate]
                }
                let share = limit == size ? 2 : 4
                return ranked.prefix(max(limit == size ? 4 : 2, (plans.count + share - 1) / share)).map(
                    \.candidate)
            })
    }

    /// Plans of the families that reach the wanted recall, at sizes below that of the smallest: the sizes tried before
    /// are halves of each other, and the least that is enough lies between two of them.
    private func smaller() -> [Candidate] {
        let enough = finalists.filter { planner.limits.isMet(by: $0.figures, except: .latency) }
            .sorted { $0.figures.bytesPerVector < $1.figures.bytesPerVector }
        guard planner.limits.recall != nil, let size = enough.first?.figures.bytesPerVector else { return [] }
        let families = Set(enough.prefix(3).map { Family($0.candidate.configuration) })
        return new(
            [0.875, 0.75, 0.625].flatMap {
                CandidatePlans.fitting(budget: $0 * size, dimensions: dimensions, metric: planner.metric)
            }.filter { families.contains(Family($0)) })
    }

    /// What plans of different sizes have in common.
    private struct Family: Hashable {
        let quantizer: CodecConfiguration.Quantizer
        let refinement: IndexConfiguration.Refinement?
        let isTruncated: Bool

        init(_ plan: IndexConfiguration) {
            quantizer =
                switch plan.codec.quantizer {
                case .product: .product(subspaces: 1, bits: 8)
                case .productFastScan: .productFastScan(subspaces: 1)
                case let other: other
                }
            refinement = plan.refinement
            isTruncated = plan.codec.transforms.contains { if case .truncation = $0 { true } else { false } }
        }
    }

    /// Those that were not measured yet.
    private func new(_ plans: [IndexConfiguration]) -> [Candidate] {
        var seen = Set(finalists.map(\.candidate.configuration))
        return plans.filter { seen.insert($0).inserted }.map { Candidate(configuration: $0, budget: 0) }
    }
}

/// A plan and the size that it competes for; 0 where it joined later.
struct Candidate: Hashable {
    let configuration: IndexConfiguration
    let budget: Double
}
