import Foundation
import KuklaFormats

/// What was merged and how: lengths of the changes, angles between them, what each counted, how the probe's loss went.
public struct MergeReport: Sendable, Encodable {
    public struct Model: Sendable, Encodable {
        public let name: String
        /// The Euclidean length of its change.
        public let norm: Double
        /// What it weighs: given, or found (`a`).
        public let weight: Double
        /// What its change is multiplied by; nil where that differs between parameters.
        public let coefficient: Double?
    }

    /// One round over the tasks of the probe.
    public struct Round: Sendable, Encodable {
        public let step: Int
        /// The mean over the tasks of the loss, each in units of the base's.
        public let loss: Double
        public let weights: [Double]
        public let lambda: Double
    }

    public let schemaVersion = 1
    public let method: MergeMethod
    /// Nil where changes are counted from the origin.
    public let base: String?
    public let models: [Model]
    /// Angles between the changes in degrees; nil where one is zero.
    public let angles: [[Double?]]
    /// Nil where the method has none.
    public let lambda: Double?
    /// The length of the change that was written.
    public let mergedNorm: Double
    /// Empty without probe.
    public let probe: [Round]
    public let seconds: Double
    /// The method in a sentence.
    let sentence: String
}

extension MergeReport {
    private enum CodingKeys: String, CodingKey {
        case schemaVersion, method, base, models, angles, lambda, mergedNorm, probe, seconds
    }

    /// For a terminal.
    public func text() -> String {
        var text = table.text()
        text += "\n\(summary)\n"
        if let first = probe.first, let last = probe.last {
            text += String(
                format: "probe: loss %.3f at equal weights, %.3f after %d steps (the base's: 1)\n",
                first.loss,
                last.loss, last.step)
        }
        return text
    }

    /// For a model's card.
    func markdown() -> String {
        "\(sentence) \(summary)\n\n\(table.markdown())"
    }

    private var table: TextTable {
        TextTable(
            columns: Self.columns.enumerated().map { .init($1, $0 == 0 ? .left : .right) } + angleColumns,
            rows: rows)
    }

    private static let columns = ["model", "norm", "weight", "times"]

    private var angleColumns: [TextTable.Column] {
        models.count < 2 ? [] : models.map { TextTable.Column("angle to \($0.name)", .right) }
    }

    private var rows: [[String]] {
        models.enumerated().map { i, model in
            [
                model.name, String(format: "%.4g", model.norm), String(format: "%.4g", model.weight),
                model.coefficient.map { String(format: "%.4f", $0) } ?? "by parameter",
            ]
                + (models.count < 2
                    ? [] : angles[i].map { angle in angle.map { String(format: "%.1f°", $0) } ?? "-" })
        }
    }

    private var summary: String {
        let length = lambda.map { String(format: "lambda %.4g, ", $0) } ?? ""
        return length + String(format: "norm of the merged change %.4g", mergedNorm)
            + (base.map { " from \($0)." } ?? " from the origin.")
    }
}
