public import KuklaNN
public import KuklaNumerics
public import KuklaText

/// The keys under `options` of `kukla train instruct`.
public struct InstructOptions: RecipePart {
    /// Divides the cosines, in both stages.
    public var temperature: Float = 0.05
    /// `mean`, `last` or `latent:512x8`; see `TextPooling`. Tokens of instructions are left out of it.
    public var pooling = "mean"
    /// Which tokens of a text a token attends to.
    public var mask = AttentionMask.bidirectional
    /// How a task and a text become what is read.
    public var template = InstructionTemplate.standard.text
    /// The learning rate of the second stage is that of the first times this (1.5e-5 after 2e-5 in the paper).
    public var secondRate: Float = 0.75
    /// What multiplies the learning rate of a pooling that is trained from nothing.
    public var poolingRate: Float = 10
    public var tuning = FineTuningOptions()

    public init() {}

    public mutating func visit(_ fields: inout RecipeFields) throws(KuklaError) {
        try fields.field("temperature", &temperature, .positive)
        try fields.field("pooling", &pooling)
        try fields.field("mask", &mask)
        try fields.field("template", &template)
        try fields.field("second_rate", &secondRate, .positive)
        try fields.field("pooling_rate", &poolingRate, .positive)
        try tuning.visit(&fields)
    }

    /// The defaults of the method.
    public static var recipe: Recipe<InstructOptions> {
        var recipe = Recipe(options: InstructOptions())
        recipe.training.fineTuning(batchSize: 32)
        return recipe
    }
}
