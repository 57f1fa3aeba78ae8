import KuklaNumerics
public import KuklaTensor

/// Parameters that are trained together, in groups that may differ in learning rate and weight decay, and what the rule
/// remembers about each.
public struct Optimizer {
    /// Parameters with settings in common.
    public struct Group: Sendable {
        public var parameters: [NamedParameter]
        /// Multiplies the learning rate of the step.
        public var learningRateFactor: Float
        public var weightDecay: Float

        public init(_ parameters: [NamedParameter], learningRateFactor: Float = 1, weightDecay: Float = 0) {
            self.parameters = parameters
            self.learningRateFactor = learningRateFactor
            self.weightDecay = weightDecay
        }
    }

    public let rule: any UpdateRule
    public let groups: [Group]
    /// Steps taken.
    public internal(set) var step = 0
    var state: [ObjectIdentifier: [Tensor]] = [:]

    public init(_ rule: any UpdateRule, _ groups: [Group]) {
        self.rule = rule
        self.groups = groups
    }

    /// All trainable parameters of `module`; matrices decay by `weightDecay`, vectors (biases, norms) do not.
    public init(_ rule: any UpdateRule, for module: some Module, weightDecay: Float = 0) {
        let all = module.trainableParameters
        self.init(
            rule,
            [
                Group(all.filter { $0.parameter.shape.count > 1 }, weightDecay: weightDecay),
                Group(all.filter { $0.parameter.shape.count <= 1 }),
            ])
    }

    /// Changes every parameter that has a gradient; `gradients` is consumed.
    public mutating func update(_ gradients: consuming Gradients, learningRate: Float) {
        step += 1
        for group in groups {
            let settings = UpdateSettings(
                learningRate: learningRate * group.learningRateFactor, weightDecay: group.weightDecay)
            for named in group.parameters where named.parameter.isTrainable {
                guard let gradient = gradients.take(named.parameter) else { continue }
                let key = ObjectIdentifier(named.parameter)
                var state = state.removeValue(forKey: key) ?? rule.initialState(for: named.parameter.value)
                let (rule, step) = (rule, step)
                state = named.parameter.update { value in
                    var state = state
                    rule.update(&value, state: &state, gradient: gradient, step: step, settings: settings)
                    return state
                }
                self.state[key] = state
            }
        }
    }
}
