import KuklaNumerics
public import KuklaTensor

/// Parameters that are trained together, in groups that may differ in learning rate and weight decay, and what the rule
/// remembers about each.
public struct Optimizer: Sendable {
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

    /// What is remembered about one parameter.
    struct State: Sendable {
        /// How often it was updated: fewer times than others where it was frozen, or not reached by a gradient.
        var step = 0
        var tensors: [Tensor]
    }

    public let rule: any UpdateRule
    public let groups: [Group]
    /// Steps taken.
    public internal(set) var step = 0
    var states: [ObjectIdentifier: State] = [:]

    /// - Precondition: no parameter is in two groups.
    public init(_ rule: any UpdateRule, _ groups: [Group]) {
        self.rule = rule
        self.groups = groups
        var seen = Set<ObjectIdentifier>()
        for named in groups.flatMap(\.parameters) {
            contract(
                seen.insert(ObjectIdentifier(named.parameter)).inserted,
                "Optimizer: the parameter \(named.path) is in two groups")
        }
    }

    /// Changes every trainable parameter that has a gradient; `gradients` is consumed.
    public mutating func update(_ gradients: consuming Gradients, learningRate: Float) {
        step += 1
        for group in groups {
            let settings = UpdateSettings(
                learningRate: learningRate * group.learningRateFactor, weightDecay: group.weightDecay)
            for named in group.parameters where named.parameter.isTrainable {
                guard let gradient = gradients.take(named.parameter) else { continue }
                let key = ObjectIdentifier(named.parameter)
                // Taken out, so that the rule holds the only reference and writes in place.
                var state =
                    states.removeValue(forKey: key)
                    ?? State(tensors: rule.initialState(for: named.parameter.value))
                state.step += 1
                named.parameter.update { value in
                    rule.update(
                        &value, state: &state.tensors, gradient: gradient, step: state.step,
                        settings: settings)
                }
                states[key] = state
            }
        }
    }
}
