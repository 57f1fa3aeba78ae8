public import KuklaNN
public import KuklaNumerics

/// The keys under `options` of `kukla train binary`.
public struct BinaryOptions: RecipePart {
    /// What is minimised.
    public enum Loss: String, RecipeChoice {
        /// Codes must be as alike as their vectors (`SimilarityDistillation`): keeps each vector's neighbours.
        case distillation
        /// Codes must find the codes of their partners (`HardestNegativesLoss`).
        case contrastive
    }

    /// Nil: contrastive where there are pairs.
    public var loss: Loss?
    /// Divides the cosines.
    public var temperature: Float = 0.05
    /// Of `contrastive`: negatives that count for each row.
    public var hardNegatives = 5
    /// Hidden numbers of the branch beside each linear map; 0: no branch.
    public var width = 0
    /// Vectors that are kept out of training, to judge by.
    public var heldOut = 500

    public init() {}

    public mutating func visit(_ fields: inout RecipeFields) throws(KuklaError) {
        try fields.field("loss", &loss)
        try fields.field("temperature", &temperature, .positive)
        try fields.field("hard_negatives", &hardNegatives, .atLeast(1))
        try fields.field("width", &width, .atLeast(0))
        try fields.field("held_out", &heldOut, .atLeast(1))
    }

    /// The defaults of the method.
    public static var recipe: Recipe<BinaryOptions> {
        var recipe = Recipe(options: BinaryOptions())
        recipe.training.length = .epochs(5)
        recipe.training.batchSize = 512
        recipe.training.learningRate = 3e-4
        recipe.training.clipNorm = 5
        return recipe
    }
}
