import Foundation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaText

/// A causal language model of four layers, trained here on encyclopedia and news for a few minutes.
struct SmallDecoder {
    let bench: StudyBench

    struct Trained {
        let folder: URL
        let note: String
    }

    private static let length = 128

    /// Trains it, or takes the one that an earlier full run trained.
    func trained() throws(KuklaError) -> Trained {
        let base = try WordPieceTokenizer(folder: bench.modelFolder)
        let texts = try corpus()
        let words = bench.choose(quick: 400, full: 8_192)
        let settings = recipe()
        var key = TextHash()
        for text in texts + [try settings.yaml, "\(words)"] { key.add(text) }
        let folder = (bench.cacheFolder ?? FileManager.default.temporaryDirectory).appending(
            path:
                "nv-embed-decoder-\(String(key.value, radix: 16))\(bench.cacheFolder == nil ? "-\(UUID())" : "")"
        )
        let (count, held) = (texts.count, texts.count / 50)
        if !FileManager.default.fileExists(atPath: folder.appending(path: "model.safetensors").path) {
            try train(folder, texts, held, words, settings, base)
        }
        let tokenizer = try WordPieceTokenizer(folder: folder)
        let model = try TextEncoderModule(folder: folder)
        let task = try CausalLanguageModel(
            model: model, texts: tokenizer.encode(Array(texts.suffix(held)), maxLength: Self.length),
            heldOut: tokenizer.encode(Array(texts.suffix(held)), maxLength: Self.length))
        let perplexity = try task.evaluate()["perplexity"] ?? .nan
        let seconds =
            (try? String(contentsOf: folder.appending(path: "seconds.txt"), encoding: .utf8)) ?? "unknown"
        return Trained(
            folder: folder,
            note:
                "The decoder: \(model.layerCount) layers of \(model.dimensions), causal, head tied to \(tokenizer.vocabularySize) tokens, which are the most frequent ones of MiniLM's WordPiece vocabulary with all characters that occur; trained on \(count - held) passages of WikiText-2 (valid, test) and articles of AG News (the 10,000) in \(seconds) s; perplexity of \(held) held-out passages \(String(format: "%.0f", perplexity))."
        )
    }

    private func recipe() -> Recipe<NoOptions> {
        var recipe = Recipe(options: NoOptions())
        recipe.training.length = .epochs(bench.choose(quick: 1, full: 2))
        recipe.training.batchSize = 32
        recipe.training.learningRate = 1e-3
        recipe.training.weightDecay = 0.01
        recipe.training.clipNorm = 1
        recipe.training.schedule.warmupFraction = 0.1
        recipe.training.checkpointEvery = 200
        recipe.training.threads = bench.threads
        return recipe
    }

    private func train(
        _ folder: URL, _ texts: [String], _ held: Int, _ words: Int, _ recipe: Recipe<NoOptions>,
        _ base: WordPieceTokenizer
    ) throws(KuklaError) {
        let fresh = folder.appendingPathExtension("fresh")
        // A study that was stopped here goes on here.
        let run = folder.appendingPathExtension("run")
        // Where it cannot be made, writing says so.
        try? FileManager.default.createDirectory(
            at: folder.deletingLastPathComponent(), withIntermediateDirectories: true)
        var start = NewEncoder(
            layers: bench.choose(quick: 2, full: 4), width: bench.choose(quick: 32, full: 256),
            heads: bench.choose(quick: 2, full: 8), maximumLength: Self.length, poolsFirstToken: false)
        (start.mask, start.dropout, start.normalizes) = (.causal, 0, false)
        try start.write(
            to: fresh, tokenizerOf: bench.modelFolder,
            vocabulary: base.vocabulary(of: texts, count: words, threads: bench.threads), seed: 1)
        let tokenizer = try WordPieceTokenizer(folder: fresh)
        let model = try TextEncoderModule(folder: fresh)
        let task = try CausalLanguageModel(
            model: model,
            texts: tokenizer.encode(
                Array(texts.dropLast(held)), maxLength: Self.length, threads: bench.threads),
            heldOut: tokenizer.encode(Array(texts.suffix(held)), maxLength: Self.length))
        let summary = try TrainingRun(run, recipe: recipe).train(task, progress: bench.progress)
        try model.write(
            to: folder,
            card: ModelCard(
                base: "nothing", objective: "A causal language model.", examples: task.exampleCount,
                steps: summary.step, metrics: summary.metrics, recipe: try recipe.yaml))
        for url in [fresh, run] { try? FileManager.default.removeItem(at: url) }
        try AtomicFile.write(
            String(format: "%.0f", summary.seconds), to: folder.appending(path: "seconds.txt"))
    }

    /// Passages of up to about 90 words, in an order that is always the same.
    private func corpus() throws(KuklaError) -> [String] {
        var texts: [String] = []
        for part in ["valid", "test"] {
            let reader = try LineReader(bench.data("wikitext2_valid_test/\(part).txt.gz"))
            while let line = try reader.nextString() {
                // Headings are lines of few words.
                let words = line.replacing("<unk>", with: "[UNK]").split(separator: " ")
                for start in stride(from: 0, to: words.count, by: 90) where words.count > 12 {
                    texts.append(words[start..<min(start + 90, words.count)].joined(separator: " "))
                }
            }
        }
        texts += try bench.agNewsTraining().texts
        var random = RandomSource(seed: 1)
        let order = random.sample(texts.count, below: texts.count)
        return order.prefix(bench.choose(quick: 100, full: order.count)).map { texts[$0] }
    }
}
