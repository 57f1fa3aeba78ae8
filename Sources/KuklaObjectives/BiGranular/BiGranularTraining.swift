public import Foundation
public import KuklaCodecs
public import KuklaNN
public import KuklaNumerics
import KuklaTensor

/// Training of codes that find candidates, and of vectors that rank exactly those: one after the other, over the vectors of a
/// frozen model.
///
/// 1. A head is trained on random negatives. 2. An `OPQm,PQm` is trained on what it gives, and centroids and a copy of the head
/// are trained to find answers by codes. 3. A fresh head is trained on negatives from what these codes rank high, in batches that
/// are gathered by walks from query to query.
///
/// *Source:* Xiao et al. 2022, "Progressively optimized bi-granular document representation for scalable embedding based
/// retrieval", arXiv:2201.05409; here heads over a frozen model in place of whole encoders.
public struct BiGranularTraining {
    /// Vectors of a frozen model, and which document answers which query.
    public struct Examples: Sendable {
        public let queries: Matrix
        public let documents: Matrix
        /// Documents that answer each query; a query without any is not trained on.
        public let answers: [[Int]]

        /// - Throws: `KuklaError.badData` where the numbers do not go together, or a row cannot be used.
        public init(queries: Matrix, documents: Matrix, answers: [[Int]]) throws(KuklaError) {
            guard queries.columns == documents.columns, queries.rows == answers.count else {
                throw KuklaError(
                    .badData,
                    "Cannot train: \(queries.rows) queries of \(queries.columns) dimensions, \(documents.rows) documents of \(documents.columns) and \(answers.count) lists of answers do not belong together."
                )
            }
            for (matrix, what) in [(queries, "query"), (documents, "document")] {
                if let row = matrix.firstNonFiniteRow {
                    throw KuklaError(
                        .badData,
                        "Cannot train: \(what) \(row) has a NaN or infinite component. Remove such rows.")
                }
            }
            var (queries, documents) = (queries, documents)
            queries.normalizeRows()
            documents.normalizeRows()
            (self.queries, self.documents, self.answers) = (queries, documents, answers)
        }

        func selecting(_ rows: some Collection<Int>) throws(KuklaError) -> Examples {
            try Examples(
                queries: queries.gathering(rows: rows), documents: documents,
                answers: rows.map { answers[$0] })
        }
    }

    /// What came of a stage.
    public struct Stage: Sendable {
        /// The trained model, as judged best.
        public let model: BiGranularModel
        public let summary: TrainingSummary
        /// The judgement of what training began with, and of the model.
        public let (before, after): (Double, Double)
    }

    /// What came of all stages.
    public struct Result: Sendable {
        public let global: Stage
        public let codes: Stage
        public let local: Stage
        /// `HEADd,OPQm,PQm`: finds candidates.
        public let coarse: any VectorCodec
        /// `HEADd,F32`: ranks them.
        public let fine: any VectorCodec
    }

    /// The folder of the stages' run folders.
    public let runFolder: URL
    let training: Examples
    let heldOut: Examples
    let recipe: Recipe<BiGranularOptions>
    let isFresh: Bool
    let progress: any ProgressReporter
    let isCancelled: @Sendable () -> Bool

    private var options: BiGranularOptions { recipe.options }

