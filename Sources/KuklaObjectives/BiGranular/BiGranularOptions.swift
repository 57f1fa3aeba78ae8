public import KuklaNN
public import KuklaNumerics

/// The keys under `options` of `kukla train bidr`.
public struct BiGranularOptions: RecipePart {
    /// Bytes of a code: pieces of 256 centroids.
    public var codeBytes = 24
    /// Divides the cosines.
    public var temperature: Float = 0.05
    /// What the squared difference between vectors and their codes counts.
    public var rateWeight: Float = 1e-6
    /// Documents that codes rank highest for a query, from which the second stage draws negatives.
    public var candidates = 200
    /// How batches of the second stage are gathered.
    public var walk = LocalityCentricSampler.Walk.snowSample
    /// Queries that are kept out of training, to judge by.
    public var heldOut = 80

    public init() {}

    public mutating func visit(_ fields: inout RecipeFields) throws(KuklaError) {
        try fields.field("code_bytes", &codeBytes, .atLeast(1))
        try fields.field("temperature", &temperature, .positive)
        try fields.field("rate_weight", &rateWeight, .notNegative)
        try fields.field("candidates", &candidates, .atLeast(1))
        try fields.field("walk", &walk)
        try fields.field("held_out", &heldOut, .atLeast(1))
    }

    /// The defaults of the method, for heads over frozen vectors.
    public static var recipe: Recipe<BiGranularOptions> {
        var recipe = Recipe(options: BiGranularOptions())
        recipe.training.length = .epochs(20)
        recipe.training.batchSize = 64
        recipe.training.learningRate = 1e-3
        recipe.training.weightDecay = 0.01
        recipe.training.clipNorm = 1
        return recipe
    }
}
