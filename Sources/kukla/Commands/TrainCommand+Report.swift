import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives

extension TrainCommand {
    private struct Report: Encodable {
        let schemaVersion = 1
        let output: String
        let run: String
        let examples: Int
        let truncated: Int
        let steps: Int
        let epochs: Double
        let loss: Double?
        let stopped: String
        let before: [String: Double]
        let after: [String: Double]
        let bestStep: Int?
        let seconds: Double
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
            return try printJSON(
                Report(
                    output: target.path, run: steering.folder(for: target).path, examples: result.examples,
                    truncated: result.truncated, steps: summary.step, epochs: summary.epoch,
                    loss: summary.loss,
                    stopped: "\(summary.reason)", before: result.before, after: result.after,
                    bestStep: summary.best?.step, seconds: summary.seconds))
        }
        // Numbers in names by their value: 6x12 before 6x96.
        for name in result.after.keys.sorted(by: { $0.compare($1, options: .numeric) == .orderedAscending }) {
            let (before, after) = (result.before[name] ?? .nan, result.after[name] ?? .nan)
            print(
                name.padding(toLength: max(14, name.count + 2), withPad: " ", startingAt: 0)
                    + String(format: "%.4f -> %.4f", before, after))
        }
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
