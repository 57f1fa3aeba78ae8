import ArgumentParser
import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTables
import KuklaTensor

/// Words or numbers between commas; commas between brackets part nothing.
struct WordList: ExpressibleByArgument {
    let words: [String]

    init(argument: String) {
        words = argument.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    }
}

/// Shares between commas, each above 0 and at most 1.
struct ShareList: ExpressibleByArgument {
    let shares: [Double]
    var defaultValueDescription: String { shares.map { "\($0)" }.joined(separator: ",") }

    init(_ shares: [Double]) { self.shares = shares }

    init?(argument: String) {
        let parts = argument.split(separator: ",")
        shares = parts.compactMap { Double($0.trimmingCharacters(in: .whitespaces)) }
        guard shares.count == parts.count, !shares.isEmpty, shares.allSatisfy({ $0 > 0 && $0 <= 1 }) else {
            return nil
        }
    }
}

extension TablesCommand {
    /// `kukla tables bench`: every method at every budget.
    struct Bench: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "bench",
            abstract: "Compare all ways to store a table, at several budgets and with several seeds.",
            discussion: """
                Every training is a row of the results file, and is not run twice: a run that was stopped goes on where it was, and more \
                methods, budgets or seeds are added to what is there. A file belongs to one table of rows, schema, network and options.

                Examples:
                  kukla tables bench ratings.csv --schema schema.yaml --budgets 0.5,0.1,0.01 \\
                      -o results.jsonl
                  kukla tables bench ratings.csv --schema schema.yaml --tables hash,qr,unified \\
                      --seeds 3 -o results.jsonl --report bench.html
                """)

        @Argument(help: "The rows.")
        var data: String

        @OptionGroup var reading: Reading
        @OptionGroup var network: Network
        @OptionGroup var training: Training

        @Option(help: "Shares of a float row for each id that a table may take.")
        var budgets = ShareList([0.5, 0.1, 0.01])

        @Option(
            name: .customLong("tables"),
            help:
                "The methods, each by its word, or as --table of `train` where given several times; all where left out."
        )
        var tables: [String] = []

        @Option(help: "Trainings of each table and budget.")
        var seeds = 1

        @Option(name: .shortAndLong, help: "The file of results; goes on with one that is there.")
        var output: String

        @Option(help: "Where to write the page with chart and table.")
        var report: String?

        @OptionGroup var compute: ComputeOptions
        @OptionGroup var reporting: OutputOptions

        private struct Result: Encodable {
            let schemaVersion = 1
            let output: String
            let denseBytes: Int
            let rows: [BenchResults.Row]
        }

        func validate() throws {
            guard (1...100).contains(seeds) else { throw ValidationError("Give --seeds from 1 to 100.") }
        }

        func run() throws {
            let configurations = try TablesCommand.configurations(tables)
            let progress = reporting.progress
            let set = try reading.set(data, progress)
            TablesCommand.describe(set)
            let experiment = TableExperiment(
                set, network: network.configuration, options: training.options(seed: 1))
            let bench = TableBench(
                experiment, tables: configurations, budgets: budgets.shares,
                seeds: (1...UInt64(seeds)).map { $0 }, width: training.width)
            var results = try BenchResults(
                URL(fileURLWithPath: output), fingerprint: experiment.fingerprint,
                denseBytes: set.tableSchema(width: training.width).denseByteCount)
            try TensorThreads.limited(to: compute.threadCount()) { () throws(KuklaError) in
                try bench.run(&results, progress: progress)
            }
            if let report {
                let page = results.page(
                    title: "Tables for \(URL(fileURLWithPath: data).lastPathComponent)",
                    commands: [TablesCommand.commandLine])
                try AtomicFile.write(page.html(), to: URL(fileURLWithPath: report))
            }
            if reporting.json {
                return try printJSON(
                    Result(output: output, denseBytes: results.denseBytes, rows: results.rows))
            }
            print(results.table.text(), terminator: "")
        }
    }

    /// `dense` and the named methods; all methods where none is named. One text may list several words.
    static func configurations(_ texts: [String]) throws(KuklaError) -> [TableConfiguration] {
        var result = [try TableConfiguration(parsing: "dense")]
        let words =
            texts.isEmpty
            ? TableConfiguration.methodWords
            : texts.flatMap { $0.contains(":") ? [$0] : WordList(argument: $0).words }
        for word in words {
            let configuration = try TableConfiguration(parsing: word)
            if !result.contains(configuration) { result.append(configuration) }
        }
        return result
    }

    static var commandLine: String { (["kukla"] + CommandLine.arguments.dropFirst()).joined(separator: " ") }
}
