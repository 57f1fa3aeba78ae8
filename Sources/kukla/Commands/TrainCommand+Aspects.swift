import ArgumentParser
import Foundation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaText

extension TrainCommand {
    /// `kukla train aspects`: one model, one space for each aspect.
    struct Aspects: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "aspects",
            abstract:
                "Train a space for each aspect in which texts are alike: same topic, same method, same source.",
            discussion: """
                Reads a file of pairs for each aspect (NAME=FILE; TSV, CSV or JSON lines), or documents in JSON lines, each with "text" and \
                "labels", an object of aspects: texts that share an aspect's label are alike under it. In-batch negatives of the same \
                label do not count. --recipe siamese (the default) trains a LoRA an aspect, minutes and about 3 % of the model's bytes; \
                --recipe retrofit a small map of the model's own vectors, seconds and 1.6 MB, which serves all aspects with one pass of the \
                encoder. Writes a folder with the model and all aspects; `kukla embed --model DIR --aspect NAME` gives their vectors.

                Examples:
                  kukla train aspects --pairs topic=topic.tsv --pairs source=source.tsv \\
                      -o papers
                  kukla train aspects --documents articles.jsonl --recipe retrofit -o papers
                  kukla embed articles.jsonl --model papers --aspect topic -o topic.npy
                """)

        @Option(help: "Pairs of an aspect: NAME=FILE. May be given several times.")
        var pairs: [String] = []

        @Option(help: "Documents with a label for each aspect: JSON lines, each also as .gz.")
        var documents: String?

        @Option(
            help:
                "With --documents: an aspect to train; all that the file has where left out. May be given several times."
        )
        var aspect: [String] = []

        @Option(
            help:
                "The model to begin with: a sentence-transformers folder, or ORG/NAME; the default model where left out."
        )
        var model: String?

        @Option(name: .shortAndLong, help: "The folder to write.")
        var output: String

        @Option(help: "Pairs that are drawn for each aspect of --documents (5000).")
        var pairCount: Int?

        @Option(help: "The share of the texts that is kept out to judge by (0.1).")
        var heldOut: Double?

        @Option(help: "What cosines are divided by (0.05).")
        var temperature: Float?

        @Option(help: "The rank of the LoRA (16).")
        var lora: Int?

        @Option(help: "Tokens that are read of a text.")
        var maxTokens: Int?

        @OptionGroup var steering: Steering
        @OptionGroup var reporting: OutputOptions

        func validate() throws {
            guard pairs.isEmpty != (documents == nil) else {
                throw ValidationError("Give --pairs NAME=FILE for each aspect, or --documents FILE.")
            }
        }

        func run() throws {
            let recipe = try chosenRecipe()
            let target = URL(fileURLWithPath: output)
            let training = AspectTraining(
                base: try ModelLocation.resolve(model), output: target,
                runFolder: steering.folder(for: target))
            let outcomes = try training(
                readAspects(), recipe: recipe, beginning: steering.beginning(), progress: reporting.progress,
                isCancelled: Interrupt.waitingForTheStep())
            try report(outcomes, recipe)
        }

        private func chosenRecipe() throws(KuklaError) -> Recipe<AspectOptions> {
            let methods = AspectOptions.Method.allCases.map(\.rawValue)
            let method = steering.recipe.flatMap(AspectOptions.Method.init(rawValue:)) ?? .siamese
            var recipe = try steering.recipe(AspectOptions.recipe(method), orOneOf: methods)
            if let pairCount { recipe.options.pairs = pairCount }
            if let heldOut { recipe.options.heldOut = heldOut }
            if let temperature { recipe.options.temperature = temperature }
            if let lora { recipe.training.adapters?.rank = lora }
            if let maxTokens { recipe.options.tuning.maximumTokens = maxTokens }
            return try recipe.checked()
        }

        private func readAspects() throws(KuklaError) -> [AspectExamples] {
            guard let documents else {
                var all: [AspectExamples] = []
                for pair in pairs {
                    guard let equals = pair.firstIndex(of: "=") else {
                        throw KuklaError(
                            .usage,
                            "Cannot read --pairs \(pair): expected NAME=FILE, such as topic=topic.tsv.")
                    }
                    let url = URL(fileURLWithPath: String(pair[pair.index(after: equals)...]))
                    all.append(
                        try AspectExamples(String(pair[..<equals]), pairs: TextTuples.readAll(url).rows))
                }
                return all
            }
            let url = URL(fileURLWithPath: documents)
            let texts = try LabelledText.readAll(url)
            let known = Set(texts.flatMap(\.labels.keys)).subtracting([""]).sorted()
            guard !known.isEmpty else {
                throw KuklaError(
                    .badData,
                    "Cannot train on \(url.path): its labels name no aspects; expected such as \"labels\": {\"topic\": \"sports\"}."
                )
            }
            if let unknown = aspect.first(where: { !known.contains($0) }) {
                throw KuklaError(
                    .usage,
                    "There is no aspect '\(unknown)' in \(url.path): expected one of \(known.joined(separator: ", "))."
                )
            }
            var all: [AspectExamples] = []
            for name in aspect.isEmpty ? known : aspect {
                let labelled = texts.compactMap { text in
                    text.labels[name]?.first.map { (text: text.text, label: $0) }
                }
                all.append(
                    try AspectExamples(name, texts: labelled.map(\.text), labels: labelled.map(\.label)))
            }
            return all
        }

        private struct Report: Encodable {
            let schemaVersion = 1
            let output: String
            let run: String
            let method: String
            let aspects: [Part]

            struct Part: Encodable {
                let aspect: String
                let kind: String
                let bytes: Int
                let examples: Int
                let truncated: Int
                let steps: Int
                let loss: Double?
                let before: [String: Double]
                let after: [String: Double]
                let bestStep: Int?
                let seconds: Double
            }
        }

        private func report(_ outcomes: [AspectTraining.Outcome], _ recipe: Recipe<AspectOptions>) throws {
            let target = URL(fileURLWithPath: output)
            if reporting.json {
                return try printJSON(
                    Report(
                        output: target.path, run: steering.folder(for: target).path,
                        method: recipe.options.method.rawValue,
                        aspects: outcomes.map {
                            .init(
                                aspect: $0.aspect.name, kind: $0.aspect.kind.rawValue, bytes: $0.aspect.bytes,
                                examples: $0.examples, truncated: $0.truncated, steps: $0.summary.step,
                                loss: $0.summary.loss, before: $0.before, after: $0.after,
                                bestStep: $0.summary.best?.step, seconds: $0.summary.seconds)
                        }))
            }
            for outcome in outcomes {
                TrainCommand.printChanges(
                    from: outcome.before, to: outcome.after, of: outcome.aspect.name)
                if !reporting.quiet {
                    note(
                        "\(output), aspect \(outcome.aspect.name): \(Quantity.bytes(outcome.aspect.bytes)); \(Quantity.count(outcome.summary.step)) steps on \(Quantity.count(outcome.examples)) pairs in \(formatDuration(outcome.summary.seconds))"
                    )
                }
            }
        }
    }
}
