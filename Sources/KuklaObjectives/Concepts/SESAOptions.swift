public import KuklaNN
public import KuklaNumerics

/// The keys under `options` of `kukla train sesa`.
public struct SESAOptions: RecipePart {
    public enum Encoder: String, RecipeChoice {
        /// Word vectors of the model and a recurrent network, all trained.
        case recurrent
        /// The model itself, fine-tuned.
        case transformer
    }

    public var encoder = Encoder.recurrent
    /// Of `recurrent`: numbers of its state, and whether it reads both ways.
    public var units = 128
    public var isBidirectional = false
    /// Whether a concept's row begins as its own text's vector; random rows otherwise.
    public var conceptInit = true
    /// What keeping dimensions to their names counts.
    public var explicitness: Float = 1
    /// What each active concept costs.
    public var sparsity: Float = 1e-4
    /// What logits are raised by before what is below 0 is cut off: 3 lets through what is believed with more than 4.7 %.
    public var threshold: Float = 3
    /// Whether dimensions go without names: no explicitness, nothing cut off. The twin that explicit dimensions are held against.
    public var isLatent = false
    /// Tokens that are read of a text.
    public var maximumTokens = 128
    /// Of `recurrent`: the share of words' and texts' components that training leaves out.
    public var dropout: Float = 0.2
    /// The share of the labelled texts that is kept out to judge by.
    public var heldOut = 0.1

    public init() {}

    public mutating func visit(_ fields: inout RecipeFields) throws(KuklaError) {
        try fields.field("encoder", &encoder)
        try fields.field("units", &units, .within(1...65_536))
        try fields.field("bidirectional", &isBidirectional)
        try fields.field("concept_init", &conceptInit)
        try fields.field("explicitness", &explicitness, .notNegative)
        try fields.field("sparsity", &sparsity, .notNegative)
        try fields.field("threshold", &threshold)
        try fields.field("latent", &isLatent)
        try fields.field("max_tokens", &maximumTokens, .atLeast(3))
        try fields.field("dropout", &dropout, .belowOne)
        try fields.field("held_out", &heldOut, .belowOne)
    }

    /// The defaults of an encoder.
    public static func recipe(_ encoder: Encoder = .recurrent) -> Recipe<SESAOptions> {
        var recipe = Recipe(options: SESAOptions())
        recipe.options.encoder = encoder
        recipe.training.clipNorm = 1
        switch encoder {
        case .recurrent:
            recipe.training.batchSize = 32
            recipe.training.length = .epochs(6)
            recipe.training.learningRate = 2e-3
            recipe.training.schedule = ScheduleSettings(.linear)
            recipe.training.schedule.warmupFraction = 0.05
        case .transformer:
            recipe.training.fineTuning(batchSize: 32)
            recipe.training.learningRate = 5e-5
        }
        return recipe
    }
}
