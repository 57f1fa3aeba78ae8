public import Foundation
public import KuklaFormats
public import KuklaNN
public import KuklaNumerics
import KuklaText

/// A fine-tuning run from a model's folder to a new one: examples and recipe in, sentence-transformers folder and run's folder out.
public struct EncoderFineTuning {
    /// The folder of the model that training begins with.
    public let base: URL
    /// The folder to write.
    public let output: URL
    /// The run's folder: recipe, log, curve, checkpoints.
    public let runFolder: URL

    /// How a run is begun where its folder holds one already.
    public enum Beginning: Sendable {
        /// It goes on from its newest checkpoint, where there is one; else it begins.
        case automatic
        /// It goes on; no run to go on with is an error.
        case resume
        /// It is thrown away.
        case fresh
    }

    /// What came of it.
    public struct Result: Sendable {
        public let summary: TrainingSummary
        /// The judgement of the model that training began with; empty without judge.
        public let before: [String: Double]
        /// The judgement of the weights that were written.
        public let after: [String: Double]
        public let examples: Int
        /// Texts that were longer than allowed and cut.
        public let truncated: Int
    }

    public init(base: URL, output: URL, runFolder: URL) {
        self.base = base
        self.output = output
        self.runFolder = runFolder
    }

    /// In-batch negatives: rows of a text, its like, and maybe texts unlike it.
    public func contrastive(
        _ rows: [[String]], recipe: Recipe<ContrastiveOptions>, judge: Judgement? = nil,
        beginning: Beginning = .automatic,
        progress: any ProgressReporter = SilentProgress(),
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws(KuklaError) -> Result {
        let options = recipe.options
        return try run(
            Job(
                rows: rows, scores: [], needsDistinctTexts: true,
                loss: MultipleNegativesRankingLoss(
                    temperature: options.temperature, isSymmetric: options.isSymmetric),
                objective: Self.rankingWords(options.temperature, options.isSymmetric)),
            recipe: recipe, tuning: options.tuning, judge: judge, beginning: beginning, progress: progress,
            isCancelled: isCancelled)
    }

    /// Similarity scores: pairs of texts and how alike they are, from 0 to the recipe's `max_score`.
    public func cosine(
        _ pairs: [SentencePair], recipe: Recipe<CosineOptions>, judge: Judgement? = nil,
        beginning: Beginning = .automatic,
        progress: any ProgressReporter = SilentProgress(),
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws(KuklaError) -> Result {
        let options = recipe.options
        return try run(
            Job(
                rows: pairs.map { [$0.first, $0.second] },
                scores: pairs.map { Float($0.score) / options.maximumScore }, needsDistinctTexts: false,
                loss: options.embeddingLoss, objective: Self.scoreWords(options.loss)),
            recipe: recipe, tuning: options.tuning, judge: judge, beginning: beginning, progress: progress,
            isCancelled: isCancelled)
    }

    /// Examples of `matryoshka`.
    public enum ElasticExamples: Sendable {
        /// As `contrastive` takes them.
        case tuples([[String]])
        /// As `cosine` takes them.
        case scored([SentencePair])
    }

    /// Several sizes of one model: see `MatryoshkaOptions.Method`. The folder's `config.json` names them (`SizeTable`), and what the
    /// judge's goal is at each; the best weights are those with the best mean over them.
    public func matryoshka(
        _ examples: ElasticExamples, recipe: Recipe<MatryoshkaOptions>, judge: Judgement? = nil,
        beginning: Beginning = .automatic,
        progress: any ProgressReporter = SilentProgress(),
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws(KuklaError) -> Result {
        let options = recipe.options
        let job =
            switch examples {
            case .tuples(let rows):
                Job(
                    rows: rows, scores: [], needsDistinctTexts: true,
                    loss: MultipleNegativesRankingLoss(
                        temperature: options.temperature, isSymmetric: options.isSymmetric),
                    objective: Self.rankingWords(options.temperature, options.isSymmetric), elastic: options)
            case .scored(let pairs):
                Job(
                    rows: pairs.map { [$0.first, $0.second] },
                    scores: pairs.map { Float($0.score) / options.maximumScore }, needsDistinctTexts: false,
                    loss: options.loss.embeddingLoss(scale: options.scale),
                    objective: Self.scoreWords(options.loss), elastic: options)
            }
        return try run(
            job, recipe: recipe, tuning: options.tuning, judge: judge, beginning: beginning,
            progress: progress, isCancelled: isCancelled)
    }

    private static func rankingWords(_ temperature: Float, _ isSymmetric: Bool) -> String {
        "Multiple negatives ranking loss (in-batch negatives, temperature \(temperature)\(isSymmetric ? ", symmetric" : ""))."
    }

    private static func scoreWords(_ loss: CosineOptions.Loss) -> String {
        "Similarity scores of pairs, loss \(loss.rawValue)."
    }

    /// How embeddings are judged, and what the file with the judgements is called.
    public struct Judgement: Sendable {
        public let name: String
        public let goal: String
        let prompt: @Sendable (_ text: String) -> String
        let judgement: @Sendable (_ embed: ([String]) throws -> Matrix) throws -> [String: Double]

        /// - Parameters:
        ///   - prompt: what stands before a text when it is embedded; "" for nothing.
        ///   - judgement: metrics by name, `goal` among them, of a function from texts to vectors.
        public init(
            name: String, goal: String, prompt: @escaping @Sendable (_ text: String) -> String = { _ in "" },
            judgement: @escaping @Sendable (_ embed: ([String]) throws -> Matrix) throws -> [String: Double]
        ) {
            self.name = name
            self.goal = goal
            self.prompt = prompt
            self.judgement = judgement
        }
    }

    private struct Job {
        let rows: [[String]]
        let scores: [Float]
        let needsDistinctTexts: Bool
        let loss: any EmbeddingLoss
        let objective: String
        /// The sizes to train, beside the whole model.
        var elastic: MatryoshkaOptions?
    }

    private func run<Options: RecipePart>(
        _ job: Job, recipe: Recipe<Options>, tuning: FineTuningOptions, judge: Judgement?,
        beginning: Beginning,
        progress: any ProgressReporter, isCancelled: @escaping @Sendable () -> Bool
    ) throws(KuklaError) -> Result {
        // Everything that can be wrong is found before a folder is made.
        let tokenizer = try WordPieceTokenizer(folder: base)
        let model = try TextEncoderModule(
            folder: base, dropout: .init(hidden: tuning.dropout, attention: tuning.dropout))
        let length = try FineTuningOptions.length(tuning.maximumTokens, of: model.maximumLength)
        let full = ModelSize(layers: model.layerCount, dimensions: model.dimensions)
        var elastic: ElasticSizes?
        var loss: any LayeredLoss = WholeModelLoss(job.loss, layers: full.layers)
        if let options = job.elastic {
            let sizes = try ElasticSizes(options, full: full)
            loss = try sizes.loss(job.loss)
            elastic = sizes
        }
        let settings = recipe.training
        let examples = TextExamples(
            rows: job.rows, scores: job.scores, tokenizer: tokenizer, maximumLength: length,
            threads: settings.threads ?? defaultThreadCount)
        let task = EncoderTask(
            model: model, examples: examples, loss: loss, needsDistinctTexts: job.needsDistinctTexts,
            options: tuning,
            judge: judge.map {
                EncoderJudge(
                    goal: $0.goal, tokenizer: tokenizer, maximumLength: length,
                    sizes: elastic?.sizes ?? [], prompt: $0.prompt, judgement: $0.judgement)
            })
        _ = try task.sampler(batchSize: settings.batchSize, seed: settings.seed)
        try Self.check(beginning, output: output, runFolder: runFolder)
        let run = try TrainingRun(runFolder, recipe: recipe, isFresh: beginning == .fresh)
        let found = try run.trainJudged(task, progress: progress, isCancelled: isCancelled)
        let sizes = elastic.map { elastic in
            SizeTable(
                method: elastic.method.rawValue, metric: judge?.goal, measuredOn: judge?.name,
                sizes: elastic.sizes.map { size in
                    func measured(_ metrics: [String: Double]) -> Double? {
                        judge.flatMap { metrics[EncoderJudge.name($0.goal, at: size)] }
                    }
                    return .init(size, quality: measured(found.after), qualityBefore: measured(found.before))
                })
        }
        try model.write(
            to: output,
            card: ModelCard(
                base: base.lastPathComponent,
                objective: [job.objective, elastic.map { "\($0.objective)." }].compactMap { $0 }
                    .joined(separator: " "),
                examples: examples.count, steps: found.step,
                metrics: sizes == nil ? found.after : [:], measuredOn: judge?.name, recipe: try recipe.yaml,
                sizes: sizes),
            maximumLength: tuning.maximumTokens == nil ? nil : length)
        return Result(
            summary: found.summary, before: found.before, after: found.after, examples: examples.count,
            truncated: examples.truncatedCount)
    }

    /// Finds what is wrong with the places of a run's results before it begins.
    static func check(_ beginning: Beginning, output: URL, runFolder: URL) throws(KuklaError) {
        try checkParent(of: output)
        guard beginning == .resume else { return }
        guard FileManager.default.fileExists(atPath: runFolder.appending(path: "recipe.yaml").path) else {
            throw KuklaError(
                .usage,
                "Cannot go on: there is no run in \(runFolder.path). Leave --resume out to begin one.")
        }
    }

    /// - Throws: `KuklaError.missingFile` where the folder that `output` will stand in is not there.
    package static func checkParent(of output: URL) throws(KuklaError) {
        let parent = output.deletingLastPathComponent()
        guard FileManager.default.fileExists(atPath: parent.path) else {
            throw KuklaError(
                .missingFile, "Cannot write \(output.path): there is no folder \(parent.path); make it first."
            )
        }
    }
}
