public import KuklaNumerics

/// Settings of the parameters whose path matches a pattern: a line of a recipe.
public struct ParameterGroupRule: Sendable, Codable, Equatable {
    /// `*` stands for any characters, dots included: `encoder.layer.0.*`, `*.bias`.
    public var pattern: String
    /// Multiplies the learning rate of the step.
    public var learningRateFactor: Float
    /// Weight decay of the matrices among them; nil: as everywhere else. Vectors (biases, norms) never decay.
    public var weightDecay: Float?

    public init(_ pattern: String, learningRateFactor: Float = 1, weightDecay: Float? = nil) {
        self.pattern = pattern
        self.learningRateFactor = learningRateFactor
        self.weightDecay = weightDecay
    }
}

extension Optimizer {
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

    /// All trainable parameters of `module`, each with the settings of the first of `rules` that matches its path; those that
    /// none matches as in `init(_:for:weightDecay:)`.
    ///
    /// - Throws: `KuklaError(.usage)` for a pattern that no trainable parameter matches: a word misspelt, most likely.
    public init(
        _ rule: any UpdateRule, for module: some Module, weightDecay: Float = 0, rules: [ParameterGroupRule]
    ) throws(KuklaError) {
        let all = module.trainableParameters
        let patterns = rules.map { PathPattern($0.pattern) }
        for (group, pattern) in zip(rules, patterns) where !all.contains(where: { pattern.matches($0.path) })
        {
            throw KuklaError(
                .usage,
                "Cannot group parameters by \"\(group.pattern)\": none of the \(all.count) trainable parameters matches"
                    + "\(all.first.map { "; the first is \"\($0.path)\"" } ?? "").")
        }
        var members = [[NamedParameter]](repeating: [], count: rules.count + 1)
        for named in all {
            members[patterns.firstIndex { $0.matches(named.path) } ?? rules.count].append(named)
        }
        let groups = zip(members, rules + [ParameterGroupRule("*")]).flatMap { members, group in
            [
                Group(
                    members.filter { $0.parameter.shape.count > 1 },
                    learningRateFactor: group.learningRateFactor,
                    weightDecay: group.weightDecay ?? weightDecay),
                Group(
                    members.filter { $0.parameter.shape.count <= 1 },
                    learningRateFactor: group.learningRateFactor),
            ]
        }
        self.init(rule, groups.filter { !$0.parameters.isEmpty })
    }
}
