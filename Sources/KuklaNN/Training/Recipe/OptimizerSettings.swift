public import KuklaNumerics

/// The key `optimizer`: a name alone (`optimizer: adamw`) or a name with settings.
public struct OptimizerSettings: RecipePart {
    /// The update rules that a recipe can name.
    public enum Name: String, RecipeChoice { case sgd, adam, adamw, adagrad, lamb, lion }

    public var name = Name.adamw
    /// Of `sgd`: how much of the step before goes into this one.
    public var momentum: Float = 0
    /// Of `sgd`: whether the gradient is taken after the momentum's step.
    public var isNesterov = false
    /// Of `adam`, `adamw`, `lamb`, `lion`: decay of the mean gradient.
    public var beta1 = 0.9
    /// Of `adam`, `adamw`, `lamb`, `lion`: decay of the mean square (of the remembered direction in `lion`); nil for the
    /// optimizer's own default, 0.999 (`lion` 0.99).
    public var beta2: Double?
    /// What keeps a division from zero; nil for the optimizer's own default, 1e-8 (`adagrad` 1e-10, `lamb` 1e-6).
    public var epsilon: Float?

    public init(_ name: Name = .adamw) { self.name = name }

    public mutating func visit(_ fields: inout RecipeFields) throws(KuklaError) {
        try fields.field("name", &name)
        try fields.field("momentum", &momentum, .belowOne)
        try fields.field("nesterov", &isNesterov)
        try fields.field("beta1", &beta1, .belowOne)
        try fields.field("beta2", &beta2, .belowOne)
        try fields.field("epsilon", &epsilon, .positive)
    }

    /// The rule with these settings.
    public var rule: any UpdateRule {
        let beta2 = beta2 ?? (name == .lion ? 0.99 : 0.999)
        return switch name {
        case .sgd: SGD(momentum: momentum, isNesterov: isNesterov)
        case .adam: Adam(beta1: beta1, beta2: beta2, epsilon: epsilon ?? 1e-8)
        case .adamw: AdamW(beta1: beta1, beta2: beta2, epsilon: epsilon ?? 1e-8)
        case .adagrad: Adagrad(epsilon: epsilon ?? 1e-10)
        case .lamb: LAMB(beta1: beta1, beta2: beta2, epsilon: epsilon ?? 1e-6)
        case .lion: Lion(beta1: beta1, beta2: beta2)
        }
    }
}
