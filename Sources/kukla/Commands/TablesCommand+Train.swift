import ArgumentParser
import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTables
import KuklaTensor

extension TablesCommand {
    /// `kukla tables train`: from rows to a model folder.
    struct Train: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "train",
            abstract: "Train a model on a table of rows.",
            discussion: """
                Reads the table once, front to back (CSV, TSV, libFM, any separator, .gz of each). Rows are split as the schema says \
                (80/10/10 at random, by user or by time), unless --validation or --test name files of their own. Training stops when \
                the validation AUC has not risen for --patience checks, and the best weights are kept; test rows are looked at once, \
                in the end.

                --table is a method and its options (`kukla tables methods` lists them), --budget the bytes that the table may take \
                when it is saved: a share of a float row for each id (0.1), or an amount (64MB).

                Examples:
                  kukla tables train clicks.tsv.gz --schema schema.yaml -o model
                  kukla tables train clicks.tsv.gz --schema schema.yaml --model dcn \\
                      --table "unified:rows=20000" -o model
                  kukla tables train ratings.csv --schema schema.yaml --model din --table qr \\
                      --budget 0.1 -o model --json
                """)

        @Argument(help: "The rows.")
        var data: String

        @OptionGroup var reading: Reading
        @OptionGroup var network: Network

        @Option(help: "How vectors are stored: a method and its options.")
        var table = "dense"

        @Option(help: "What the table may take: 0.1 of a float row for each id, or 64MB.")
        var budget: Budget?

        @OptionGroup var training: Training

        @Option(help: "Rows that decide when to stop, in place of the schema's split.")
        var validation: String?

        @Option(help: "Rows to measure in the end, in place of the schema's split.")
        var test: String?

        @Option(help: "The seed of weights and of the order of rows.")
        var seed: UInt64 = 1

        @Option(name: .shortAndLong, help: "The folder to write.")
        var output: String

        @OptionGroup var compute: ComputeOptions
        @OptionGroup var reporting: OutputOptions

        private struct Result: Encodable {
            let schemaVersion = 1
            let output: String
            let model: String
            let table: String
            let budgetBytes: Int?
            let tableBytes: Int
            let denseBytes: Int
            let networkParameters: Int
            let ids: [String: Int]
            let rows: ExampleSet.Summary
            let validation: ClickMetrics?
            let test: ClickMetrics?
            let stages: [String]
            let examples: Int
            let examplesPerSecond: Double
            let seconds: Double
        }

        func run() throws {
            let method = try TableConfiguration(parsing: table)
            let progress = reporting.progress
            let set = try reading.set(data, validation: validation, test: test, progress)
            TablesCommand.describe(set)
            let schema = set.tableSchema(width: training.width)
            let bytes = budget.map { $0.bytes(for: schema) }
            let trained = try TensorThreads.limited(to: compute.threadCount()) { () throws(KuklaError) in
                let table = try method.make(for: schema, budget: bytes, seed: seed)
                let network = try network.configuration.make(
                    CTRShape(set.schema, widths: table.widths), seed: seed)
                return try TableTrainer(
                    set, table: table, network: network, options: training.options(seed: seed),
                    progress: progress
                ).run()
            }
            try ClickModelFolder.save(
                trained, network: network.configuration, set: set, to: URL(fileURLWithPath: output))
            try report(trained, set, bytes)
        }

        private func report(_ trained: TrainedClickModel, _ set: ExampleSet, _ budget: Int?) throws {
            let report = trained.report
            if reporting.json {
                return try printJSON(
                    Result(
                        output: output, model: network.model.rawValue,
                        table: trained.table.configuration.description, budgetBytes: budget,
                        tableBytes: report.tableBytes, denseBytes: report.denseBytes,
                        networkParameters: report.networkParameters,
                        ids: Dictionary(uniqueKeysWithValues: set.vocabularies.map { ($0.name, $0.count) }),
                        rows: set.summary, validation: report.validation, test: report.test,
                        stages: report.stages, examples: report.examples,
                        examplesPerSecond: Double(report.examples) / max(report.seconds, 1e-9),
                        seconds: report.seconds))
            }
            for (name, metrics) in [("validation", report.validation), ("test", report.test)] {
                if let metrics { print(TablesCommand.words(name, metrics)) }
            }
            let share = Double(report.tableBytes) / Double(max(1, report.denseBytes))
            print(
                "table       \(Quantity.bytes(report.tableBytes)) (\(Quantity.fraction(100 * share, decimals: 1))% of a float row for each id), network \(Quantity.count(report.networkParameters)) parameters"
            )
            note(
                "\(Quantity.count(report.examples)) examples in \(formatDuration(report.seconds)) (\(Quantity.rate(Double(report.examples) / max(report.seconds, 1e-9)))/s, validation included); wrote \(output)"
            )
        }
    }

    /// A line of metrics.
    static func words(_ name: String, _ metrics: ClickMetrics) -> String {
        let auc =
            metrics.auc.map { "AUC \(Quantity.fraction($0, decimals: 4))" }
            ?? "AUC undefined (all labels are \(metrics.positives == 0 ? 0 : 1))"
        let group = metrics.groupAUC.map { "  GAUC \(Quantity.fraction($0, decimals: 4))" } ?? ""
        return name.padding(toLength: 12, withPad: " ", startingAt: 0) + auc + group
            + "  log-loss \(Quantity.fraction(metrics.logLoss, decimals: 4))  (\(Quantity.count(metrics.count)) rows)"
    }

    /// Notes what reading found.
    static func describe(_ set: ExampleSet) {
        let summary = set.summary
        var parts = [
            "\(Quantity.count(summary.training)) rows to train on, \(Quantity.count(summary.validation)) to validate, \(Quantity.count(summary.test)) to test"
        ]
        if summary.leftOut > 0 {
            parts.append("\(Quantity.count(summary.leftOut)) left out by the label's rules")
        }
        if summary.badRows > 0 {
            parts.append("\(summary.badRows) bad (\(summary.firstBadRow ?? ""))")
        }
        note(parts.joined(separator: "; "))
        note(
            "ids: "
                + set.vocabularies.map { "\($0.name) \(Quantity.count($0.count))" }.joined(separator: ", "))
        if summary.positives == 0 || summary.positives == summary.examples {
            note(
                "All labels are \(summary.positives == 0 ? 0 : 1): AUC is undefined, and training stops by log-loss."
            )
        }
    }
}
