public import ArgumentParser
import Foundation
import KuklaFormats
import KuklaNumerics
public import KuklaWeights

extension MergeMethod: ExpressibleByArgument {}

/// `kukla merge`: models that were tuned apart, made one.
struct MergeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Merge models that were tuned from one base into one.",
        discussion: """
            Takes and writes sentence-transformers folders; tokenizer and settings are the base's, and README.md tells what was merged.

              average           the weighted mean of what the trainings changed
              slerp             iterated spherical interpolation of the changes
              ties              the largest changes, elected by sign
              fisher            mean weighted by what losses depend on; needs --probe
              regmean           layers that answer each model's inputs as it did;
                                needs --probe
              self-positioning  learns weights and length on a few examples (--probe)

            --probe names pairs of texts, or pairs with scores; give it once for each task: steps go over the tasks in turn, so that \
            each counts the same whatever its number of examples; fisher and regmean take the first for the first model and so on \
            where there are as many. Use no data that you will test on. Without --base, average, fisher and regmean merge the models \
            themselves, and slerp goes between them as seen from the origin.

            Examples:
              kukla merge --base m0 --models sts retrieval --method slerp --weights 1,2 \\
                  -o merged
              kukla merge --base m0 --models sts retrieval --method self-positioning \\
                  --probe scored.tsv --probe pairs.jsonl -o merged
            """)

    @Option(help: "The folder of the model that all models were tuned from.")
    var base: String?

    @Option(parsing: .upToNextOption, help: "The folders of the tuned models.")
    var models: [String]

    @Option(help: "average, slerp, ties, fisher, regmean or self-positioning.")
    var method: MergeMethod = .average

    @Option(help: "What each model counts: 1,1,2, say (all the same).")
    var weights: Weights?

    @Option(help: "What the merged change is multiplied by (1).")
    var lambda: Double?

    @Option(help: "For ties: the share of each change that counts (0.2).")
    var keep: Double?

    @Option(help: "For regmean: what products of different inputs are multiplied by, 0 to 1 (0.9).")
    var shrinkage: Double?

    @Option(help: "Examples of a task: pairs, or pairs with scores. May be given several times.")
    var probe: [String] = []

    @Option(help: "For self-positioning: steps of the search (30).")
    var steps: Int?

    @Option(help: "For self-positioning: what a length of 1 costs in the loss (0.01).")
    var mu: Double?

    @Option(help: "For self-positioning: the largest step (0.1).")
    var learningRate: Float?

    @Option(help: "Examples that are looked at together (16).")
    var batchSize: Int?

    @Option(help: "Tokens that are read of an example's text.")
    var maxTokens: Int?

    @Option(help: "Decides the order of the examples (1).")
    var seed: UInt64 = 1

    @Option(name: .shortAndLong, help: "The folder to write.")
    var output: String

    @OptionGroup var compute: ComputeOptions
    @OptionGroup var reporting: OutputOptions

    func validate() throws {
        let isSearch = method == .selfPositioning
        for (name, isGiven, belongs) in [
            ("--weights", weights != nil, !isSearch),
            ("--lambda", lambda != nil, method.hasLambda),
            ("--keep", keep != nil, method == .ties), ("--shrinkage", shrinkage != nil, method == .regMean),
            ("--steps", steps != nil, isSearch),
            ("--mu", mu != nil, isSearch), ("--learning-rate", learningRate != nil, isSearch),
            ("--batch-size", batchSize != nil, method.needsProbe),
            ("--max-tokens", maxTokens != nil, method.needsProbe),
        ] where isGiven && !belongs {
            throw ValidationError("\(name) is not for --method \(method.rawValue).")
        }
    }

    func run() throws {
        let target = URL(fileURLWithPath: output)
        let settings = chosenSettings()
        let merge = try ModelMerge(
            base: base.map { try ModelLocation.resolve($0) },
            models: models.map { try ModelLocation.resolve($0) })
        try merge.check(output: target)
        let report = try merge(
            method, settings, probes: probe.map { try MergeProbe(URL(fileURLWithPath: $0)) },
            threads: compute.threadCount(), progress: reporting.progress)
        try merge.write(to: target, report)
        if reporting.json { return try printJSON(report) }
        print(report.text(), terminator: "")
        if !reporting.quiet {
            note(
                "\(output): \(models.count) models by \(method.rawValue) in \(formatDuration(report.seconds))"
            )
        }
    }

    private func chosenSettings() -> MergeSettings {
        var settings = MergeSettings()
        settings.weights = weights?.numbers
        if let lambda { settings.lambda = lambda }
        if let keep { settings.keep = keep }
        if let shrinkage { settings.shrinkage = shrinkage }
        if let steps { settings.positioning.steps = steps }
        if let mu { settings.positioning.penalty = mu }
        if let learningRate { settings.positioning.learningRate = learningRate }
        if let batchSize { settings.batchSize = batchSize }
        settings.maximumTokens = maxTokens
        settings.seed = seed
        return settings
    }

    /// Numbers between commas.
    struct Weights: ExpressibleByArgument {
        let numbers: [Double]

        init?(argument: String) {
            let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
            numbers = parts.compactMap { Double($0.trimmingCharacters(in: .whitespaces)) }
            guard numbers.count == parts.count else { return nil }
        }
    }
}
