public import KuklaTensor

/// Gradient descent, with momentum if asked for.
///
/// `v = momentum v + g + decay w; w -= rate v` (Nesterov: `w -= rate (g + momentum v)`), as in PyTorch.
public struct SGD: UpdateRule {
    public var momentum: Float
    public var isNesterov: Bool

    public init(momentum: Float = 0, isNesterov: Bool = false) {
        self.momentum = momentum
        self.isNesterov = isNesterov
    }

    public var stateNames: [String] { momentum == 0 ? [] : ["momentum"] }

    public func update(
        _ value: inout Tensor, state: inout [Tensor], gradient: Gradient, step: Int, settings: UpdateSettings
    ) {
        var direction = gradient.dense + value * settings.weightDecay
        if momentum != 0 {
            state[0] = state[0] * momentum + direction
            direction = isNesterov ? direction + state[0] * momentum : state[0]
        }
        value.subtract(direction, times: settings.learningRate)
    }
}

extension Tensor {
    /// `self -= other * factor`, in place.
    mutating func subtract(_ other: Tensor, times factor: Float) {
        withUnsafeMutableBufferPointer { to in
            other.withUnsafeBufferPointer { for i in to.indices { to[i] -= factor * $0[i] } }
        }
    }
}
