public import KuklaNumerics

/// The key `early_stopping`: when a run that no longer improves is stopped.
public struct EarlyStoppingSettings: RecipePart {
    /// The metric that is watched; nil for the method's main one. The best weights are kept by it too.
    public var metric: String?
    /// Whether more or less of it is better; nil for the method's word, or `min` for a name that ends in `loss` and `max`
    /// for any other.
    public var mode: MetricGoal.Mode?
    /// Evaluations in a row without improvement after which the run stops.
    public var patience = 3
    /// A change by no more than this is no improvement.
    public var minimumChange: Float = 0

    public init() {}

    public mutating func visit(_ fields: inout RecipeFields) throws(KuklaError) {
        try fields.field("metric", &metric)
        try fields.field("mode", &mode)
        try fields.field("patience", &patience, .atLeast(1))
        try fields.field("min_change", &minimumChange, .notNegative)
    }
}

/// A metric and the direction in which it is better.
public struct MetricGoal: Sendable, Equatable {
    /// Which direction is better.
    public enum Mode: String, RecipeChoice, Codable { case min, max }

    public var name: String
    public var mode: Mode

    public init(_ name: String, _ mode: Mode) {
        self.name = name
        self.mode = mode
    }

    /// Whether `value` is better than `best` by more than `minimumChange`. NaN never is.
    func isBetter(_ value: Double, than best: Double?, by minimumChange: Double = 0) -> Bool {
        guard !value.isNaN else { return false }
        guard let best else { return true }
        return mode == .max ? value > best + minimumChange : value < best - minimumChange
    }
}
