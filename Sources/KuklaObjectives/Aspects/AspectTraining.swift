public import Foundation
import KuklaCodecs
public import KuklaNN
public import KuklaNumerics
import KuklaTensor
public import KuklaText

/// A training run from a model's folder and labelled texts to an `AspectFolder`: one space for each aspect.
///
/// *Source:* Ostendorff et al. 2022, "Specialized document embeddings for aspect-based similarity of research papers",
/// arXiv:2203.14541.
/// *Differs from the paper in:* an encoder is specialised by a LoRA, of 3 % of its bytes, where the paper trains a whole one for
/// each aspect; in-batch negatives of the same label do not count.
public struct AspectTraining {
    /// The folder of the model that training begins with.
    public let base: URL
    /// The folder to write.
    public let output: URL
    /// Holds a run's folder for each aspect.
    public let runFolder: URL

    /// What came of an aspect.
    public struct Outcome: Sendable {
        public let aspect: AspectFolder.Aspect
        public let summary: TrainingSummary
        /// The judgement by texts that were kept out: of the base, and of the aspect's space.
        public let before, after: [String: Double]
        /// Pairs that were trained on.
        public let examples: Int
        /// Texts that were longer than is read, and cut.
        public let truncated: Int
    }

    public init(base: URL, output: URL, runFolder: URL) {
        self.base = base
        self.output = output
        self.runFolder = runFolder
    }

    static let goal = "map_at_25"

    static func judge(_ vectors: Matrix, labels: [Int32]) -> [String: Double] {
        [goal: LabelRetrieval(vectors, count: 25).meanAveragePrecision(labels: labels, at: 25)]
    }

    private enum Trained {
        case lora(TextEncoderModule)
        case retrofit(RetrofitMap)
    }

