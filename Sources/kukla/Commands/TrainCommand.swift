import ArgumentParser
import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaText

/// `kukla train`: fine-tune an embedding model.
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Fine-tune an embedding model, or train late interaction or codes on top of one.",
        subcommands: [
            Contrastive.self, Cosine.self, Matryoshka.self, LateInteraction.self, Binary.self,
            BiGranular.self, Aspects.self, SESA.self, Pretrain.self, Instruct.self,
        ])

    /// `kukla train contrastive`: pairs that belong together.
    struct Contrastive: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "contrastive",
            abstract: "Train on pairs that belong together: each text must find its partner in the batch.",
            discussion: """
                Reads pairs of texts (TSV, CSV or JSON lines, each also as .gz); further columns are texts that do not belong to \
                the first. Larger batches are better; --micro-batch bounds their memory. One pass at a rate of 2e-5, where no recipe or flag \
                says otherwise. Writes a sentence-transformers folder.

                Examples:
                  kukla train contrastive --pairs captions.tsv -o tuned
                  kukla train contrastive --model tuned --pairs pairs.jsonl.gz \\
                      --batch-size 1024 --micro-batch 64 \\
                      --symmetric --eval dev.tsv -o tuned2
                """)

        @Option(help: "The pairs.")
        var pairs: String

        @Option(help: "What cosines are divided by (0.05).")
        var temperature: Float?

        @Flag(help: "Let partners look for their texts, too.")
        var symmetric = false

        @OptionGroup var training: Run

        func run() throws {
            var recipe = try training.recipe(ContrastiveOptions.recipe, tuning: \.tuning)
            if let temperature { recipe.options.temperature = temperature }
            if symmetric { recipe.options.isSymmetric = true }
            recipe = try recipe.checked()
            let rows = try TextTuples.readAll(URL(fileURLWithPath: pairs)).rows
            try training.report(
                training.fineTuning().contrastive(
                    rows, recipe: recipe, judge: training.judgement(),
                    beginning: training.steering.beginning(),
                    progress: training.reporting.progress,
                    isCancelled: Interrupt.waitingForTheStep()))
        }
    }

    /// `kukla train cosine`: pairs with similarity scores.
    struct Cosine: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "cosine",
            abstract: "Train on pairs with similarity scores, such as the STS benchmark's.",
            discussion: """
                Reads the STS benchmark's files, a TSV or CSV of sentence1, sentence2 and score, or JSON lines with these keys; each \
                also as .gz. Scores go from 0 to --max-score. cosent and angle learn the order of the scores, cosine their values. \
                Writes a sentence-transformers folder.

                Examples:
                  kukla train cosine --pairs sts-train.csv --eval sts-dev.csv -o tuned
                  kukla train cosine --pairs scored.tsv --max-score 1 --loss cosine --epochs 2 \\
                      -o tuned
                """)

        @Option(help: "The pairs with their scores.")
        var pairs: String

        @Option(help: "What is minimised: cosent, angle or cosine (cosent).")
        var loss: String?

        @Option(help: "What cosent and angle multiply similarities by (20).")
        var scale: Float?

        @Option(help: "The score of pairs that mean the same (5).")
        var maxScore: Float?

        @OptionGroup var training: Run

        func run() throws {
            var recipe = try training.recipe(CosineOptions.recipe, tuning: \.tuning)
            if let loss {
                guard let known = CosineOptions.Loss(rawValue: loss) else {
                    throw KuklaError(.usage, "Unknown --loss \(loss): expected cosent, angle or cosine.")
                }
                recipe.options.loss = known
            }
            if let scale { recipe.options.scale = scale }
            if let maxScore { recipe.options.maximumScore = maxScore }
            recipe = try recipe.checked()
            let scored = try SentencePair.readAll(
                URL(fileURLWithPath: pairs), scores: 0...Double(recipe.options.maximumScore))
            try training.report(
                training.fineTuning().cosine(
                    scored, recipe: recipe, judge: training.judgement(),
                    beginning: training.steering.beginning(),
                    progress: training.reporting.progress,
                    isCancelled: Interrupt.waitingForTheStep()))
        }
    }
}
