import Foundation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import KuklaText

/// Trains arms from the base model as `kukla train` does, or takes the weights that an earlier run kept.
///
/// Weights are kept in full runs, under a key of all that made them: base model, examples, recipe, loss.
final class ArmTraining {
    let bench: StudyBench
    let tokenizer: WordPieceTokenizer
    /// Tokens that are read of a text.
    let maximumLength: Int?
    private let examples: ArmExamples
    private let tokens: TextExamples
    /// The seconds that each arm's training took, in this run or the one that kept it.
    private(set) var seconds: [String: Double] = [:]

    init(_ examples: ArmExamples, bench: StudyBench) throws(KuklaError) {
        self.bench = bench
        self.examples = examples
        let model = try bench.model()
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
            folder: bench.modelFolder, dropout: .init(hidden: rate, attention: rate))
    }

    /// The training of an arm's loss on `model`.
    func task(_ loss: any LayeredLoss, on model: TextEncoderModule) -> EncoderTask {
        EncoderTask(
            model: model, examples: tokens, loss: loss, needsDistinctTexts: examples.scores.isEmpty,
            options: examples.recipe.options)
    }

    /// The trained model.
    ///
    /// - Throws: whatever training and the disk throw.
    func callAsFunction(_ arm: Arm) throws(KuklaError) -> TextEncoderModule {
        let model = try base()
        let key = try key(of: arm)
        let kept =
            bench.scale == .full
            ? bench.cacheFolder?.appending(path: "arms/\(key).safetensors") : nil
        if let kept, FileManager.default.fileExists(atPath: kept.path) {
            let file = try SafetensorsFile(kept)
            try model.load(from: file)
            seconds[key] = Double(file.metadata["seconds"] ?? "") ?? 0
            return model
        }
        bench.progress.announce("training: \(arm.name), seed \(arm.seed)")
        var recipe = recipe(of: arm)
        recipe.training.threads = bench.threads
        let folder = FileManager.default.temporaryDirectory.appending(path: "kukla-arm-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let summary = try TrainingRun(folder, recipe: recipe)
            .train(task(arm.loss, on: model), progress: bench.progress)
        if let kept {
            do {
                try FileManager.default.createDirectory(
                    at: kept.deletingLastPathComponent(), withIntermediateDirectories: true)
            } catch {
                throw KuklaError(.inputOutput, "Cannot make the folder of \(kept.path).", cause: error)
            }
            try model.save(to: kept, metadata: ["seconds": "\(summary.seconds)"])
        }
        seconds[key] = summary.seconds
        return model
    }

    private func recipe(of arm: Arm) -> Recipe<FineTuningOptions> {
        var recipe = examples.recipe
        recipe.training.seed = arm.seed
        return recipe
    }

    /// A name that no other arm's weights would have.
    private func key(of arm: Arm) throws(KuklaError) -> String {
        var hash = TextHash()
        hash.add(bench.modelFolder.standardizedFileURL.path)
        examples.rows.joined().forEach { hash.add($0) }
        hash.add("\(examples.scores)")
        hash.add(try recipe(of: arm).yaml)
        // The loss with all losses and settings inside it.
        hash.add("\(arm.loss)")
        return String(hash.value, radix: 16)
    }
}
