import ArgumentParser
import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives

extension TrainCommand {
    /// `kukla train late-interaction`: pairs of queries and documents in, a model of a vector a token out.
    struct LateInteraction: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "late-interaction",
            abstract: "Train a layer that makes each token's vector for late interaction (ColBERT).",
            discussion: """
                Reads pairs of a query and its document (TSV, CSV or JSON lines, each also as .gz); further columns are documents that \
                do not belong to the query. The model itself stays as it is: each text goes through it once, and a linear layer \
                behind its tokens learns to find documents by MaxSim, beginning as the tokens' principal components. Token \
                states are held in memory: 1.5 KB a token of a model of 384 dimensions. Three passes at a rate of 1e-3, where no \
                recipe or flag says otherwise. Writes a folder as PyLate has it, for `kukla embed --multi-vector`.

                Examples:
                  kukla train late-interaction --pairs questions.tsv -o late
                  kukla train late-interaction --model tuned --pairs pairs.jsonl.gz \\
                      --dimensions 96 --eval dev.tsv -o late
                  kukla embed notes.jsonl --model late --multi-vector -o tokens.npy
                """)

        @Option(help: "The pairs.")
        var pairs: String

        @Option(
            help:
                "The model whose tokens are used: a sentence-transformers folder, or ORG/NAME; the default model where left out."
        )
        var model: String?

        @Option(name: .shortAndLong, help: "The folder to write.")
        var output: String

        @Option(help: "Components of a token's vector (128).")
        var dimensions: Int?

        @Option(help: "What scores, sums over a query's tokens, are divided by (1).")
        var temperature: Float?

        @Option(help: "Tokens that are read of a text.")
        var maxTokens: Int?

        @Option(help: "Judge the layer on this file of pairs (recall@1). The best weights are kept.")
        var eval: String?

        @OptionGroup var steering: Steering
        @OptionGroup var reporting: OutputOptions

        func run() throws {
            var recipe = try steering.recipe(LateInteractionOptions.recipe)
            if let dimensions { recipe.options.dimensions = dimensions }
            if let temperature { recipe.options.temperature = temperature }
            if let maxTokens { recipe.options.maximumTokens = maxTokens }
            let target = URL(fileURLWithPath: output)
            let rows = try TextTuples.readAll(URL(fileURLWithPath: pairs)).rows
            let training = LateInteractionTraining(
                base: try ModelLocation.resolve(model), output: target,
                runFolder: steering.folder(for: target))
            let result = try training(
                rows, recipe: recipe, judge: judgement(), beginning: steering.beginning(),
                progress: reporting.progress, isCancelled: Interrupt.waitingForTheStep())
            try TrainCommand.report(result, output: output, steering: steering, reporting: reporting)
        }

        private func judgement() throws(KuklaError) -> LateInteractionTraining.Judgement? {
            guard let eval else { return nil }
            let url = URL(fileURLWithPath: eval)
            let task = try PairRetrievalTask(url)
            return .init(name: url.lastPathComponent, goal: "recall_at_1") { embed in
                try task.evaluate(embeddingTokens: embed).metrics
            }
        }
    }
}
