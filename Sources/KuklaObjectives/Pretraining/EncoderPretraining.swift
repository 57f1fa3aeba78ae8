public import Foundation
public import KuklaNN
public import KuklaNumerics
import KuklaTensor
package import KuklaText

/// A pre-training run from texts without judgements to a model folder: an old model that learns the words of a corpus, or a new one.
///
/// The folder is an ordinary sentence-transformers folder; head and decoder stand beside it in `PretrainingModel.fileName`, where
/// another pre-training, or a hybrid representation, finds them.
public struct EncoderPretraining {
    /// The folder of the model that training begins with, or whose tokenizer a new one gets.
    public let base: URL
    /// The folder to write.
    public let output: URL
    /// The run's folder: recipe, log, curve, checkpoints.
    public let runFolder: URL

    public init(base: URL, output: URL, runFolder: URL) {
        self.base = base
        self.output = output
        self.runFolder = runFolder
    }

    /// Tokens of a piece where the recipe names no number and the model reads as many.
    private static let usualLength = 128

    /// Pieces of texts as token ids, some kept out of training.
    private struct Corpus {
        let training, heldOut: TokenBatch
    }

    /// - Throws: `KuklaError`: `missingFile`, `badData`, `unsupported` for the model; `usage` for the recipe and for texts that make
    ///   no batch; `cancelled`; whatever `TrainingRun` throws.
    public func callAsFunction(
        _ texts: [String], recipe: Recipe<PretrainingOptions>,
        beginning: EncoderFineTuning.Beginning = .automatic,
        progress: any ProgressReporter = SilentProgress(),
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws(KuklaError) -> EncoderFineTuning.Result {
        // Everything that can be wrong is found before a folder is made.
        let (options, settings) = (try recipe.checked().options, recipe.training)
        let masks = try options.masks()
        let scratch = FileManager.default.temporaryDirectory.appending(path: "kukla-new-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: scratch) }
        var start = base
        if let layers = options.layers {
            try NewEncoder(
                layers: layers, width: options.width, heads: options.heads,
                maximumLength: options.maximumTokens ?? Self.usualLength,
                poolsFirstToken: options.method == .dupmae, inheritsWords: options.inheritsWords
            ).write(
                to: scratch, tokenizerOf: base, vocabulary: vocabulary(of: texts, options, settings),
                seed: settings.seed)
            start = scratch
        } else if options.vocabulary != nil || options.inheritsWords {
            throw KuklaError(
                .usage,
                "Cannot change the words of a trained model: --vocabulary and --inherit-words are for new models. Give --layers, too, or leave them out."
            )
        }
        let tokenizer = try WordPieceTokenizer(folder: start)
        let model = try PretrainingModel(
            folder: start, dropout: .init(hidden: options.dropout, attention: options.dropout),
            seed: settings.seed &+ 1)
        var length = min(model.encoder.maximumLength, Self.usualLength)
        if let wanted = options.maximumTokens {
            length = try FineTuningOptions.length(wanted, of: model.encoder.maximumLength)
        }
        let corpus = try corpus(texts, tokenizer, length: length, options, settings)
        let masking = try WordMasking(tokenizer)
        func run(_ objective: some PretrainingObjective) throws(KuklaError) -> TrainingRun.Judged {
            let task = PretrainingTask(
                model: model, objective: objective, texts: corpus.training, heldOut: corpus.heldOut,
                masking: masking, seed: settings.seed)
            try EncoderFineTuning.check(beginning, output: output, runFolder: runFolder)
            let run = try TrainingRun(runFolder, recipe: recipe, isFresh: beginning == .fresh)
            return try run.trainJudged(task, progress: progress, isCancelled: isCancelled)
        }
        let found: TrainingRun.Judged
        let words: String
        switch options.method {
        case .mlm:
            found = try run(MaskedLanguageModeling(rate: masks.encoder))
            words = "Hidden words (\(masks.encoder) of them)."
        case .smae:
            let full = ModelSize(layers: model.encoder.layerCount, dimensions: model.encoder.hiddenSize)
            let sizes = try options.sizes(of: full)
            found = try run(
                StarbucksMAE(sizes: sizes, encoderMask: masks.encoder, decoderMask: masks.decoder))
            words =
                "Starbucks masked auto-encoding at \(sizes.map(\.description).joined(separator: ", ")) (masks \(masks.encoder) and \(masks.decoder))."
        case .dupmae:
            found = try run(
                DupMAE(
                    encoderMask: masks.encoder, decoderMask: masks.decoder, bowWeight: options.bowWeight,
                    decoderShare: options.decoderShare))
            words =
                "Duplex masked auto-encoding (masks \(masks.encoder) and \(masks.decoder), bag of words \(options.bowWeight))."
        }
        try model.encoder.write(
            to: output,
            card: ModelCard(
                base: options.layers == nil
                    ? base.lastPathComponent : "\(base.lastPathComponent)'s tokenizer",
                objective: words, examples: corpus.training.count, steps: found.step, metrics: found.after,
                measuredOn: corpus.heldOut.count == 0 ? nil : "pieces kept out of training",
                recipe: try recipe.yaml)
        ) { folder throws(KuklaError) in try model.save(to: folder) }
        return EncoderFineTuning.Result(
            summary: found.summary, before: found.before, after: found.after,
            examples: corpus.training.count, truncated: 0)
    }

    private func vocabulary(
        of texts: [String], _ options: PretrainingOptions, _ settings: TrainingSettings
    ) throws(KuklaError) -> [String]? {
        guard let count = options.vocabulary else { return nil }
        return try WordPieceTokenizer(folder: base).vocabulary(
            of: texts, count: count, threads: settings.threads ?? defaultThreadCount)
    }

    private func corpus(
        _ texts: [String], _ tokenizer: WordPieceTokenizer, length: Int, _ options: PretrainingOptions,
        _ settings: TrainingSettings
    ) throws(KuklaError) -> Corpus {
        let pieces = try TokenBatch.pieces(
            of: texts, tokenizer: tokenizer, length: length,
            threads: settings.threads ?? defaultThreadCount)
        let split = DataSplit(
            count: pieces.count,
            validationFraction: min(options.heldOut, 500 / Double(max(pieces.count, 1))),
            seed: settings.seed)
        guard split.training.count >= settings.batchSize else {
            throw KuklaError(
                .usage,
                "Cannot pre-train on \(texts.count) texts in batches of \(settings.batchSize): they make \(split.training.count) pieces of \(length) tokens, beside \(split.validation.count) that are kept to judge by. Give a longer corpus, or a smaller --batch-size."
            )
        }
        return Corpus(
            training: pieces.selecting(split.training), heldOut: pieces.selecting(split.validation))
    }
}

extension TokenBatch {
    /// Texts cut into pieces of at most `length` tokens, each between the special tokens; what is shorter than four tokens of text is
    /// left out.
    ///
    /// - Throws: `KuklaError.unsupported` where the tokenizer does not put one token before and one behind a text.
    package static func pieces(
        of texts: [String], tokenizer: WordPieceTokenizer, length: Int, threads: Int = defaultThreadCount
    ) throws(KuklaError) -> TokenBatch {
        guard tokenizer.specialTokenCount == 2 else {
            throw KuklaError(
                .unsupported,
                "Cannot cut texts into pieces: the tokenizer puts \(tokenizer.specialTokenCount) tokens around a text, expected [CLS] and [SEP]."
            )
        }
        let all = tokenizer.encode(texts, threads: threads)
        var pieces = TokenBatch()
        for text in 0..<all.count {
            let ids = all[text]
            guard let first = ids.first, let last = ids.last else { continue }
            var rest = ids.dropFirst().dropLast()
            while rest.count >= 4 {
                pieces.ids.append(first)
                pieces.ids.append(contentsOf: rest.prefix(length - 2))
                pieces.ids.append(last)
                pieces.offsets.append(pieces.ids.count)
                rest = rest.dropFirst(length - 2)
            }
        }
        return pieces
    }
}