    /// - Throws: `KuklaError`: `usage` for names that cannot be an aspect's or stand twice, and recipes that do not fit; `badData`
    ///   where there are too few pairs; `cancelled`; whatever `TrainingRun` throws.
    public func callAsFunction(
        _ aspects: [AspectExamples], recipe: Recipe<AspectOptions>,
        beginning: EncoderFineTuning.Beginning = .automatic,
        progress: any ProgressReporter = SilentProgress(),
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws(KuklaError) -> [Outcome] {
        let recipe = try recipe.checked()
        try Self.check(aspects.map(\.name))
        guard recipe.options.method == .retrofit || recipe.training.adapters != nil else {
            throw KuklaError(
                .usage,
                "The recipe has no lora: an aspect's encoder is trained as one. Give lora a rank, or choose method: retrofit."
            )
        }
        try EncoderFineTuning.check(.automatic, output: output, runFolder: runFolder)
        do { try FileManager.default.createDirectory(at: runFolder, withIntermediateDirectories: true) } catch
        {
            throw KuklaError(.inputOutput, "Cannot make the folder \(runFolder.path).", cause: error)
        }
        var trained: [Trained] = []
        var parts: [(found: TrainingRun.Judged, examples: Int, truncated: Int)] = []
        for aspect in aspects {
            progress.announce("aspect \(aspect.name)")
            let folder = runFolder.appending(path: aspect.name)
            try EncoderFineTuning.check(beginning, output: output, runFolder: folder)
            let split = aspect.split(
                pairs: recipe.options.pairs, heldOut: recipe.options.heldOut, seed: recipe.training.seed)
            switch recipe.options.method {
            case .siamese:
                let task = try siamese(aspect, split, recipe)
                _ = try task.sampler(batchSize: recipe.training.batchSize, seed: recipe.training.seed)
                let run = try TrainingRun(folder, recipe: recipe, isFresh: beginning == .fresh)
                let found = try run.trainJudged(task, progress: progress, isCancelled: isCancelled)
                parts.append((found, task.exampleCount, task.examples.truncatedCount))
                trained.append(.lora(task.model))
            case .retrofit:
                let (task, truncated) = try retrofit(aspect, split, recipe, progress)
                let run = try TrainingRun(folder, recipe: recipe, isFresh: beginning == .fresh)
                let found = try run.trainJudged(task, progress: progress, isCancelled: isCancelled)
                parts.append((found, task.exampleCount, truncated))
                trained.append(.retrofit(task.model))
            }
        }
        let kind: AspectFolder.Kind = recipe.options.method == .siamese ? .lora : .retrofit
        let written = try AspectFolder.write(
            to: output, base: base, aspects: aspects.map { ($0.name, kind) }
        ) { (index, place) throws(KuklaError) in
            switch trained[index] {
            case .lora(let model): try model.saveLoRA(to: place, baseModel: base.lastPathComponent)
            case .retrofit(let map): try map.write(to: place)
            }
        }
        return zip(written.aspects, parts).map { aspect, part in
            Outcome(
                aspect: aspect, summary: part.found.summary, before: part.found.before,
                after: part.found.after, examples: part.examples, truncated: part.truncated)
        }
    }

    private static func check(_ names: [String]) throws(KuklaError) {
        guard !names.isEmpty, Set(names).count == names.count else {
            throw KuklaError(
                .usage,
                "Cannot train the aspects \(names.joined(separator: ", ")): expected different names, one or more."
            )
        }
        for name in names where !AspectFolder.isName(name) {
            throw KuklaError(
                .usage, "Cannot call an aspect '\(name)': expected letters, digits, - and _ only.")
        }
    }

    private func siamese(
        _ aspect: AspectExamples, _ split: AspectExamples.Split, _ recipe: Recipe<AspectOptions>
    ) throws(KuklaError) -> EncoderTask {
        let (options, tuning) = (recipe.options, recipe.options.tuning)
        let tokenizer = try WordPieceTokenizer(folder: base)
        let model = try TextEncoderModule(
            folder: base, dropout: .init(hidden: tuning.dropout, attention: tuning.dropout))
        let length = try FineTuningOptions.length(tuning.maximumTokens, of: model.maximumLength)
        let (texts, labels) = (
            split.heldOut.map { aspect.texts[$0] }, split.heldOut.map { aspect.labels[$0] }
        )
        return EncoderTask(
            model: model,
            examples: TextExamples(
                rows: split.rows.map { $0.map { aspect.texts[$0] } },
                scores: split.rows.map { Float(aspect.labels[$0[0]]) }, tokenizer: tokenizer,
                maximumLength: length, threads: recipe.training.threads ?? defaultThreadCount),
            loss: WholeModelLoss(
                MultipleNegativesRankingLoss(temperature: options.temperature, sparesSameLabel: true),
                layers: model.layerCount),
            needsDistinctTexts: true, options: tuning,
            judge: texts.isEmpty
                ? nil
                : EncoderJudge(goal: Self.goal, tokenizer: tokenizer, maximumLength: length) { embed in
                    var vectors = try embed(texts)
                    vectors.normalizeRows()
                    return Self.judge(vectors, labels: labels)
                })
    }

    private func retrofit(
        _ aspect: AspectExamples, _ split: AspectExamples.Split, _ recipe: Recipe<AspectOptions>,
        _ progress: any ProgressReporter
    ) throws(KuklaError) -> (task: RetrofitTask, truncated: Int) {
        guard split.rows.count >= recipe.training.batchSize else {
            throw KuklaError(
                .badData,
                "Cannot train the aspect '\(aspect.name)' on \(split.rows.count) pairs: expected a batch of \(recipe.training.batchSize) at least. Give more pairs or a smaller --batch-size."
            )
        }
        let model = try EmbeddingModel(folder: base)
        progress.begin("Embedding", total: aspect.texts.count, unit: "texts")
        let embedded = try model.embed(
            aspect.texts, threads: recipe.training.threads ?? defaultThreadCount, progress: progress)
        progress.end()
        var vectors = embedded.vectors
        vectors.normalizeRows()
        var random = RandomSource(seed: recipe.training.seed)
        return (
            RetrofitTask(
                model: RetrofitMap(
                    dimensions: vectors.columns, hidden: recipe.options.hidden, using: &random),
                vectors: vectors, labels: aspect.labels, rows: split.rows, heldOut: split.heldOut,
                options: recipe.options), embedded.truncatedCount
        )
    }
}
