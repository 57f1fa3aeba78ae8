import ArgumentParser
import Foundation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaText

extension TrainCommand {
    /// `kukla train sesa`: an encoder whose dimensions have names.
    struct SESA: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "sesa",
            abstract:
                "Train an encoder whose dimensions are named concepts, so that a match can be explained.",
            discussion: """
                Texts come with the names of their concepts (--labelled: JSON lines with "text" and "labels", or TSV of text and labels \
                between |), or concepts with descriptions (--concepts: a name, a tab and a description in each line). --pairs are texts \
                that are relevant to each other; without them, texts that share a concept are. Values are never below 0, and most are 0. \
                The recurrent encoder (a GRU over the model's word vectors) trains in six passes at a rate of 2e-3, the transformer in \
                one at 5e-5, where no recipe or flag says otherwise. --recipe esa makes explicit semantic analysis of --concepts \
                (title, tab, article) without training. `kukla embed` gives vectors, `kukla explain` says why two texts are alike.

                Examples:
                  kukla train sesa --labelled posts.jsonl -o named
                  kukla train sesa --concepts skills.tsv --labelled profiles.jsonl \\
                      --pairs jobs.tsv --encoder transformer -o named
                  kukla train sesa --recipe esa --concepts articles.tsv -o esa
                  kukla explain --model named "brakes squeal when wet" post.txt
                """)

        @Option(
            help: "The concepts: a name a line, and behind a tab what it means; all labels where left out.")
        var concepts: String?

        @Option(help: "Texts with the names of their concepts.")
        var labelled: String?

        @Option(help: "Texts that are relevant to each other.")
        var pairs: String?

        @Option(help: "What reads a text: recurrent or transformer (recurrent).")
        var encoder: String?

        @Option(
            help:
                "The model whose words or whose encoder training begins with: a sentence-transformers folder, or ORG/NAME."
        )
        var model: String?

        @Option(name: .shortAndLong, help: "The folder to write.")
        var output: String

        @Option(help: "Numbers of the recurrent encoder's state (128).")
        var units: Int?

        @Option(help: "What keeping dimensions to their names counts (1).")
        var explicitness: Float?

        @Option(help: "Tokens that are read of a text (128).")
        var maxTokens: Int?

        @Option(help: "The share of the labelled texts that is kept out to judge by (0.1).")
        var heldOut: Double?

        @OptionGroup var steering: Steering
        @OptionGroup var reporting: OutputOptions

        func validate() throws {
            guard labelled != nil || concepts != nil else {
                throw ValidationError("Give --labelled texts, or --concepts with descriptions.")
            }
        }

        func run() throws {
            let target = URL(fileURLWithPath: output)
            let given = try concepts.map { try Concept.readAll(URL(fileURLWithPath: $0)) } ?? []
            if steering.recipe == "esa" {
                try SESATraining.analysis(given, to: target)
                if !reporting.quiet { note("\(output): ESA of \(Quantity.count(given.count)) articles") }
                return
            }
            let recipe = try chosenRecipe()
            let examples = try ConceptExamples(
                concepts: given,
                labelled: labelled.map { try LabelledText.readAll(URL(fileURLWithPath: $0)) } ?? [],
                pairs: pairs.map { try TextTuples.readAll(URL(fileURLWithPath: $0)).rows } ?? [])
            let result = try SESATraining(
                base: ModelLocation.resolve(model), output: target, runFolder: steering.folder(for: target))(
                    examples, recipe: recipe, beginning: steering.beginning(),
                    progress: reporting.progress, isCancelled: Interrupt.waitingForTheStep())
            try report(result, target)
        }

        private func chosenRecipe() throws(KuklaError) -> Recipe<SESAOptions> {
            var chosen = SESAOptions.Encoder.recurrent
            if let encoder {
                guard let known = SESAOptions.Encoder(rawValue: encoder) else {
                    throw KuklaError(
                        .usage, "Unknown --encoder \(encoder): expected recurrent or transformer.")
                }
                chosen = known
            }
            var recipe = try steering.recipe(SESAOptions.recipe(chosen), orOneOf: ["esa"])
            if encoder != nil { recipe.options.encoder = chosen }
            if let units { recipe.options.units = units }
            if let explicitness { recipe.options.explicitness = explicitness }
            if let maxTokens { recipe.options.maximumTokens = maxTokens }
            if let heldOut { recipe.options.heldOut = heldOut }
            return try recipe.checked()
        }

        private func report(_ result: SESATraining.Result, _ target: URL) throws {
            let summary = result.summary
            if reporting.json {
                var report = TrainCommand.Report(
                    output: target.path, run: steering.folder(for: target), examples: result.examples,
                    before: result.before, after: result.after, summary)
                (report.concepts, report.truncated) = (result.concepts, result.truncated)
                return try printJSON(report)
            }
            TrainCommand.printChanges(from: result.before, to: result.after)
            if !reporting.quiet {
                note(
                    "\(output): \(result.concepts) concepts; \(Quantity.count(summary.step)) steps on \(Quantity.count(result.examples)) texts and pairs in \(formatDuration(summary.seconds))"
                )
            }
        }
    }
}
