import ArgumentParser
import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaText

extension TrainCommand {
    /// What all ways to train a model have in common.
    struct Run: ParsableArguments {
        @Option(
            help:
                "The model to begin with: a sentence-transformers folder, or ORG/NAME; the default model where left out."
        )
        var model: String?

        @Option(name: .shortAndLong, help: "The folder to write.")
        var output: String

        @Option(help: "Texts that are embedded at a time: bounds the memory of large batches (GradCache).")
        var microBatch: Int?

        @Option(help: "The rate of a layer is that of the layer above times this (1).")
        var layerDecay: Float?

        @Option(help: "Dropout while training, in place of the model's.")
        var dropout: Float?

        @Option(
            help: "Decay of a moving average of the weights (0.999, say), which is then judged and written.")
        var ema: Float?

        @Option(help: "Tokens that are read of a text.")
        var maxTokens: Int?

        @Option(help: "Parameters that are not trained, such as 'embeddings.*'. May be given several times.")
        var freeze: [String] = []

        @Option(help: "Train adapters of this rank in place of the weights (LoRA), and add them in the end.")
        var lora: Int?

        @Option(
            help:
                "Judge the model on this file: pairs with scores (Spearman) or pairs (recall@1). The best weights are kept."
        )
        var eval: String?

        @OptionGroup var steering: Steering
        @OptionGroup var reporting: OutputOptions

        /// `defaults`, changed by the recipe's file, then by flags.
        func recipe<Options: RecipePart>(
            _ defaults: Recipe<Options>, tuning: WritableKeyPath<Options, FineTuningOptions>,
            orOneOf methods: [String] = []
        ) throws(KuklaError) -> Recipe<Options> {
            var result = try steering.recipe(defaults, orOneOf: methods)
            if let ema { result.training.average = AverageSettings(decay: ema) }
            result.training.freeze += freeze
            if let lora {
                var adapters = result.training.adapters ?? AdapterSettings()
                adapters.rank = lora
                result.training.adapters = adapters
            }
            if let microBatch { result.options[keyPath: tuning].microBatch = microBatch }
            if let maxTokens { result.options[keyPath: tuning].maximumTokens = maxTokens }
            if let layerDecay { result.options[keyPath: tuning].layerDecay = layerDecay }
            if let dropout { result.options[keyPath: tuning].dropout = dropout }
            return result
        }

        func fineTuning() throws(KuklaError) -> EncoderFineTuning {
            let target = URL(fileURLWithPath: output)
            return EncoderFineTuning(
                base: try ModelLocation.resolve(model), output: target,
                runFolder: steering.folder(for: target))
        }

        /// How `--eval` judges: by scores where the file has them, by retrieval otherwise.
        ///
        /// - Parameter prompt: what stands before the first texts of pairs, and before both of scored ones.
        func judgement(prompt: String = "") throws(KuklaError) -> EncoderFineTuning.Judgement? {
            guard let eval else { return nil }
            let url = URL(fileURLWithPath: eval)
            if try SentencePair.hasScores(url) {
                return Self.judgement(
                    of: try SentencePair.readAll(url), name: url.lastPathComponent, prompt: prompt)
            }
            return Self.judgement(
                of: try TextTuples.readAll(url).rows, name: url.lastPathComponent, prompt: prompt)
        }

        static func judgement(
            of scored: [SentencePair], name: String, prompt: String = ""
        ) -> EncoderFineTuning.Judgement {
            let task = STSTask(
                pairs: scored.map { .init(first: $0.first, second: $0.second, score: $0.score) })
            return .init(name: name, goal: "spearman", prompt: { _ in prompt }) { embed in
                let found = try task.evaluate(embedding: embed)
                return ["spearman": found.spearman, "pearson": found.pearson]
            }
        }

        /// The first two texts of each row are a pair.
        static func judgement(
            of rows: [[String]], name: String, prompt: String = ""
        ) -> EncoderFineTuning.Judgement {
            let first = Set(prompt.isEmpty ? [] : rows.map { $0[0] })
            let task = PairRetrievalTask(pairs: rows.map { ($0[0], $0[1]) })
            return .init(
                name: name, goal: "recall_at_1", prompt: { first.contains($0) ? prompt : "" }
            ) { embed in
                try task.evaluate(embedding: embed).metrics
            }
        }

        /// Tells what came of it.
        func report(_ result: EncoderFineTuning.Result) throws {
            try TrainCommand.report(result, output: output, steering: steering, reporting: reporting)
        }
    }
}
