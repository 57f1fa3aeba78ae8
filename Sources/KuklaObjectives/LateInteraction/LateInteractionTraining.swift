public import Foundation
public import KuklaNN
public import KuklaNumerics
import KuklaText
import Synchronization

/// A training run from pairs of texts to a model folder for late interaction (`LateInteractionFolder`).
///
/// The encoder stays as it is: every different text goes through it once, before training, and a head behind its tokens is
/// trained with `LateInteractionLoss`.
///
/// Memory: 4 bytes for each of the encoder's components for every token of all different texts.
public struct LateInteractionTraining {
    /// The folder of the model whose encoder it is. A head that it may have already plays no part.
    public let base: URL
    /// The folder to write.
    public let output: URL
    /// The run's folder: recipe, log, curve, checkpoints.
    public let runFolder: URL

    /// How token vectors are judged, and what the file with the judgements is called.
    public struct Judgement: Sendable {
        public let name: String
        public let goal: String
        let judgement: Metrics

        /// From texts to sets of unit vectors.
        public typealias Embedding = ([String]) throws -> VectorSets
        /// Metrics by name.
        public typealias Metrics = @Sendable (_ embed: Embedding) throws -> [String: Double]

        /// - Parameter judgement: gives `goal` among others, and asks for the same texts every time: these go through the
        ///   encoder once.
        public init(name: String, goal: String, judgement: @escaping Metrics) {
            self.name = name
            self.goal = goal
            self.judgement = judgement
        }
    }

    public init(base: URL, output: URL, runFolder: URL) {
        self.base = base
        self.output = output
        self.runFolder = runFolder
    }

    /// - Parameter rows: a query, its document, and maybe documents unlike it; as many texts in each row.
    /// - Throws: `KuklaError`: `missingFile`, `badData`, `unsupported` for the model; `usage` for the recipe; `cancelled`;
    ///   whatever `TrainingRun` throws.
    public func callAsFunction(
        _ rows: [[String]], recipe: Recipe<LateInteractionOptions>, judge: Judgement? = nil,
        beginning: EncoderFineTuning.Beginning = .automatic,
        progress: any ProgressReporter = SilentProgress(),
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws(KuklaError) -> EncoderFineTuning.Result {
        // Everything that can be wrong is found before a folder is made.
        let (options, settings) = (try recipe.checked().options, recipe.training)
        let threads = settings.threads ?? defaultThreadCount
        let encoder = try TokenStates(folder: base, maximumTokens: options.maximumTokens, threads: threads)
        let (texts, numbers) = TextExamples.numbered(rows)
        _ = try DistinctTextSampler.checked(
            identities: numbers, batchSize: settings.batchSize, seed: settings.seed)
        try EncoderFineTuning.check(beginning, output: output, runFolder: runFolder)
        let (states, truncated) = try encoder(texts, progress: progress)
        let head = try LateInteractionHead(
            options.dimensions, of: states.vectors.sampled(65_536, seed: settings.seed),
            threads: threads)
        let cache = Mutex<(texts: [String], states: VectorSets)?>(nil)
        let task = LateInteractionTask(
            model: head, states: states, rows: numbers,
            loss: LateInteractionLoss(temperature: options.temperature),
            judge: judge.map { judge in
                (
                    judge.goal,
                    { (head) throws(KuklaError) in
                        try EncoderJudge.metrics {
                            try judge.judgement { texts in
                                let states = try cache.withLock { cache in
                                    if let cache, cache.texts == texts { return cache.states }
                                    let states = try encoder(texts, progress: SilentProgress()).states
                                    cache = (texts, states)
                                    return states
                                }
                                return head(states)
                            }
                        }
                    }
                )
            })
        let run = try TrainingRun(runFolder, recipe: recipe, isFresh: beginning == .fresh)
        let found = try run.trainJudged(task, progress: progress, isCancelled: isCancelled)
        try LateInteractionFolder.write(
            to: output, base: base, weight: head.weight, bias: head.bias,
            maximumLength: encoder.maximumLength,
            card: ModelCard(
                base: base.lastPathComponent,
                objective:
                    "Late interaction with in-batch negatives, temperature \(options.temperature), of a head behind the frozen encoder.",
                examples: rows.count, steps: found.step, metrics: found.after, measuredOn: judge?.name,
                recipe: try recipe.yaml))
        return EncoderFineTuning.Result(
            summary: found.summary, before: found.before, after: found.after, examples: rows.count,
            truncated: truncated)
    }
}

/// A frozen encoder as a function from texts to what it gives for their tokens.
private struct TokenStates: Sendable {
    let tokenizer: WordPieceTokenizer
    let encoder: TextEncoder
    let maximumLength: Int
    let threads: Int

    init(folder: URL, maximumTokens: Int?, threads: Int) throws(KuklaError) {
        let model = try EmbeddingModel(folder: folder)
        (tokenizer, encoder) = (model.tokenizer, model.encoder)
        maximumLength = try FineTuningOptions.length(maximumTokens, of: encoder.maximumLength)
        self.threads = threads
    }

    func callAsFunction(
        _ texts: [String], progress: any ProgressReporter
    ) throws(KuklaError) -> (states: VectorSets, truncated: Int) {
        let tokens = tokenizer.encode(texts, maxLength: maximumLength, threads: threads)
        return (
            try encoder.tokenStates(
                ids: tokens.ids, offsets: tokens.offsets, threads: threads, progress: progress),
            tokens.truncatedCount
        )
    }
}

extension Matrix {
    /// At most `count` rows, chosen at random.
    fileprivate func sampled(_ count: Int, seed: UInt64) -> Matrix {
        guard rows > count else { return self }
        var random = RandomSource(seed: seed)
        return gathering(rows: random.sample(count, below: rows))
    }
}
