public import KuklaNumerics
public import KuklaTensor

extension Optimizer {
    /// Everything that the optimizer remembers, for a checkpoint: `optimizer.step`, and for each parameter that was ever
    /// updated `optimizer.state.<path>.step` and `optimizer.state.<path>.<name>`. Shares memory with the optimizer.
    ///
    /// Counts are scalars, exact to 16 million steps; by then Adam's corrections have long ended.
    public func exportState() -> [(name: String, tensor: Tensor)] {
        var result = [(name: Optimizer.stepName, tensor: Tensor(Float(step)))]
        for named in groups.flatMap(\.parameters) {
            guard let state = states[ObjectIdentifier(named.parameter)] else { continue }
            let prefix = Optimizer.statePrefix + named.path + "."
            result.append((prefix + "step", Tensor(Float(state.step))))
            for (name, tensor) in zip(rule.stateNames, state.tensors) {
                result.append((prefix + name, tensor))
            }
        }
        return result
    }

    /// Takes over what `exportState` gave; nothing has changed where it throws.
    ///
    /// Names that do not begin with `optimizer.` are left to others. A parameter without any state is one that was not yet
    /// updated.
    /// - Throws: `KuklaError(.badData)` that names the first tensor that is missing, of another shape (with both), or of
    ///   no parameter here.
    public mutating func importState(_ tensors: [(name: String, tensor: Tensor)]) throws(KuklaError) {
        var given: [String: Tensor] = [:]
        for (name, tensor) in tensors where name.hasPrefix("optimizer.") { given[name] = tensor }
        let step = try Optimizer.count(given.removeValue(forKey: Optimizer.stepName), Optimizer.stepName)
        var states: [ObjectIdentifier: State] = [:]
        var known: [String] = []
        for named in groups.flatMap(\.parameters) {
            let prefix = Optimizer.statePrefix + named.path + "."
            known += (["step"] + rule.stateNames).map { prefix + $0 }
            let count = given.removeValue(forKey: prefix + "step")
            var state = State(tensors: [])
            for (name, initial) in zip(
                rule.stateNames, rule.initialState(for: Tensor.zeros(named.parameter.shape)))
            {
                guard let tensor = given.removeValue(forKey: prefix + name) else {
                    if count == nil && state.tensors.isEmpty { continue }
                    throw Optimizer.missing(prefix + name)
                }
                guard tensor.shape == initial.shape else {
                    throw KuklaError(
                        .badData,
                        "Cannot restore the optimizer: \"\(prefix + name)\" has shape \(tensor.shape), and the parameter "
                            + "\"\(named.path)\" of shape \(named.parameter.shape) needs \(initial.shape).")
                }
                state.tensors.append(tensor.detached)
            }
            if count == nil && state.tensors.isEmpty { continue }
            state.step = try Optimizer.count(count, prefix + "step")
            states[ObjectIdentifier(named.parameter)] = state
        }
        if let unknown = given.keys.min() {
            throw KuklaError(
                .badData,
                "Cannot restore the optimizer: \"\(unknown)\" belongs to no parameter that it trains"
                    + "\(EditDistance.likely(unknown, among: known).map { "; the nearest is \"\($0)\"" } ?? "")."
            )
        }
        (self.step, self.states) = (step, states)
    }

    private static let stepName = "optimizer.step"
    private static let statePrefix = "optimizer.state."

    private static func missing(_ name: String) -> KuklaError {
        KuklaError(
            .badData,
            "Cannot restore the optimizer: \"\(name)\" is missing; the checkpoint is of another rule, or cut."
        )
    }

    private static func count(_ tensor: Tensor?, _ name: String) throws(KuklaError) -> Int {
        guard let tensor else { throw missing(name) }
        guard tensor.count == 1, let count = Int(exactly: tensor.item), count >= 0 else {
            throw KuklaError(
                .badData, "Cannot restore the optimizer: \"\(name)\" is \(tensor), not a count of steps.")
        }
        return count
    }
}
