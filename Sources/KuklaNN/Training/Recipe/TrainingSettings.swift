public import KuklaNumerics

/// What a recipe says about training whatever the method: the keys at its top, in the order in which they are printed.
public struct TrainingSettings: RecipePart {
    /// Decides everything random: initial weights, order, dropout.
    public var seed: UInt64 = 1
    /// How long to train.
    public var length = TrainingLength.epochs(1)
    /// Examples that one forward pass takes.
    public var batchSize = 32
    /// Batches whose mean gradient makes one step.
    public var accumulation = 1
    /// How a gradient changes weights.
    public var optimizer = OptimizerSettings()
    /// The largest learning rate of the run.
    public var learningRate: Float = 1e-3
    /// How the learning rate goes over the run.
    public var schedule = ScheduleSettings()
    /// Decay of matrices (biases and norms do not decay).
    public var weightDecay: Float = 0
    /// Gradients with a larger norm are scaled to it; nil where they are left alone.
    public var clipNorm: Float?
    /// An exponential moving average of the weights, which evaluation then uses.
    public var average: AverageSettings?
    /// Steps between evaluations; nil for one after each epoch.
    public var evaluateEvery: Int?
    /// Steps between checkpoints; nil for one after each epoch.
    public var checkpointEvery: Int?
    /// Checkpoints that are kept, the newest.
    public var keep = 2
    /// When to stop before the end; nil for never.
    public var earlyStopping: EarlyStoppingSettings?
    /// Threads; nil for as many as the machine has. Results do not depend on it.
    public var threads: Int?
    /// Steps between lines of the metrics log, each the mean over the steps since the line before.
    public var logEvery = 10
    /// Patterns of parameter paths that are not trained: `encoder.layer.0.*`.
    public var freeze: [String] = []
    /// Low-rank adapters in place of full training; nil for none. Put around the model when a run begins.
    public var adapters: AdapterSettings?

    public init() {}

    public mutating func visit(_ fields: inout RecipeFields) throws(KuklaError) {
        try fields.field("seed", &seed)
        try length.visit(&fields)
        try fields.field("batch_size", &batchSize, .atLeast(1))
        try fields.field("accumulation", &accumulation, .atLeast(1))
        try fields.part("optimizer", &optimizer, shorthand: "name")
        try fields.field("learning_rate", &learningRate, .positive)
        try fields.part("schedule", &schedule, shorthand: "name")
        try fields.field("weight_decay", &weightDecay, .notNegative)
        try fields.field("clip_norm", &clipNorm, .positive)
        try fields.part("ema", &average, initial: AverageSettings(), shorthand: "decay")
        try fields.field("evaluate_every", &evaluateEvery, .atLeast(1))
        try fields.field("checkpoint_every", &checkpointEvery, .atLeast(1))
        try fields.field("keep", &keep, .atLeast(1))
        try fields.part("early_stopping", &earlyStopping, initial: EarlyStoppingSettings())
        try fields.field("threads", &threads, .within(1...1024))
        try fields.field("log_every", &logEvery, .atLeast(1))
        try fields.field("freeze", &freeze)
        try fields.part("lora", &adapters, initial: AdapterSettings(), shorthand: "rank")
    }

    /// Whether a key may differ when a run goes on: it decides how far the run goes and what is seen of it, not how a step
    /// is made.
    static func mayChange(_ key: String) -> Bool {
        ["epochs", "steps", "evaluate_every", "checkpoint_every", "keep", "threads", "log_every"].contains(
            key)
            || key == "early_stopping" || key.hasPrefix("early_stopping.")
    }
}

/// How long a run is.
public enum TrainingLength: Sendable, Equatable {
    /// Passes over all examples.
    case epochs(Int)
    /// Updates of the weights.
    case steps(Int)

    /// The keys `epochs` and `steps`, of which one is set.
    mutating func visit(_ fields: inout RecipeFields) throws(KuklaError) {
        var epochs: Int?
        var steps: Int?
        if case .epochs(let count) = self { epochs = count }
        if case .steps(let count) = self { steps = count }
        let isEither = (fields.has("epochs"), fields.has("steps"))
        try fields.field("epochs", &epochs, .atLeast(1))
        try fields.field("steps", &steps, .atLeast(1))
        switch isEither {
        case (true, true):
            throw fields.fault("steps", "both 'epochs' and 'steps' are given; expected one of them.")
        case (true, false): steps = nil
        case (false, true): epochs = nil
        case (false, false): break
        }
        if let steps { self = .steps(steps) } else if let epochs { self = .epochs(epochs) }
    }
}
