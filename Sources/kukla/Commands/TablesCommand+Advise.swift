import ArgumentParser
import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTables
import KuklaTensor

extension TablesCommand {
    /// `kukla tables advise`: which table for a budget.
    struct Advise: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "advise",
            abstract: "Say which way to store a table suits a budget, measured on a sample.",
            discussion: """
                Counts the ids, asks every method what it needs at each width, trains those that can meet the budget by successive \
                halving on a sample (validation rows decide, test rows only measure), and the finalists with several seeds at the budget, \
                half and a quarter of it. Ends with one recommendation and the command to train it in full.

                Example:
                  kukla tables advise ratings.csv --schema schema.yaml --budget 64MB \\
                      --report advice.html
                """)

        @Argument(help: "The rows.")
        var data: String

        @OptionGroup var reading: Reading
        @OptionGroup var network: Network

        @Option(
            help: "What the table may take: 64MB, or a share of a float row for each id at the largest width."
        )
        var budget: Budget

        @Option(help: "Components of a vector to try.")
        var widths = NumberList([8, 16, 32])

        @Option(
            name: .customLong("tables"),
            help: "Methods to try; left out: all that do not search in several stages.")
        var tables: [String] = []

        @Option(help: "Training rows of the largest sample.")
        var sample = 200_000

        @Option(help: "Tables that train in the end.")
        var finalists = 3

        @Option(help: "Trainings of each finalist.")
        var seeds = 3

        @Option(help: "Passes over the sample.")
        var epochs = 3

        @Option(help: "Rows of a batch.")
        var batch = 2048

        @Option(help: "The learning rate.")
        var learningRate: Float = 1e-3

        @Option(help: "Where to write the page with chart and tables.")
        var report: String?

        @OptionGroup var compute: ComputeOptions
        @OptionGroup var reporting: OutputOptions

        private struct Result: Encodable {
            struct Entry: Encodable {
                let table: String
                let width: Int
                let bytes: Int
                let validationAuc: [Double]
                let testAuc: [Double]
                let isUncompressed: Bool
            }
            let schemaVersion = 1
            let budgetBytes: Int
            let denseBytes: Int
            let ids: [String: Int]
            let recommendation: Entry?
            /// The smallest that is as good within the range of the recommendation's seeds.
            let smallerAsGood: Entry?
            let command: String?
            let finalists: [Entry]
        }

        func validate() throws {
            guard widths.numbers.allSatisfy({ (1...4096).contains($0) }), !widths.numbers.isEmpty else {
                throw ValidationError("--widths: expected numbers from 1 to 4096.")
            }
            guard sample > 0, finalists > 0, seeds > 0, epochs > 0 else {
                throw ValidationError("--sample, --finalists, --seeds and --epochs: expected 1 or more.")
            }
        }

        func run() throws {
            let chosen =
                tables.isEmpty ? nil : try TablesCommand.configurations(tables)
            let progress = reporting.progress
            let set = try reading.set(data, progress)
            TablesCommand.describe(set)
            let experiment = TableExperiment(
                set, network: network.configuration,
                options: TrainerOptions(learningRate: learningRate, batchSize: batch, epochs: epochs))
            let schema = set.tableSchema(width: widths.numbers.max() ?? 16)
            let advisor = TableAdvisor(
                experiment, budget: budget.bytes(for: schema),
                options: .init(
                    widths: widths.numbers, tables: chosen, sample: sample, finalists: finalists,
                    seeds: seeds,
                    epochs: epochs))
            let advice = try TensorThreads.limited(to: compute.threadCount()) { () throws(KuklaError) in
                try advisor.run(progress: progress)
            }
            let command = advice.recommendation.map(fullCommand)
            if let report {
                let page = advice.page(
                    title:
                        "A table within \(Quantity.bytes(advice.budget)) for \(URL(fileURLWithPath: data).lastPathComponent)",
                    commands: [TablesCommand.commandLine] + (command.map { [$0] } ?? []))
                try AtomicFile.write(page.html(), to: URL(fileURLWithPath: report))
            }
            try tell(advice, command)
        }

        private func fullCommand(_ best: TableAdvice.Finalist) -> String {
            "kukla tables train \(data) --schema \(reading.schema) --model \(network.model.rawValue) --table \"\(best.table)\" "
                + "--width \(best.width) --budget \(best.budget ?? best.bytes)B -o model"
        }

        private func tell(_ advice: TableAdvice, _ command: String?) throws {
            func entry(_ finalist: TableAdvice.Finalist) -> Result.Entry {
                .init(
                    table: finalist.table.description, width: finalist.width, bytes: finalist.bytes,
                    validationAuc: finalist.validation, testAuc: finalist.test,
                    isUncompressed: finalist.budget == nil)
            }
            if reporting.json {
                return try printJSON(
                    Result(
                        budgetBytes: advice.budget, denseBytes: advice.denseBytes,
                        ids: Dictionary(uniqueKeysWithValues: advice.fields.map { ($0.name, $0.count) }),
                        recommendation: advice.recommendation.map(entry),
                        smallerAsGood: advice.smallerAsGood.map(entry), command: command,
                        finalists: advice.finalists.map(entry)))
            }
            print(advice.feasibilityTable.text())
            print(advice.finalistTable.text())
            print(advice.summary)
            if let command { print(command) }
        }
    }
}
