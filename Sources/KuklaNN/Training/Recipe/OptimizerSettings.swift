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
    public var beta1: Float = 0.9
    /// Of `adam`, `adamw`, `lamb`, `lion`: decay of the mean square (of the remembered direction in `lion`); nil for the
    /// optimizer's own default, 0.999 (`lion` 0.99).
    public var beta2: Float?
    /// What keeps a division from zero; nil for the optimizer's own default.
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
    public func rule() throws(KuklaError) -> any UpdateRule {
        switch name {
        case .sgd: SGD(momentum: momentum, isNesterov: isNesterov)
        default:
            throw KuklaError(.unsupported, "The optimizer '\(name.rawValue)' is not built in yet; use sgd.")
        }
    }
}
