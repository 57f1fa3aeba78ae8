import ArgumentParser
import Foundation
import KuklaNN
import KuklaNumerics
import KuklaObjectives

extension TrainCommand {
    /// What all trainings are steered by: a recipe, flags that change it, and the run's folder.
    struct Steering: ParsableArguments {
        @Option(
            name: .customLong("run"),
            help: "The run's folder with log, loss curve and checkpoints (OUTPUT.run).")
        var runFolder: String?

        @Option(help: "A recipe in YAML; flags change it.")
        var recipe: String?

        @Option(help: "Passes over the examples.")
        var epochs: Int?

        @Option(help: "Updates of the weights, in place of --epochs.")
        var steps: Int?

        @Option(help: "Examples of a batch.")
        var batchSize: Int?

        @Option(help: "The largest learning rate.")
        var learningRate: Float?

        @Option(help: "How the rate goes: linear, cosine, constant, one_cycle, inverse_sqrt or step.")
        var schedule: String?

        @Option(help: "The share of the steps in which the rate rises.")
        var warmup: Float?

        @Option(help: "Decides everything random (1).")
        var seed: UInt64?

        @Option(help: "Steps between judgements; after each epoch where left out.")
        var evalEvery: Int?

        @Option(help: "Steps between checkpoints; after each epoch where left out.")
        var checkpointEvery: Int?

        @Flag(
            help:
                "Insist on going on with a run that was stopped; the same command does that by itself where there is one."
        )
        var resume = false

        @Flag(help: "Throw away the run that is there, and begin.")
        var fresh = false

        @OptionGroup var compute: ComputeOptions

        /// `defaults`, changed by the recipe's file, then by flags.
        ///
        /// - Parameter methods: words that `--recipe` may say in place of a file; the command looks at these itself.
        func recipe<Options: RecipePart>(
            _ defaults: Recipe<Options>, orOneOf methods: [String] = []
        ) throws(KuklaError) -> Recipe<Options> {
            var result = defaults
            if let recipe, !methods.contains(recipe) {
                let url = URL(fileURLWithPath: recipe)
                guard methods.isEmpty || FileManager.default.fileExists(atPath: url.path) else {
                    throw KuklaError(
                        .usage,
                        "Unknown --recipe \(recipe): expected \(methods.joined(separator: ", ")), or a file in YAML; there is none of that name."
                    )
                }
                try result.read(url)
            }
            if epochs != nil && steps != nil {
                throw KuklaError(.usage, "Both --epochs and --steps are given: expected one of them.")
            }
            if let epochs { result.training.length = .epochs(epochs) }
            if let steps { result.training.length = .steps(steps) }
            if let batchSize { result.training.batchSize = batchSize }
            if let learningRate { result.training.learningRate = learningRate }
            if let schedule {
                guard let name = ScheduleSettings.Name(rawValue: schedule) else {
                    throw KuklaError(
                        .usage,
                        "Unknown --schedule \(schedule): expected linear, cosine, constant, one_cycle, inverse_sqrt or step."
                    )
                }
                result.training.schedule.name = name
            }
            if let warmup { result.training.schedule.warmupFraction = warmup }
            if let seed { result.training.seed = seed }
            if let evalEvery { result.training.evaluateEvery = evalEvery }
            if let checkpointEvery { result.training.checkpointEvery = checkpointEvery }
            if compute.threads != nil { result.training.threads = try compute.threadCount() }
            return result
        }

        func beginning() throws(KuklaError) -> EncoderFineTuning.Beginning {
            if resume && fresh {
                throw KuklaError(.usage, "Both --resume and --fresh are given: expected one of them.")
            }
            return resume ? .resume : fresh ? .fresh : .automatic
        }

        /// The run's folder for what is written to `output`.
        func folder(for output: URL) -> URL { URL(fileURLWithPath: runFolder ?? output.path + ".run") }
    }
}
