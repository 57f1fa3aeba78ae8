import Foundation
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaText

/// A small encoder that was pre-trained from random layers over MiniLM's words, with its head and decoder.
struct SmallEncoder {
    let folder: URL
    let model: PretrainingModel
    let tokenizer: WordPieceTokenizer
    /// Seconds that the pre-training took, whenever it was.
    let seconds: Double

    /// Trains on `texts` by `recipe`, or takes what an earlier full run of the same texts and recipe left.
    ///
    /// - Parameter scratch: a folder that takes the model where nothing is kept between runs.
    init(
        of texts: [String], _ recipe: Recipe<PretrainingOptions>, on bench: StudyBench, scratch: URL
    ) throws(KuklaError) {
        var recipe = recipe
        recipe.training.threads = bench.threads
        var hash = TextHash()
        hash.add(bench.modelFolder.standardizedFileURL.path)
        hash.add(try recipe.yaml)
        texts.forEach { hash.add($0) }
        let name = "encoder-\(String(hash.value, radix: 16))"
        let place = (bench.cacheFolder ?? scratch).appending(path: name)
        do {
            try FileManager.default.createDirectory(
                at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
        } catch {
            throw KuklaError(.inputOutput, "Cannot make the folder of \(place.path).", cause: error)
        }
        // Beside it, so that a run that was stopped goes on.
        let run = place.appendingPathExtension("run")
        let clock = place.appending(path: "seconds.txt")
        if !FileManager.default.fileExists(atPath: clock.path) {
            let result = try EncoderPretraining(base: bench.modelFolder, output: place, runFolder: run)(
                texts, recipe: recipe, progress: bench.progress)
            try? FileManager.default.removeItem(at: run)
            do { try Data("\(result.summary.seconds)".utf8).write(to: clock) } catch {
                throw KuklaError(.inputOutput, "Cannot write \(clock.path).", cause: error)
            }
        }
        folder = place
        seconds = Double((try? String(contentsOf: clock, encoding: .utf8)) ?? "") ?? .nan
        model = try PretrainingModel(folder: place, dropout: .init(hidden: 0, attention: 0), seed: 1)
        tokenizer = try WordPieceTokenizer(folder: place)
    }

    /// Four layers of width 192 with 3 heads, for as many steps; no dropout, as no text is seen often.
    static func recipe(
        _ method: PretrainingOptions.Method, steps: Int, batch: Int, tokens: Int, vocabulary: Int,
        seed: UInt64
    ) -> Recipe<PretrainingOptions> {
        var recipe = PretrainingOptions.recipe
        recipe.training.seed = seed
        recipe.training.length = .steps(steps)
        recipe.training.batchSize = batch
        recipe.training.learningRate = 1e-3
        recipe.training.checkpointEvery = 50
        recipe.options.method = method
        recipe.options.layers = 4
        recipe.options.vocabulary = vocabulary
        recipe.options.inheritsWords = true
        recipe.options.maximumTokens = tokens
        recipe.options.dropout = 0
        recipe.options.heldOut = 0
        return recipe
    }
}
