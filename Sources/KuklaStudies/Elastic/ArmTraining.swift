import Foundation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import KuklaText

/// Trains arms from the base model as `kukla train` does, and embeds texts by them.
///
/// In full runs weights and vectors are kept for the next run, under a key of all that made them: base model, examples, recipe, loss.
final class ArmTraining {
    let bench: StudyBench
    /// The model that training begins with.
    private let folder: URL
    private let tokenizer: WordPieceTokenizer
    /// Tokens that are read of a text.
    private let maximumLength: Int?
    private let examples: ArmExamples
    private let tokens: TextExamples
    /// The seconds that each arm's training took, in this run or the one that kept it.
    private(set) var seconds: [String: Double] = [:]

    /// - Parameter start: the folder of the model that training begins with, whose path stands for what is in it; the study's model where
    ///   nil.
    init(_ examples: ArmExamples, bench: StudyBench, start: URL? = nil) throws(KuklaError) {
        self.bench = bench
        self.examples = examples
        folder = start ?? bench.modelFolder
        let model = try EmbeddingModel(folder: folder)
        tokenizer = model.tokenizer
        maximumLength = examples.recipe.options.maximumTokens
        tokens = TextExamples(
            rows: examples.rows, scores: examples.scores, tokenizer: tokenizer,
            maximumLength: maximumLength ?? model.encoder.maximumLength, threads: bench.threads)
    }

    /// The model that training begins with.
    func base() throws(KuklaError) -> TextEncoderModule {
        let rate = examples.recipe.options.dropout
        return try TextEncoderModule(
            folder: folder, dropout: .init(hidden: rate, attention: rate))
    }

    /// The training of an arm's loss on `model`.
    func task(_ loss: any LayeredLoss, on model: TextEncoderModule) -> EncoderTask {
        EncoderTask(
            model: model, examples: tokens, loss: loss, needsDistinctTexts: examples.scores.isEmpty,
            options: examples.recipe.options)
    }

    /// The vectors of texts after each of `layers`, of which 0 is the word embeddings.
    ///
    /// - Parameter arm: the base model, untouched, where nil.
    /// - Throws: whatever training and the disk throw.
    func vectors(_ texts: [String], of arm: Arm?, layers: [Int]) throws(KuklaError) -> [Matrix] {
        var hash = TextHash()
        var name = "base"
        var isKnown = true
        if let arm {
            name = try key(of: arm)
            isKnown = try keptWeights(name) != nil
        } else {
            hash.add(folder.standardizedFileURL.path)
        }
        texts.forEach { hash.add($0) }
        hash.add("\(maximumLength ?? 0)")
        let keys = layers.map { "arms/\(name)-\(String(hash.value, radix: 16))-\($0)" }
        if bench.scale == .full, isKnown {
            var kept: [Matrix] = []
            for key in keys {
                guard let vectors = try bench.keptVectors(key) else { break }
                kept.append(vectors)
            }
            if kept.count == layers.count { return kept }
        }
        let model: TextEncoderModule
        if let arm { model = try trained(arm) } else { model = try base() }
        let found = TensorThreads.limited(to: bench.threads) {
            model.embed(texts, tokenizer: tokenizer, maximumLength: maximumLength, after: layers)
        }
        if bench.scale == .full {
            for (key, vectors) in zip(keys, found) { try bench.keep(vectors, key) }
        }
        return found
    }

    /// The trained model. In full runs a training that was interrupted goes on where it was.
    private func trained(_ arm: Arm) throws(KuklaError) -> TextEncoderModule {
        let model = try base()
        let key = try key(of: arm)
        if let file = try keptWeights(key) {
            try model.load(from: file)
            return model
        }
        bench.progress.announce("training: \(arm.name), seed \(arm.seed)")
        var recipe = recipe(of: arm)
        recipe.training.threads = bench.threads
        // A checkpoint is three times the model, and an epoch takes half a minute.
        recipe.training.checkpointEvery = 100
        recipe.training.keep = 1
        let place = arms ?? FileManager.default.temporaryDirectory
        do { try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true) } catch {
            throw KuklaError(.inputOutput, "Cannot make the folder \(place.path).", cause: error)
        }
        let run = place.appending(path: arms == nil ? "kukla-arm-\(UUID())" : "\(key).run")
        let summary = try TrainingRun(run, recipe: recipe)
            .train(task(arm.loss, on: model), progress: bench.progress)
        if arms != nil {
            try model.save(
                to: place.appending(path: "\(key).safetensors"), metadata: ["seconds": "\(summary.seconds)"])
        }
        try? FileManager.default.removeItem(at: run)
        seconds[key] = summary.seconds
        return model
    }

    /// Where weights and unfinished trainings are kept; nil where they are not.
    private var arms: URL? { bench.scale == .full ? bench.cacheFolder?.appending(path: "arms") : nil }

    /// The weights that an earlier run kept; nil where there are none.
    private func keptWeights(_ key: String) throws(KuklaError) -> SafetensorsFile? {
        guard let url = arms?.appending(path: "\(key).safetensors"),
            FileManager.default.fileExists(atPath: url.path)
        else { return nil }
        let file = try SafetensorsFile(url)
        seconds[key] = Double(file.metadata["seconds"] ?? "") ?? 0
        return file
    }

    private func recipe(of arm: Arm) -> Recipe<FineTuningOptions> {
        var recipe = examples.recipe
        recipe.training.seed = arm.seed
        recipe.training.length = .epochs(arm.epochs)
        return recipe
    }

    /// A name that no other arm's weights would have.
    private func key(of arm: Arm) throws(KuklaError) -> String {
        var hash = TextHash()
        hash.add(folder.standardizedFileURL.path)
        examples.rows.joined().forEach { hash.add($0) }
        hash.add("\(examples.scores)")
        hash.add(try recipe(of: arm).yaml)
        // The loss with all losses and settings inside it.
        hash.add("\(arm.loss)")
        return String(hash.value, radix: 16)
    }
}
