public import KuklaNumerics

/// The key `ema`: a moving average of the weights.
public struct AverageSettings: RecipePart {
    /// How much of the average stays at each step.
    public var decay: Float = 0.999

    public init(decay: Float = 0.999) { self.decay = decay }

    public mutating func visit(_ fields: inout RecipeFields) throws(KuklaError) {
        try fields.field("decay", &decay, .belowOne)
    }
}
