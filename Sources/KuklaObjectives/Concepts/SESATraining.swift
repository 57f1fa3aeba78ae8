public import Foundation
public import KuklaNN
public import KuklaNumerics
import KuklaTensor
public import KuklaText

/// A training run from a model's folder, concepts and texts to a `ConceptFolder`.
public struct SESATraining {
    /// The folder whose tokenizer and word vectors, or whose whole encoder, training begins with.
    public let base: URL
    /// The folder to write.
    public let output: URL
    /// The run's folder: recipe, log, curve, checkpoints.
    public let runFolder: URL

    /// What came of it.
    public struct Result: Sendable {
        public let summary: TrainingSummary
        /// The judgement by texts that were kept out, before and after; empty without such texts.
        public let before, after: [String: Double]
        public let concepts: Int
        public let examples: Int
        public let truncated: Int
    }

    public init(base: URL, output: URL, runFolder: URL) {
        self.base = base
        self.output = output
        self.runFolder = runFolder
    }

    /// - Throws: `KuklaError`: as `EncoderFineTuning` for what cannot be trained.
    public func callAsFunction(
        _ examples: ConceptExamples, recipe: Recipe<SESAOptions>,
        beginning: EncoderFineTuning.Beginning = .automatic,
        progress: any ProgressReporter = SilentProgress(),
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws(KuklaError) -> Result {
        let recipe = try recipe.checked()
        let task = try task(examples, recipe)
        _ = try task.sampler(batchSize: recipe.training.batchSize, seed: recipe.training.seed)
        try EncoderFineTuning.check(beginning, output: output, runFolder: runFolder)
        let run = try TrainingRun(runFolder, recipe: recipe, isFresh: beginning == .fresh)
        let found = try run.trainJudged(task, progress: progress, isCancelled: isCancelled)
        try ConceptFolder.write(
            task.model, concepts: examples.concepts, base: base,
            maximumTokens: recipe.options.maximumTokens,
            card: ModelCard(
                base: base.lastPathComponent,
                objective:
                    "Supervised explicit semantic analysis with a \(recipe.options.encoder.rawValue) encoder.",
                examples: task.exampleCount, steps: found.step, metrics: found.after,
                measuredOn: "texts kept out of training", recipe: try recipe.yaml), to: output)
        return Result(
            summary: found.summary, before: found.before, after: found.after,
            concepts: examples.concepts.count, examples: task.exampleCount,
            truncated: task.tokens.truncatedCount)
    }

    /// The task of a recipe, with a model that begins anew.
    package func task(
        _ examples: ConceptExamples, _ recipe: Recipe<SESAOptions>
    ) throws(KuklaError) -> SESATask {
        let options = recipe.options
        let threads = recipe.training.threads ?? defaultThreadCount
        let tokenizer = try WordPieceTokenizer(folder: base)
        var random = RandomSource(seed: recipe.training.seed)
        let backbone: ConceptEncoder.Backbone
        switch options.encoder {
        case .recurrent:
            backbone = .recurrent(
                try RecurrentTextEncoder(
                    folder: base, units: options.units, isBidirectional: options.isBidirectional,
                    dropout: options.dropout, using: &random))
        case .transformer:
            let module = try TextEncoderModule(folder: base)
            _ = try FineTuningOptions.length(options.maximumTokens, of: module.maximumLength)
            backbone = .transformer(module)
        }
        func tokens(_ texts: [String]) -> TokenBatch {
            tokenizer.encode(texts, maxLength: options.maximumTokens, threads: threads)
        }
        let names = options.conceptInit ? tokens(examples.concepts.map(\.text)) : nil
        let (rows, heldOut) = examples.split(heldOut: options.heldOut, seed: recipe.training.seed)
        return SESATask(
            model: ConceptEncoder(
                backbone, concepts: examples.concepts.count, texts: names, threshold: options.threshold,
                isRectified: !options.isLatent, using: &random),
            examples: examples, tokens: tokens(examples.texts), rows: rows, heldOut: heldOut, options: options
        )
    }

    /// Writes the folder of explicit semantic analysis without training: each concept's text is an article.
    ///
    /// - Throws: `KuklaError.badData` where a concept has no description.
    public static func analysis(_ concepts: [Concept], to output: URL) throws(KuklaError) {
        if let bare = concepts.first(where: { $0.description == nil }) {
            throw KuklaError(
                .badData,
                "Cannot make ESA of '\(bare.name)': it has no text. Give --concepts a title, a tab and the article in each line."
            )
        }
        try ConceptFolder.write(
            ESAEncoder(articles: concepts.map(\.text)), concepts: concepts.map { Concept($0.name) },
            card: ModelCard(
                base: "titled articles", objective: "Explicit semantic analysis.", examples: concepts.count,
                steps: 0), to: output)
    }
}
