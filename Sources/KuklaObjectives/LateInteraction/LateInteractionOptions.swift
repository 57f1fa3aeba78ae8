public import KuklaNN
public import KuklaNumerics

/// The keys under `options` of `kukla train late-interaction`.
public struct LateInteractionOptions: RecipePart {
    /// Components of a token's vector.
    public var dimensions = 128
    /// Divides the scores, which are sums over a query's tokens.
    public var temperature: Float = 1
    /// Tokens that are read of a text; nil: as many as the model reads.
    public var maximumTokens: Int?

    public init() {}

    public mutating func visit(_ fields: inout RecipeFields) throws(KuklaError) {
        try fields.field("dimensions", &dimensions, .atLeast(1))
        try fields.field("temperature", &temperature, .positive)
        try fields.field("max_tokens", &maximumTokens, .atLeast(3))
    }

    /// The defaults of the method.
    public static var recipe: Recipe<LateInteractionOptions> {
        var recipe = Recipe(options: LateInteractionOptions())
        recipe.training.length = .epochs(3)
        recipe.training.batchSize = 64
        recipe.training.learningRate = 1e-3
        recipe.training.clipNorm = 1
        recipe.training.schedule.warmupFraction = 0.1
        return recipe
    }
}
