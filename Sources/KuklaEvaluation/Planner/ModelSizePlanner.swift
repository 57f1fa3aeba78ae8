import KuklaCodecs
import KuklaFormats
import KuklaIndex
public import KuklaNumerics
public import KuklaText

/// Chooses how many layers of a model run, how many dimensions are kept, and how the vectors are stored and found, together.
///
/// What counts is the whole model's exact neighbours (or judgements, where there are some). Every size is first searched exactly as
/// float32: what that finds bounds what its codes find. Plans are then measured for the sizes of the Pareto line, best first, and no
/// further where a size cannot reach what was already found, misses the wanted recall, or takes longer for the embedding of a query
/// than the wanted latency. A query's time is its embedding and its search.
public struct ModelSizePlanner: Sendable {
    /// Limits, k, metric, seed and threads. The limit of latency is for embedding and search together.
    public var planner: BudgetPlanner

    public init(_ planner: BudgetPlanner) { self.planner = planner }

    /// The vectors of a sample of texts after one number of layers, in all dimensions.
    public struct Depth: Sendable {
        public var layers: Int
        /// `[texts, dimensions]`.
        public var vectors: Matrix
        /// `[queries, dimensions]`; held out of the vectors where nil.
        public var queries: Matrix?
        /// Milliseconds that the embedding of one query takes alone on one thread.
        public var embeddingMilliseconds: Double

        public init(layers: Int, vectors: Matrix, queries: Matrix? = nil, embeddingMilliseconds: Double) {
            self.layers = layers
            self.vectors = vectors
            self.queries = queries
            self.embeddingMilliseconds = embeddingMilliseconds
        }
    }

    /// Measures and chooses.
    ///
    /// - Parameters:
    ///   - sizes: to choose from, each of a depth that is there.
    ///   - depths: all layers of the model among them.
    ///   - judgements: which texts of the sample are relevant to which query.
    ///   - texts: of the corpus, of which the sample is a part: bytes are counted for all of them, and the time of comparing all, or
    ///     all of some lists, grows with it.
    ///   - folder: of the model, for the report.
    /// - Throws: `KuklaError`: as `BudgetPlanner.fit`.
    public func fit(
        sizes: [ModelSize], depths: [Depth], judgements: VectorJudgements? = nil, texts: Int, folder: String,
        progress: some ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> FitReport {
        let start = ContinuousClock.now
        let byLayers = Dictionary(uniqueKeysWithValues: depths.map { ($0.layers, $0) })
        guard let full = depths.max(by: { $0.layers < $1.layers }) else {
            throw KuklaError(.usage, "Cannot choose a size of a model without vectors of any.")
        }
        var exactNDCG: Double?
        progress.begin("Searching \(sizes.count) sizes exactly", total: sizes.count, unit: "sizes")
        var found: [FitReport.Model.Size] = []
        for size in sizes {
            guard let depth = byLayers[size.layers] else { continue }
            let measuring = try exactly(depth, size, full, judgements)
            exactNDCG = measuring.exact.ndcg
            let plan = try measuring.measure(
                Candidate(configuration: IndexConfiguration(parsing: "F32"), budget: 0))
            found.append(
                FitReport.Model.Size(
                    layers: size.layers, dimensions: size.dimensions, recall: plan.figures.recall,
                    ndcg: plan.figures.ndcg, embeddingMilliseconds: depth.embeddingMilliseconds,
                    isOnFront: false))
            progress.advance(by: 1)
        }
        progress.end()
        let outcome = try Self.choose(
            among: found, limits: planner.limits, ranksByNDCG: judgements != nil
        ) { size, limits throws(KuklaError) in
            guard let depth = byLayers[size.layers] else { return [] }
            var planner = self.planner
            planner.limits = limits
            let contest = try planner.contest(
                vectors: depth.vectors.leadingComponents(size.dimensions),
                queries: depth.queries?.leadingComponents(size.dimensions), judgements: judgements,
                truth: (full.vectors, full.queries), collectionCount: texts, progress: progress)
            // The sample's share of the corpus is compared; a graph's walk hardly grows.
            let growth = Double(texts) / Double(max(1, depth.vectors.rows))
            return contest.finalists.map { plan in
                var figures = plan.figures
                if figures.structure != .graph {
                    figures.p50Milliseconds = figures.p50Milliseconds.map { $0 * growth }
                    figures.p99Milliseconds = figures.p99Milliseconds.map { $0 * growth }
                }
                return MeasuredPlan(candidate: plan.candidate, recall: plan.recall, figures: figures)
            }
        }
        return report(
            outcome, exactNDCG: exactNDCG, full: full, texts: texts, folder: folder,
            seconds: (ContinuousClock.now - start) / .seconds(1))
    }

    /// Measures float32 vectors of one size against the whole model's neighbours.
    private func exactly(
        _ depth: Depth, _ size: ModelSize, _ full: Depth, _ judgements: VectorJudgements?
    ) throws(KuklaError) -> PlanMeasurement {
        let sample = FitSample(
            vectors: depth.vectors.leadingComponents(size.dimensions),
            queries: depth.queries?.leadingComponents(size.dimensions), keepsAll: true,
            maximumVectors: planner.maximumVectors, maximumQueries: planner.maximumQueries,
            seed: planner.seed)
        return try PlanMeasurement(
            base: sample.base, queries: sample.queries,
            truth: (
                full.vectors.gathering(rows: sample.rows),
                (full.queries ?? full.vectors).gathering(rows: sample.queryRows)
            ), relevance: judgements.map(sample.relevance), planner: planner, isLast: false,
            count: depth.vectors.rows)
    }

    private func report(
        _ outcome: Outcome, exactNDCG: Double?, full: Depth, texts: Int, folder: String, seconds: Double
    ) -> FitReport {
        let (chosen, size) = (outcome.chosen.figures, outcome.size)
        return FitReport(
            schemaVersion: FitReport.currentSchema,
            model: FitReport.Model(
                folder: folder, layers: size.layers, dimensions: size.dimensions, fullLayers: full.layers,
                fullDimensions: full.vectors.columns, texts: texts, sizes: outcome.sizes),
            plan: chosen.plan, effort: chosen.effort, limits: planner.limits, metric: planner.metric,
            dimensions: size.dimensions, vectorCount: texts, neighbors: planner.neighbors,
            usesSelfQueries: full.queries == nil, seed: planner.seed, threads: planner.threads,
            seconds: seconds, exactNDCG: exactNDCG, exactQueriesPerSecond: 0,
            plans: outcome.plans.map(\.figures).sorted { PlanChoice.isWorse($1, $0) }.map { figures in
                var figures = figures
                figures.isChosen = figures.name == chosen.name
                return figures
            }, skipped: [], equals: [])
    }
}

extension ModelSizePlanner {
    /// What was chosen, and everything that was measured on the way.
    struct Outcome {
        var chosen: MeasuredPlan
        var size: ModelSize
        var plans: [MeasuredPlan]
        /// Best first.
        var sizes: [FitReport.Model.Size]
    }

