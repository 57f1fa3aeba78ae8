import ArgumentParser
import Foundation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaText

extension TrainCommand {
    /// `kukla train instruct`: a model that reads instructions, in two stages.
    struct Instruct: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "instruct",
            abstract: "Train a model that reads instructions, in two stages (NV-Embed).",
            discussion: """
                Stage 1 (--stage1) learns retrieval: each text must find its partner among those of the batch and mined negatives. Stage 2 \
                (--stage2) mixes tasks in each batch, and a text's own negatives alone count. Either may be left out. Rows are as for \
                `train contrastive`; JSON lines may name their task:
                  {"task": "Find abstracts about the claim", "anchor": "...",
                   "positive": "...", "negatives": ["...", "..."]}
                with "symmetric": true where the instruction stands before all texts of the row, as for similar sentences; --task is \
                for rows that name none. `kukla mine` writes such files.

                A text with a task is read as --template says; tokens of the instruction are attended to and not pooled. --pooling is \
                mean, last, or latent:512x8 (latents x heads of latent attention); --mask bidirectional takes the mask off a causal \
                model. The folder keeps template and prompts (config_sentence_transformers.json). sentence-transformers loads it unless \
                it pools by latent attention, which is a module of Kukla's own.

                Examples:
                  kukla mine --beir scifact --split train \\
                      --task "Given a claim, find abstracts about it" -o stage1.jsonl
                  kukla train instruct --stage1 stage1.jsonl --stage2 mixed.jsonl \\
                      --pooling latent:512x8 -o instructed
                  kukla train instruct --model decoder --mask bidirectional \\
                      --stage1 stage1.jsonl -o instructed
                  kukla embed claims.txt --model instructed \\
                      --instruction "Given a claim, find abstracts about it" -o q.npy
                """)

        @Option(help: "Rows of the first stage: a text, its partner, and maybe negatives.")
        var stage1: String?

        @Option(help: "Rows of the second stage: a text, its partner and negatives of its own.")
        var stage2: String?

        @Option(help: "The task of rows that name none, in words.")
        var task: String?

        @Option(
            help:
                "How task and text are read; must hold {task} and end with {text} ('Instruct: {task}\\nQuery: {text}')."
        )
        var template: String?

        @Option(help: "How tokens become a vector: mean, last or latent:512x8 (mean).")
        var pooling: String?

        @Option(help: "Which tokens a token sees: bidirectional or causal (bidirectional).")
        var mask: String?

        @Option(help: "What cosines are divided by (0.05).")
        var temperature: Float?

        @Option(help: "The instruction of --eval's first texts, of both where it has scores.")
        var evalTask: String?

        @OptionGroup var training: Run

        func validate() throws {
            guard stage1 != nil || stage2 != nil else {
                throw ValidationError("Give --stage1, --stage2 or both.")
            }
        }

        func run() throws {
            let recipe = try chosenRecipe()
            let template = try InstructionTemplate(recipe.options.template)
            let (first, second) = (try read(stage1), try read(stage2))
            let judge = try training.judgement(prompt: template.prompt(evalTask ?? ""))
            let target = URL(fileURLWithPath: training.output)
            let stages = try InstructTraining(
                base: ModelLocation.resolve(training.model), output: target,
                runFolder: training.steering.folder(for: target))(
                    stage1: first, stage2: second, recipe: recipe, judge: judge,
                    beginning: training.steering.beginning(), progress: training.reporting.progress,
                    isCancelled: Interrupt.waitingForTheStep())
            try report(stages)
        }

        private func chosenRecipe() throws(KuklaError) -> Recipe<InstructOptions> {
            var recipe = try training.recipe(InstructOptions.recipe, tuning: \.tuning)
            if let template { recipe.options.template = template }
            if let pooling { recipe.options.pooling = pooling }
            if let temperature { recipe.options.temperature = temperature }
            if let mask {
                guard let known = AttentionMask(rawValue: mask) else {
                    throw KuklaError(.usage, "Unknown --mask \(mask): expected bidirectional or causal.")
                }
                recipe.options.mask = known
            }
            return try recipe.checked()
        }

        private func read(_ path: String?) throws(KuklaError) -> TextTuples? {
            guard let path else { return nil }
            var tuples = try TextTuples.readAll(URL(fileURLWithPath: path))
            guard let task else { return tuples }
            if tuples.tasks.isEmpty { tuples.tasks = .init(repeating: nil, count: tuples.rows.count) }
            tuples.tasks = tuples.tasks.map { $0 ?? .init(task) }
            return tuples
        }

        private struct Report: Encodable {
            struct Stage: Encodable {
                let name: String
                let examples: Int
                let truncated: Int
                let steps: Int
                let loss: Double?
                let before: [String: Double]
                let after: [String: Double]
                let seconds: Double
            }
            let schemaVersion = 1
            let output: String
            let run: String
            let stages: [Stage]
        }

        private func report(_ stages: [InstructTraining.Stage]) throws {
            let reporting = training.reporting
            if reporting.json {
                let target = URL(fileURLWithPath: training.output)
                return try printJSON(
                    Report(
                        output: target.path, run: training.steering.folder(for: target).path,
                        stages: stages.map {
                            Report.Stage(
                                name: $0.name, examples: $0.examples, truncated: $0.truncated,
                                steps: $0.summary.step, loss: $0.summary.loss, before: $0.before,
                                after: $0.after, seconds: $0.summary.seconds)
                        }))
            }
            for stage in stages {
                TrainCommand.printChanges(from: stage.before, to: stage.after, of: stage.name)
                if !reporting.quiet {
                    note(
                        "\(stage.name): \(Quantity.count(stage.summary.step)) steps on \(Quantity.count(stage.examples)) rows in \(formatDuration(stage.summary.seconds))"
                    )
                }
            }
        }
    }
}
