import Foundation

/// What came of a training.
public struct TrainingReport: Sendable, Codable {
    /// One look at the validation rows.
    public struct Check: Sendable, Codable {
        public let epoch: Int
        /// Updates so far in this stage.
        public let step: Int
        /// The mean loss of the batches since the last check.
        public let trainingLoss: Double
        public let logLoss: Double
        /// nil where the validation rows have one class only.
        public let auc: Double?

        /// For a progress line.
        var words: String {
            let auc = auc.map { String(format: "AUC %.4f", $0) } ?? "AUC undefined"
            return String(format: "loss %.4f  validation ", trainingLoss) + auc
                + String(format: "  log-loss %.4f", logLoss)
        }
    }

    /// Of the served table; nil where there are no such rows.
    public let validation: ClickMetrics?
    public let test: ClickMetrics?
    /// The stages of the table's method, in order.
    public let stages: [String]
    /// Bytes of the table as it is served: floats, codes, indices.
    public let tableBytes: Int
    /// Bytes of a table with a float row for each id.
    public let denseBytes: Int
    public let networkParameters: Int
    /// Examples trained on, repeats counted.
    public let examples: Int
    public let seconds: Double
    public let checks: [Check]
}
