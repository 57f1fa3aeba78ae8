public import KuklaTensor

/// Gradient descent, with momentum if asked for.
///
/// `d = g + decay w; v = momentum v + d; w -= rate v` (Nesterov: `w -= rate (d + momentum v)`), as in PyTorch; the first
/// update of a parameter has `v = d`. A gradient of rows decays and remembers these rows only.
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
        let (rate, decay) = (settings.learningRate, settings.weightDecay)
        let w = UpdateTarget(&value)
        guard momentum != 0 else {
            gradient.forEachStretch { stretch in
                let (w, g) = (w + stretch.offset, stretch.gradient)
                for i in 0..<stretch.count { w[i] -= rate * (g[i] + decay * w[i]) }
            }
            return
        }
        let (momentum, isNesterov) = (momentum, isNesterov)
        let v = UpdateTarget(&state[0])
        gradient.forEachStretch { stretch in
            let (w, v, g) = (w + stretch.offset, v + stretch.offset, stretch.gradient)
            for i in 0..<stretch.count {
                let direction = g[i] + decay * w[i]
                let velocity = momentum * v[i] + direction
                v[i] = velocity
                w[i] -= rate * (isNesterov ? direction + momentum * velocity : velocity)
            }
        }
    }
}
