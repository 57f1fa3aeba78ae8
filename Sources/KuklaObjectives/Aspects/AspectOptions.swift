public import KuklaNN
public import KuklaNumerics

/// The keys under `options` of `kukla train aspects`.
public struct AspectOptions: RecipePart {
    public enum Method: String, RecipeChoice {
        /// A LoRA for each aspect, trained with in-batch negatives on pairs of its texts.
        case siamese
        /// A map of frozen vectors for each aspect (`RetrofittingLoss`): seconds in place of minutes.
        case retrofit
    }

    public var method = Method.siamese
    /// Pairs that are drawn for each aspect where documents with labels are given.
    public var pairs = 5_000
    /// The share of the texts that is kept out to judge by.
    public var heldOut = 0.1
    /// Of `siamese`: divides the cosines.
    public var temperature: Float = 0.05
    /// Of `retrofit`: the map's hidden numbers.
    public var hidden = 512
    /// Of `retrofit`: neighbours of another label that are drawn for each text of a pair, and from how many.
    public var negatives = 4
    public var neighbours = 50
    /// Of `retrofit`: what keeping each vector where it was counts.
    public var regularization: Float = 0.1
    public var tuning = FineTuningOptions()

    public init() {}

    public mutating func visit(_ fields: inout RecipeFields) throws(KuklaError) {
        try fields.field("method", &method)
        try fields.field("pairs", &pairs, .atLeast(2))
        try fields.field("held_out", &heldOut, .belowOne)
        try fields.field("temperature", &temperature, .positive)
        try fields.field("hidden", &hidden, .atLeast(1))
        try fields.field("negatives", &negatives, .atLeast(1))
        try fields.field("neighbours", &neighbours, .atLeast(1))
        try fields.field("regularization", &regularization, .notNegative)
        try tuning.visit(&fields)
    }

    /// The defaults of a method.
    public static func recipe(_ method: Method = .siamese) -> Recipe<AspectOptions> {
        var recipe = Recipe(options: AspectOptions())
        recipe.options.method = method
        recipe.training.clipNorm = 1
        switch method {
        case .siamese:
            recipe.training.fineTuning(batchSize: 32)
            // Few numbers are trained, from zero: they need a larger rate than whole models do.
            recipe.training.learningRate = 1e-3
            var adapters = AdapterSettings()
            adapters.rank = 16
            adapters.alpha = 32
            adapters.targets = ["encoder.*"]
            recipe.training.adapters = adapters
        case .retrofit:
            recipe.training.batchSize = 64
            recipe.training.length = .epochs(10)
            recipe.training.learningRate = 1e-3
            recipe.training.weightDecay = 1e-4
        }
        return recipe
    }
}
