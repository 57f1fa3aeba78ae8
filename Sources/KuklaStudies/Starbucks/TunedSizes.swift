import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import KuklaText

/// What two starts are worth at each size after the same fine-tuning, and what principal components make of one that was tuned as a whole.
struct TunedSizes {
    let bench: StudyBench
    private let scratch: URL
    private let training: [SentencePair]
    private let test: ScoredPairs

    private static let sizes = PretrainedSizes.sizes

    init(bench: StudyBench, scratch: URL) throws(KuklaError) {
        (self.bench, self.scratch) = (bench, scratch)
        training = Array(try bench.stsBenchmark("train").prefix(bench.choose(quick: 64, full: .max)))
        test = ScoredPairs(Array(try bench.stsBenchmark("test").prefix(bench.choose(quick: 40, full: .max))))
    }

    private enum Name {
        static let several = "SMAE"
        static let words = "hidden words alone"
        static let plain = "hidden words alone, tuned as a whole and cut"
        static let principal = "hidden words alone, tuned as a whole, PCA"
    }

    func add(
        _ several: SmallEncoder, _ words: SmallEncoder, to findings: inout StudyFindings
    ) throws(KuklaError) {
        var figures = ArmFigures()
        for seed in bench.seeds {
            figures.add(Name.several, try cut(starbucks(several, "smae", seed)))
            figures.add(Name.words, try cut(starbucks(words, "mlm", seed)))
            let whole = try self.whole(words, seed)
            figures.add(Name.plain, try cut(whole))
            figures.add(Name.principal, try principal(whole))
        }
        findings.tables.append(
            StudyTable(
                "Spearman on STS-B test after Starbucks fine-tuning of small BERTs, mean of \(bench.seeds.count) seeds",
                columns: ["pre-training"] + Self.sizes.map(\.description),
                rows: [Name.several, Name.words, Name.plain, Name.principal].map { name in
                    [.text(name)] + Self.sizes.map { figures.cell(name, $0) }
                }))
        let small = Self.sizes.prefix(2)
        let each = bench.seeds.indices.map { seed in
            small.reduce(0.0) {
                $0 + (figures.values(Name.several, $1)[seed] - figures.values(Name.words, $1)[seed]) / 2
            }
        }
        let gain = Spread(each, decimals: 2)
        findings.bars.append(
            StudyBar(
                "3. Spearman of SMAE's start over hidden words alone, mean of the two smallest sizes, points",
                gain.mean, .atLeast, 1, note: gain.note))
    }

    // MARK: - Trainings

    private struct Tuned {
        let model: TextEncoderModule
        let tokenizer: WordPieceTokenizer
    }

    private func starbucks(
        _ start: SmallEncoder, _ name: String, _ seed: UInt64
    ) throws(KuklaError) -> Tuned {
        var recipe = MatryoshkaOptions.recipe
        set(&recipe.training, seed)
        recipe.options.method = .starbucks
        recipe.options.dimensions = Self.sizes.reversed().map(\.dimensions)
        recipe.options.layers = Self.sizes.map(\.layers)
        recipe.options.tuning.maximumTokens = Self.tokens
        let run = place(start, "\(name)-\(seed)")
        _ = try run.matryoshka(
            .scored(training), recipe: recipe, beginning: .fresh, progress: bench.progress)
        return Tuned(model: try TextEncoderModule(folder: run.output), tokenizer: start.tokenizer)
    }

    private func whole(_ start: SmallEncoder, _ seed: UInt64) throws(KuklaError) -> Tuned {
        var recipe = CosineOptions.recipe
        set(&recipe.training, seed)
        recipe.options.tuning.maximumTokens = Self.tokens
        let run = place(start, "whole-\(seed)")
        _ = try run.cosine(training, recipe: recipe, beginning: .fresh, progress: bench.progress)
        return Tuned(model: try TextEncoderModule(folder: run.output), tokenizer: start.tokenizer)
    }

    private static let tokens = 64

    private func place(_ start: SmallEncoder, _ name: String) -> EncoderFineTuning {
        EncoderFineTuning(
            base: start.folder, output: scratch.appending(path: name),
            runFolder: scratch.appending(path: "\(name).run"))
    }

    private func set(_ training: inout TrainingSettings, _ seed: UInt64) {
        training.seed = seed
        training.length = .epochs(bench.choose(quick: 1, full: 2))
        training.batchSize = 32
        training.learningRate = 2e-4
        training.threads = bench.threads
        training.checkpointEvery = 1_000_000
    }

    // MARK: - Measuring

    /// The vectors of texts after each layer that a size has.
    private func vectors(_ texts: [String], of tuned: Tuned) -> [Matrix] {
        TensorThreads.limited(to: bench.threads) {
            tuned.model.embed(
                texts, tokenizer: tuned.tokenizer, maximumLength: Self.tokens,
                after: Self.sizes.map(\.layers))
        }
    }

    private func cut(_ tuned: Tuned) throws(KuklaError) -> [ModelSize: Double] {
        try figures(vectors(test.texts, of: tuned))
    }

    /// By the principal components of training sentences' vectors after each layer.
    private func principal(_ tuned: Tuned) throws(KuklaError) -> [ModelSize: Double] {
        let sample = Array(ScoredPairs(training).texts.prefix(3_000))
        var turned: [Matrix] = []
        for (sample, vectors) in zip(vectors(sample, of: tuned), vectors(test.texts, of: tuned)) {
            turned.append(try PrincipalPrefixes(of: sample, threads: bench.threads)(vectors))
        }
        return try figures(turned)
    }

    private func figures(_ vectors: [Matrix]) throws(KuklaError) -> [ModelSize: Double] {
        var found: [ModelSize: Double] = [:]
        for (size, vectors) in zip(Self.sizes, vectors) {
            // Few sentences of a quick run have fewer components.
            let dimensions = min(size.dimensions, vectors.columns)
            found[size] = try test.spearman(vectors, dimensions: [dimensions])[0]
        }
        return found
    }
}
