public import Foundation
public import KuklaFormats
public import KuklaNN
public import KuklaNumerics
package import KuklaText

/// NV-Embed's recipe: a model that reads instructions, trained in two stages.
///
/// Stage 1 learns retrieval with negatives from the batch and mined ones; stage 2 mixes tasks in every batch and holds each anchor
/// against its own negatives alone, as texts of one class would be negatives of one another. An instruction stands before the first
/// text of a row, or before all where its task is symmetric; its tokens are attended to and not pooled.
///
/// Either stage may be left out.
/// *Source:* Lee et al. 2025, "NV-Embed: Improved techniques for training LLMs as generalist embedding models", arXiv:2405.17428.
public struct InstructTraining {
    /// The folder of the model that training begins with: an encoder, or a causal one.
    public let base: URL
    /// The folder to write.
    public let output: URL
    /// The run's folder, with one of its own for each stage.
    public let runFolder: URL

    public init(base: URL, output: URL, runFolder: URL) {
        self.base = base
        self.output = output
        self.runFolder = runFolder
    }

    /// What came of a stage.
    public struct Stage: Sendable {
        /// `stage1` or `stage2`.
        public let name: String
        public let summary: TrainingSummary
        /// The judgement before it and after; empty without judge.
        public let before, after: [String: Double]
        public let examples: Int
        /// Texts that were longer than allowed and cut.
        public let truncated: Int
    }

    /// - Parameters:
    ///   - stage1: an anchor, its positive, and maybe negatives; as many texts in each row.
    ///   - stage2: an anchor, its positive and one negative or more; as many texts in each row.
    /// - Throws: `KuklaError`: `missingFile`, `badData`, `unsupported` for the model; `usage` for the recipe, and for examples that do
    ///   not suit their stage; `cancelled`; whatever `TrainingRun` throws.
    public func callAsFunction(
        stage1: TextTuples?, stage2: TextTuples?, recipe: Recipe<InstructOptions>,
        judge: EncoderFineTuning.Judgement? = nil,
        beginning: EncoderFineTuning.Beginning = .automatic,
        progress: any ProgressReporter = SilentProgress(),
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws(KuklaError) -> [Stage] {
        // Everything that can be wrong is found before a folder is made.
        let (options, settings) = (try recipe.checked().options, recipe.training)
        let template = try InstructionTemplate(options.template)
        guard stage1 != nil || stage2 != nil else {
            throw KuklaError(
                .usage, "Cannot train in no stage: give examples of the first, the second or both.")
        }
        if let stage2, stage2.width < 3 {
            throw KuklaError(
                .usage,
                "Cannot train the second stage on rows of \(stage2.width) texts: expected a text, its positive and negatives of its own, such as `kukla mine` finds."
            )
        }
        let tokenizer = try WordPieceTokenizer(folder: base)
        let model = try TextEncoderModule(
            folder: base, dropout: .init(hidden: options.tuning.dropout, attention: options.tuning.dropout),
            pooling: try TextPooling(parsing: options.pooling), mask: options.mask, seed: settings.seed)
        let length = try FineTuningOptions.length(options.tuning.maximumTokens, of: model.maximumLength)
        let tasks = Set([stage1, stage2].compactMap(\.self).flatMap { $0.tasks.compactMap { $0?.words } })
        for task in tasks { try tokenizer.check(prompt: template.prompt(task), maximumLength: length) }
        let evaluator = judge.map {
            EncoderJudge(
                goal: $0.goal, tokenizer: tokenizer, maximumLength: length, prompt: $0.prompt,
                judgement: $0.judgement)
        }
        var stages: [(name: String, task: EncoderTask)] = []
        for (name, tuples) in [("stage1", stage1), ("stage2", stage2)] {
            guard let tuples else { continue }
            let isFirst = name == "stage1"
            let task = EncoderTask(
                model: model,
                examples: TextExamples(
                    rows: tuples.rows, prompts: Self.prompts(tuples, template), tokenizer: tokenizer,
                    maximumLength: length, threads: settings.threads ?? defaultThreadCount),
                loss: WholeModelLoss(
                    isFirst
                        ? MultipleNegativesRankingLoss(temperature: options.temperature)
                        : OwnNegativesLoss(temperature: options.temperature), layers: model.layerCount),
                needsDistinctTexts: isFirst, options: options.tuning, poolingRate: options.poolingRate,
                judge: evaluator)
            _ = try task.sampler(batchSize: settings.batchSize, seed: settings.seed)
            stages.append((name, task))
        }
        try EncoderFineTuning.check(
            beginning, output: output, runFolder: runFolder.appending(path: stages[0].name))
        var found: [Stage] = []
        for (name, task) in stages {
            var recipe = recipe
            if name == "stage2" { recipe.training.learningRate *= options.secondRate }
            let run = try TrainingRun(
                runFolder.appending(path: name), recipe: recipe, isFresh: beginning == .fresh)
            let judged = try run.trainJudged(task, progress: progress, isCancelled: isCancelled)
            found.append(
                Stage(
                    name: name, summary: judged.summary, before: judged.before, after: judged.after,
                    examples: task.examples.count, truncated: task.examples.truncatedCount))
        }
        try write(model, found, tasks, template, recipe, judge, length)
        return found
    }

    private func write(
        _ model: TextEncoderModule, _ stages: [Stage], _ tasks: Set<String>, _ template: InstructionTemplate,
        _ recipe: Recipe<InstructOptions>, _ judge: EncoderFineTuning.Judgement?, _ length: Int
    ) throws(KuklaError) {
        let options = recipe.options
        let prompts = Dictionary(uniqueKeysWithValues: tasks.map { ($0, template.prompt($0)) })
        try model.write(
            to: output,
            card: ModelCard(
                base: base.lastPathComponent,
                objective:
                    "NV-Embed's recipe (\(stages.map(\.name).joined(separator: ", then "))): pooling \(options.pooling), mask \(options.mask.rawValue), temperature \(options.temperature); instructions by the template `\(template.text.replacing("\n", with: "\\n"))`, not pooled.",
                examples: stages.reduce(0) { $0 + $1.examples },
                steps: stages.reduce(0) { $0 + $1.summary.step }, metrics: stages.last?.after ?? [:],
                measuredOn: judge?.name, recipe: try recipe.yaml),
            maximumLength: options.tuning.maximumTokens == nil ? nil : length,
            prompts: PromptTable(prompts: prompts, template: template))
    }

    /// What stands before each text of each row.
    package static func prompts(_ tuples: TextTuples, _ template: InstructionTemplate) -> [[String]] {
        guard !tuples.tasks.isEmpty else { return [] }
        return zip(tuples.rows, tuples.tasks).map { row, task in
            let prompt = task.map { template.prompt($0.words) } ?? ""
            return row.indices.map { $0 == 0 || task?.isSymmetric == true ? prompt : "" }
        }
    }
}
