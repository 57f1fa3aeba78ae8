import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives

extension TrainCommand {
    /// What came of a training, as JSON.
    struct Report: Encodable {
        let schemaVersion = 1
        let output: String
        let run: String
        var code: String?
        var bytesPerVector: Double?
        var concepts: Int?
        let examples: Int
        var truncated: Int?
        let steps: Int
        let epochs: Double
        let loss: Double?
        let stopped: String
        let before: [String: Double]
        let after: [String: Double]
        var keptInitial: Bool?
        let bestStep: Int?
        let seconds: Double

        init(
            output: String, run: URL, examples: Int, before: [String: Double], after: [String: Double],
            _ summary: TrainingSummary
        ) {
            (self.output, self.run, self.examples) = (output, run.path, examples)
            (self.before, self.after) = (before, after)
            (steps, epochs, loss, seconds) = (summary.step, summary.epoch, summary.loss, summary.seconds)
            stopped = "\(summary.reason)"
            bestStep = summary.best?.step
        }
    }

    /// A line for each metric: what it was and what it is.
    ///
    /// - Parameter part: what the metrics are of, where there are several.
    static func printChanges(
        from before: [String: Double], to after: [String: Double], of part: String? = nil
    ) {
        // Numbers in names by their value: 6x12 before 6x96.
        for metric in after.keys.sorted(by: { $0.compare($1, options: .numeric) == .orderedAscending }) {
            let name = (part.map { "\($0) " } ?? "") + metric
            print(
                name.padding(toLength: max(24, name.count + 2), withPad: " ", startingAt: 0)
                    + String(format: "%.4f -> %.4f", before[metric] ?? .nan, after[metric] ?? .nan))
        }
    }

    /// Tells what came of a training from texts to a model folder.
    static func report(
        _ result: EncoderFineTuning.Result, of examples: String = "pairs", output: String,
        steering: Steering, reporting: OutputOptions
    ) throws {
        let summary = result.summary
        if result.truncated > 0 {
            complain(
                "\(Quantity.count(result.truncated)) texts have more tokens than are read and were cut.")
        }
        if reporting.json {
            let target = URL(fileURLWithPath: output)
            var report = Report(
                output: target.path, run: steering.folder(for: target), examples: result.examples,
                before: result.before, after: result.after, summary)
            report.truncated = result.truncated
            return try printJSON(report)
        }
        printChanges(from: result.before, to: result.after)
        if !reporting.quiet {
            note(
                "\(output): \(Quantity.count(summary.step)) steps on \(Quantity.count(result.examples)) \(examples) in \(formatDuration(summary.seconds))"
            )
        }
    }
}

extension PairRetrievalTask {
    /// The task of the pairs in a file.
    init(_ url: URL) throws(KuklaError) {
        self.init(pairs: try TextTuples.readAll(url).rows.map { ($0[0], $0[1]) })
    }
}

extension PairRetrievalTask.Result {
    /// By the names that logs have.
    var metrics: [String: Double] {
        ["recall_at_1": recallAt1, "recall_at_10": recallAt10, "mrr_at_10": mrrAt10]
    }
}