    /// The search over sizes, whatever measures them.
    ///
    /// - Parameters:
    ///   - sizes: with what each finds exactly.
    ///   - measure: the plans of a size within limits, of which that of latency is what the embedding leaves; times of the search alone.
    /// - Throws: what `measure` throws for a size, where no other could be measured; which limits bind, and the nearest plans, where
    ///   nothing meets all.
    static func choose(
        among sizes: [FitReport.Model.Size], limits: PlanLimits, ranksByNDCG: Bool,
        measure: (ModelSize, PlanLimits) throws(KuklaError) -> [MeasuredPlan]
    ) throws(KuklaError) -> Outcome {
        func quality(_ size: FitReport.Model.Size) -> Double {
            ranksByNDCG ? size.ndcg ?? size.recall : size.recall
        }
        var ranked = sizes.map { size in
            FitReport.Model.Size(
                layers: size.layers, dimensions: size.dimensions, recall: size.recall, ndcg: size.ndcg,
                embeddingMilliseconds: size.embeddingMilliseconds,
                isOnFront: !sizes.contains {
                    $0.layers <= size.layers && $0.dimensions <= size.dimensions && $0.size != size.size
                        && quality($0) >= quality(size)
                })
        }.sorted { (quality($1), $0.layers, $0.dimensions) < (quality($0), $1.layers, $1.dimensions) }
        var plans: [MeasuredPlan] = []
        var failure: KuklaError?
        var choice: PlanChoice { PlanChoice(limits: limits, finalists: plans, ranksByNDCG: ranksByNDCG) }
        for i in ranked.indices where ranked[i].isOnFront {
            let size = ranked[i]
            if limits.recall == nil, let best = choice.best?.figures,
                // Sorted: what follows finds no more.
                quality(size) < (ranksByNDCG ? best.ndcg ?? best.recall : best.recall)
            {
                break
            }
            // One is measured even so: it has to be said how near it comes.
            if size.recall < limits.recall ?? 0, !plans.isEmpty { continue }
            var left = limits
            if let latency = limits.latencyMilliseconds {
                left.latencyMilliseconds = latency - size.embeddingMilliseconds
                if latency <= size.embeddingMilliseconds { continue }
            }
            do {
                plans += try measure(size.size, left).map { plan in
                    var figures = plan.figures
                    figures.modelSize = size.size
                    figures.embeddingMilliseconds = size.embeddingMilliseconds
                    figures.p50Milliseconds = figures.p50Milliseconds.map { $0 + size.embeddingMilliseconds }
                    figures.p99Milliseconds = figures.p99Milliseconds.map { $0 + size.embeddingMilliseconds }
                    return MeasuredPlan(candidate: plan.candidate, recall: plan.recall, figures: figures)
                }
                ranked[i].isMeasured = true
            } catch let error where error.code == .usage {
                // Nothing of this size fits the budget; something of a smaller one may.
                failure = error
            }
        }
        guard !plans.isEmpty else {
            throw failure
                ?? KuklaError(
                    .badData,
                    "No plan meets all limits: what binds is latency, wanted \(Quantity.rate(limits.latencyMilliseconds ?? 0)) ms, and embedding a query takes at least \(Quantity.rate(sizes.map(\.embeddingMilliseconds).min() ?? 0)) ms at any size."
                )
        }
        guard let chosen = choice.best, let size = chosen.figures.modelSize else {
            throw choice.nothingMeets(neighbors: plans[0].recall.k)
        }
        return Outcome(chosen: chosen, size: size, plans: plans, sizes: ranked)
    }
}
