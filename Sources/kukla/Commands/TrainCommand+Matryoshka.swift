import ArgumentParser
import Foundation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives

extension TrainCommand {
    /// `kukla train matryoshka`: one model that is good at several sizes.
    struct Matryoshka: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "matryoshka",
            abstract: "Train one model that can be cut to several sizes: leading dimensions, first layers.",
            discussion: """
                mrl trains several dimensions of the whole model; 2dmse any of the layers with any of the dimensions, drawn anew for each \
                step; starbucks a fixed list of sizes, the smallest layers with the smallest dimensions. The whole model is always \
                among them. Examples are pairs or triplets of texts (as for `train contrastive`) or pairs with scores (--sts, as for \
                `train cosine`). Quality at each size is measured on --eval FILE, else on a tenth of the rows, which is then not \
                trained on; it stands in the folder's config.json under "kukla" and in its README.md with a chart. The size to use is \
                chosen later, by `kukla embed --dims 48 --layers 3` or `kukla export`.

                Examples:
                  kukla train matryoshka --pairs captions.tsv --dims 384,192,96,48,24,12 \\
                      -o elastic
                  kukla train matryoshka --sts sts-train.csv --eval sts-dev.csv \\
                      --dims 384,96,24 --layers 2,4,6 -o elastic
                  kukla train matryoshka --sts sts-train.csv --recipe starbucks --epochs 2 \\
                      -o elastic
                """)

        @Option(help: "Pairs of texts that belong together; further columns are texts that do not.")
        var pairs: String?

        @Option(help: "Pairs of texts with scores from 0 to --max-score.")
        var sts: String?

        @Option(help: "Rows of a text, its like, and a text that is unlike it.")
        var triplets: String?

        @Option(
            help:
                "The dimensions, falling: 384,192,96,48,24,12, say, which is the default of a model with 384."
        )
        var dims: NumberList?

        @Option(
            help:
                "The layers after which the model can be left, rising: 2,4,6, say. All for 2dmse where left out."
        )
        var layers: NumberList?

        @Option(help: "With --pairs and --triplets: what cosines are divided by (0.05).")
        var temperature: Float?

        @Flag(help: "With --pairs and --triplets: let partners look for their texts, too.")
        var symmetric = false

        @Option(help: "With --sts: what is minimised: cosent, angle or cosine (cosent).")
        var loss: String?

        @Option(help: "With --sts: the score of pairs that mean the same (5).")
        var maxScore: Float?

        @Option(help: "The share of the rows to measure by where --eval names no file (0.1).")
        var heldOut: Double?

        @OptionGroup var training: Run

        func validate() throws {
            guard [pairs, sts, triplets].count(where: { $0 != nil }) == 1 else {
                throw ValidationError("Give one of --pairs, --sts and --triplets.")
            }
        }

        func run() throws {
            let recipe = try chosenRecipe()
            let tuning = try training.fineTuning()
            let given = try training.judgement()
            let (examples, judge) = try readExamples(recipe, judge: given)
            try training.report(
                tuning.matryoshka(
                    examples, recipe: recipe, judge: judge,
                    beginning: training.steering.beginning(),
                    progress: training.reporting.progress,
                    isCancelled: Interrupt.waitingForTheStep()))
        }

        private func chosenRecipe() throws(KuklaError) -> Recipe<MatryoshkaOptions> {
            let methods = MatryoshkaOptions.Method.allCases.map(\.rawValue)
            var recipe = try training.recipe(MatryoshkaOptions.recipe, tuning: \.tuning, orOneOf: methods)
            if let method = training.steering.recipe.flatMap(MatryoshkaOptions.Method.init(rawValue:)) {
                recipe.options.method = method
            }
            if let dims { recipe.options.dimensions = dims.numbers }
            if let layers { recipe.options.layers = layers.numbers }
            if let temperature { recipe.options.temperature = temperature }
            if symmetric { recipe.options.isSymmetric = true }
            if let loss {
                guard let known = CosineOptions.Loss(rawValue: loss) else {
                    throw KuklaError(.usage, "Unknown --loss \(loss): expected cosent, angle or cosine.")
                }
                recipe.options.loss = known
            }
            if let maxScore { recipe.options.maximumScore = maxScore }
            if let heldOut { recipe.options.heldOut = heldOut }
            return try recipe.checked()
        }

        private func readExamples(
            _ recipe: Recipe<MatryoshkaOptions>, judge: EncoderFineTuning.Judgement?
        ) throws(KuklaError) -> (EncoderFineTuning.ElasticExamples, EncoderFineTuning.Judgement?) {
            if let sts {
                let url = URL(fileURLWithPath: sts)
                let all = try SentencePair.readAll(url, scores: 0...Double(recipe.options.maximumScore))
                guard judge == nil, let split = split(all.count, recipe) else { return (.scored(all), judge) }
                return (
                    .scored(split.training.map { all[$0] }),
                    Run.judgement(of: split.validation.map { all[$0] }, name: heldOutName(url))
                )
            }
            let url = URL(fileURLWithPath: pairs ?? triplets ?? "")
            let tuples = try TextTuples.readAll(url)
            guard triplets == nil || tuples.width >= 3 else {
                throw KuklaError(
                    .badData,
                    "Cannot read \(url.path) as triplets: expected three texts in a row, found \(tuples.width). Give it as --pairs."
                )
            }
            let all = tuples.rows
            guard judge == nil, let split = split(all.count, recipe) else { return (.tuples(all), judge) }
            return (
                .tuples(split.training.map { all[$0] }),
                Run.judgement(of: split.validation.map { all[$0] }, name: heldOutName(url))
            )
        }

        /// Which rows are kept out of training; nil where none are.
        private func split(_ count: Int, _ recipe: Recipe<MatryoshkaOptions>) -> DataSplit? {
            let share = min(recipe.options.heldOut, 1_000 / Double(max(count, 1)))
            let split = DataSplit(
                count: count, validationFraction: share, seed: recipe.training.seed)
            // A correlation of fewer says nothing.
            return split.validation.count < 3 ? nil : split
        }

        private func heldOutName(_ url: URL) -> String {
            "rows of \(url.lastPathComponent) kept out of training"
        }
    }
}