    /// Keeps some queries to judge by.
    ///
    /// - Parameter beginning: what becomes of the stages' runs that are there.
    /// - Throws: `KuklaError`: `badData` where there are too few queries, `usage` where there is no run to go on with.
    public init(
        _ examples: Examples, recipe: Recipe<BiGranularOptions>, runFolder: URL,
        beginning: EncoderFineTuning.Beginning = .automatic,
        progress: any ProgressReporter = SilentProgress(),
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws(KuklaError) {
        self.recipe = try recipe.checked()
        self.runFolder = runFolder
        isFresh = beginning == .fresh
        try EncoderFineTuning.check(
            beginning, output: runFolder, runFolder: runFolder.appending(path: "global"))
        self.progress = progress
        self.isCancelled = isCancelled
        var random = RandomSource(seed: recipe.training.seed &+ 0x9E37)
        let answered = examples.answers.indices.filter { !examples.answers[$0].isEmpty }
        let kept = recipe.options.heldOut
        guard answered.count >= 4 * kept else {
            throw KuklaError(
                .badData,
                "Cannot train on \(answered.count) answered queries of which \(kept) are kept to judge by: give at least \(4 * kept), or a smaller --held-out."
            )
        }
        let order = random.sample(answered.count, below: answered.count).map { answered[$0] }
        heldOut = try examples.selecting(Array(order.prefix(kept)))
        training = try examples.selecting(Array(order.dropFirst(kept)))
    }

    /// All stages.
    ///
    /// - Throws: `KuklaError`: `cancelled`; `usage` where the codes do not fit the dimensions; whatever `TrainingRun` throws.
    public func callAsFunction() throws(KuklaError) -> Result {
        let global = try trainGlobal()
        let codes = try trainCodes(after: global.model)
        let local = try trainLocal(after: codes.model, walk: options.walk)
        return Result(
            global: global, codes: codes, local: local,
            coarse: try codes.model.codec(sample: training.documents),
            fine: try local.model.codec(sample: training.documents))
    }

    /// A head on random negatives.
    public func trainGlobal() throws(KuklaError) -> Stage {
        try train(
            BiGranularModel(dimensions: training.documents.columns), "global", candidates: nil,
            walk: .shuffled)
    }

    /// The codes that training of `trainCodes` begins with; without the rotation, those of a plain product quantizer.
    package func initialCodes(
        after global: BiGranularModel, rotates: Bool = true
    ) throws(KuklaError) -> BiGranularModel {
        let m = options.codeBytes
        let configuration = CodecConfiguration(
            transforms: rotates ? [.optimizedRotation(subspaces: m, dimensions: nil)] : [],
            quantizer: .product(subspaces: m, bits: 8))
        return try global.coded(
            by: configuration.train(
                on: global(Tensor(training.documents)).matrix, metric: .cosine, seed: recipe.training.seed,
                progress: progress))
    }

    /// Centroids and a copy of the head, to find answers by codes.
    public func trainCodes(after global: BiGranularModel) throws(KuklaError) -> Stage {
        try trainCodes(from: initialCodes(after: global))
    }

    /// The same from codes that are there, which are changed.
    package func trainCodes(from initial: BiGranularModel) throws(KuklaError) -> Stage {
        try train(initial, "codes", candidates: nil, walk: .shuffled)
    }

    /// A fresh head on negatives from what `codes` rank high.
    public func trainLocal(
        after codes: BiGranularModel, walk: LocalityCentricSampler.Walk
    ) throws(KuklaError) -> Stage {
        func found(_ queries: Matrix) -> [[Int]] {
            codes.ranked(queries: queries, documents: training.documents, count: options.candidates)
        }
        return try train(
            BiGranularModel(dimensions: training.documents.columns), "local-\(walk.rawValue)",
            candidates: found(training.queries), walk: walk, judged: found(heldOut.queries))
    }

    private func train(
        _ model: BiGranularModel, _ name: String, candidates: [[Int]]?, walk: LocalityCentricSampler.Walk,
        judged: [[Int]]? = nil
    ) throws(KuklaError) -> Stage {
        let graph = try CandidateGraph(
            documentCount: training.documents.rows, positives: training.answers, candidates: candidates)
        let judge = BiGranularJudge(
            queries: heldOut.queries, documents: heldOut.documents, positives: heldOut.answers,
            candidates: judged)
        let task = BiGranularTask(
            model: model, queries: training.queries, documents: training.documents, graph: graph, walk: walk,
            options: options, judge: judge)
        let run = try TrainingRun(
            runFolder.appending(path: name), recipe: recipe, isFresh: isFresh)
        let before = judge.value(of: model)
        let initial = model.parameters.map { ($0.parameter, $0.parameter.value) }
        let summary = try run.train(task, progress: progress, isCancelled: isCancelled)
        guard summary.reason != .cancelled else {
            throw KuklaError(
                .cancelled,
                "Training was stopped at step \(summary.step) of '\(name)', and a checkpoint was written to \(run.url.path). Give the same command again to go on."
            )
        }
        _ = try run.loadBest(into: model)
        var after = judge.value(of: model)
        if after < before {
            for (parameter, value) in initial { parameter.value = value }
            after = before
        }
        return Stage(model: model, summary: summary, before: before, after: after)
    }
}
