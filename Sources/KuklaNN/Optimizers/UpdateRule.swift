public import KuklaTensor

/// How one parameter changes with its gradient: SGD, Adam, ...
///
/// A rule is a value of settings. What it remembers about a parameter is a list of tensors, which a checkpoint stores under
/// `stateNames`.
public protocol UpdateRule: Sendable {
    /// Names of the remembered tensors, in order, without dots.
    var stateNames: [String] { get }
    /// The state of a parameter that was never updated: one tensor of the parameter's shape for each name.
    func initialState(for value: Tensor) -> [Tensor]
    /// Changes `value` and `state` in place. `step` counts the updates of this parameter, from 1. A gradient of rows changes
    /// these rows only, of the value and of the state.
    func update(
        _ value: inout Tensor, state: inout [Tensor], gradient: Gradient, step: Int, settings: UpdateSettings)
}

/// What differs between steps and between groups of parameters.
public struct UpdateSettings: Sendable {
    public var learningRate: Float
    public var weightDecay: Float

    public init(learningRate: Float, weightDecay: Float = 0) {
        self.learningRate = learningRate
        self.weightDecay = weightDecay
    }
}

extension UpdateRule {
    /// One tensor of zeros like the value for each name.
    public func initialState(for value: Tensor) -> [Tensor] {
        stateNames.map { _ in Tensor.zeros(value.shape) }
    }
}
