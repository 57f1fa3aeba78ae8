import ArgumentParser
import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTables

extension TablesCommand {
    /// `kukla tables predict`: probabilities for rows.
    struct Predict: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "predict",
            abstract: "Score rows with a trained model.",
            discussion: """
                Writes the probability of each row, one a line, in the order of the file; a file of any size is scored a stretch at a \
                time. Columns are found by name, as in training; the label may be missing. Where it is there, AUC and log-loss are \
                printed. Values that training never saw are no error: each method has its own way with them.

                Example:
                  kukla tables predict model new.csv -o scores.txt
                """)

        @Argument(help: "The model folder.")
        var model: String

        @Argument(help: "The rows.")
        var data: String

        @Option(help: "Rows that may be bad (they get no line); the next one ends the run.")
        var maxBadRows = 0

        @Option(name: .shortAndLong, help: "The file to write; stdout where left out.")
        var output: String?

        @OptionGroup var compute: ComputeOptions
        @OptionGroup var reporting: OutputOptions

        private struct Result: Encodable {
            let schemaVersion = 1
            let output: String?
            let rows: Int
            let badRows: Int
            let firstBadRow: String?
            let metrics: ClickMetrics?
            let seconds: Double
        }

        func validate() throws {
            guard maxBadRows >= 0 else { throw ValidationError("--max-bad-rows: expected 0 or more.") }
            guard !reporting.json || output != nil else {
                throw ValidationError("--json prints a report: say with -o where the probabilities go.")
            }
        }

        func run() throws {
            let start = ContinuousClock.now
            let predictor = try TablePredictor(URL(fileURLWithPath: model))
            let file = try output.map { try AtomicFile(URL(fileURLWithPath: $0)) }
            var (logits, labels, users) = ([Float](), [Float](), [Int32]())
            let options = ExampleSet.Options(maximumBadRows: maxBadRows, progress: reporting.progress)
            let summary = try predictor.score(URL(fileURLWithPath: data), options: options) {
                (scores) throws(KuklaError) in
                let text = scores.logits.map { "\(TablePredictor.probability(ofLogit: $0))\n" }.joined()
                if let file { try file.write(text) } else { print(text, terminator: "") }
                guard let known = scores.labels else { return }
                for (i, label) in known.enumerated() where !label.isNaN {
                    labels.append(label)
                    logits.append(scores.logits[i])
                    if let all = scores.users { users.append(all[i]) }
                }
            }
            try file?.commit()
            let metrics =
                labels.isEmpty
                ? nil : ClickMetrics(logits: logits, labels: labels, users: users.isEmpty ? nil : users)
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            if reporting.json {
                return try printJSON(
                    Result(
                        output: output, rows: summary.examples, badRows: summary.badRows,
                        firstBadRow: summary.firstBadRow, metrics: metrics, seconds: seconds))
            }
            if let metrics { note(TablesCommand.words("rows", metrics)) }
            note(
                "\(Quantity.count(summary.examples)) rows in \(formatDuration(seconds))"
                    + (summary.badRows > 0 ? "; \(summary.badRows) bad (\(summary.firstBadRow ?? ""))" : ""))
        }
    }

    /// `kukla tables methods`: what --table may say.
    struct Methods: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "methods", abstract: "List the ways to store a table of vectors, and their options.",
            discussion: """
                Examples:
                  kukla tables methods
                  kukla tables methods --json
                """)

        @OptionGroup var reporting: OutputOptions

        private struct Method: Encodable {
            let method: String
            let summary: String
            let options: [String]
        }

        func run() throws {
            let all = TableConfiguration.knownWords.map {
                Method(
                    method: $0, summary: TableConfiguration.summary(of: $0) ?? "",
                    options: TableConfiguration.options(of: $0))
            }
            if reporting.json { return try printJSON(all) }
            for method in all {
                print("\(method.method.padding(toLength: 12, withPad: " ", startingAt: 0))\(method.summary)")
                for option in method.options { print("            \(option)") }
            }
        }
    }
}
