import ArgumentParser
import Foundation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives

extension TrainCommand {
    /// `kukla train pretrain`: texts without judgements in, an encoder that knows their words out.
    struct Pretrain: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "pretrain",
            abstract: "Pre-train an encoder on texts alone, an old one or a new small one.",
            discussion: """
                Hides words of the texts and lets the model tell them (mlm), with a decoder that rebuilds the text from its vector at \
                several sizes of the model (smae), or with one that sees the text through other holes for each word, and a bag of words \
                that all tokens speak of (dupmae, which is the default). Longer texts are cut into pieces; a twentieth of the pieces is \
                judged by. One pass at a rate of 1e-4 in batches of 32 where no recipe or flag says otherwise; a new model (--layers) \
                wants more: 1e-3 and several passes. The folder is what all other commands take as --model; fine-tune it, for \
                pre-training alone makes no good vectors.

                Examples:
                  kukla train pretrain --corpus notes.jsonl.gz --model MODEL -o adapted
                  kukla train pretrain --corpus notes.txt --layers 4 --width 192 --heads 3 \\
                      --vocabulary 8000 \\
                      --recipe smae --sizes 1x24,2x48,3x96,4x192 --epochs 5 \\
                      --learning-rate 0.001 -o small
                  kukla train matryoshka --model small --pairs pairs.tsv --recipe starbucks \\
                      --dims 192,96,48,24 -o cups
                """)

        @Option(help: "The texts: .txt, .jsonl, .tsv or .csv, each also as .gz.")
        var corpus: String

        @Option(
            help:
                "The model to begin with, or whose tokenizer a new one gets: a sentence-transformers folder, or ORG/NAME; the default model where left out."
        )
        var model: String?

        @Option(name: .shortAndLong, help: "The folder to write.")
        var output: String

        @Option(
            help:
                "Of smae: layers x dimensions of each size, as 1x48,2x96; the dimensions halve with each layer where left out."
        )
        var sizes: String?

        @Option(
            help: "The share of the words that the encoder does not see (mlm 0.15, smae 0.2, dupmae 0.3).")
        var encoderMask: Float?

        @Option(help: "The share that the decoder does not see (smae 0.4, dupmae 0.5).")
        var decoderMask: Float?

        @Option(help: "Of dupmae: what the bag of words counts for (0.1).")
        var bowWeight: Float?

        @Option(help: "Of dupmae: the share of the tokens that the decoder rebuilds in a step (1).")
        var decoderShare: Float?

        @Option(help: "Tokens of a piece (128, or as many as the model reads).")
        var maxTokens: Int?

        @Option(help: "Dropout while training, in place of the model's.")
        var dropout: Float?

        @Option(help: "The share of the pieces to judge by, at most 500 of them (0.05).")
        var heldOut: Double?

        @Option(help: "Begin with a new model of so many layers.")
        var layers: Int?

        @Option(help: "Of a new model: components of its vectors (192).")
        var width: Int?

        @Option(help: "Of a new model: attention heads, which divide the width (3).")
        var heads: Int?

        @Option(
            help: "Of a new model: how many words of the tokenizer it keeps, the corpus' most frequent (all)."
        )
        var vocabulary: Int?

        @Flag(help: "Of a new model: let its words begin as principal components of --model's.")
        var inheritWords = false

        @OptionGroup var texts: TextOptionGroup
        @OptionGroup var steering: Steering
        @OptionGroup var reporting: OutputOptions

        func run() throws {
            let recipe = try chosenRecipe()
            let target = URL(fileURLWithPath: output)
            let training = EncoderPretraining(
                base: try ModelLocation.resolve(model), output: target,
                runFolder: steering.folder(for: target))
            let beginning = try steering.beginning()
            let all = try texts.reader(corpus).readAll().map(\.text)
            let result = try training(
                all, recipe: recipe, beginning: beginning, progress: reporting.progress,
                isCancelled: Interrupt.waitingForTheStep())
            try TrainCommand.report(
                result, of: "pieces of text", output: output, steering: steering, reporting: reporting)
        }

        private func chosenRecipe() throws(KuklaError) -> Recipe<PretrainingOptions> {
            let methods = PretrainingOptions.Method.allCases.map(\.rawValue)
            var recipe = try steering.recipe(PretrainingOptions.recipe, orOneOf: methods)
            if let method = steering.recipe.flatMap(PretrainingOptions.Method.init(rawValue:)) {
                recipe.options.method = method
            }
            if let sizes {
                recipe.options.sizes = sizes.split(separator: ",", omittingEmptySubsequences: false).map {
                    $0.trimmingCharacters(in: .whitespaces)
                }
            }
            if let encoderMask { recipe.options.encoderMask = encoderMask }
            if let decoderMask { recipe.options.decoderMask = decoderMask }
            if let bowWeight { recipe.options.bowWeight = bowWeight }
            if let decoderShare { recipe.options.decoderShare = decoderShare }
            if let maxTokens { recipe.options.maximumTokens = maxTokens }
            if let dropout { recipe.options.dropout = dropout }
            if let heldOut { recipe.options.heldOut = heldOut }
            if let layers { recipe.options.layers = layers }
            if let width { recipe.options.width = width }
            if let heads { recipe.options.heads = heads }
            if let vocabulary { recipe.options.vocabulary = vocabulary }
            if inheritWords { recipe.options.inheritsWords = true }
            return try recipe.checked()
        }
    }
}
