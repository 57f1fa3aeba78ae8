public import KuklaTensor

/// Steps divided by the root of all squared gradients so far.
///
/// `g' = g + decay w; s += g'^2; w -= rate / (1 + (t - 1) rateDecay) g' / (sqrt(s) + epsilon)`, as in PyTorch. A gradient of rows
/// moves these rows and their sums only; for them that is what a dense gradient with zeros elsewhere would do, so tables lose
/// nothing.
/// *Source:* Duchi, Hazan and Singer 2011, "Adaptive subgradient methods for online learning and stochastic optimization".
public struct Adagrad: UpdateRule {
    public var rateDecay: Float
    /// What the sums of squares start from.
    public var initialSum: Float
    public var epsilon: Float

    public init(rateDecay: Float = 0, initialSum: Float = 0, epsilon: Float = 1e-10) {
        self.rateDecay = rateDecay
        self.initialSum = initialSum
        self.epsilon = epsilon
    }

    public var stateNames: [String] { ["sum"] }

    public func initialState(for value: Tensor) -> [Tensor] { [Tensor.full(value.shape, initialSum)] }

    public func update(
        _ value: inout Tensor, state: inout [Tensor], gradient: Gradient, step: Int, settings: UpdateSettings
    ) {
        let rate = settings.learningRate / (1 + Float(step - 1) * rateDecay)
        let (decay, epsilon) = (settings.weightDecay, epsilon)
        let w = UpdateTarget(&value)
        let s = UpdateTarget(&state[0])
        gradient.forEachStretch { stretch in
            let (w, s) = (w + stretch.offset, s + stretch.offset)
            for i in 0..<stretch.count {
                let g = stretch.gradient[i] + decay * w[i]
                let sum = s[i] + g * g
                s[i] = sum
                w[i] -= rate * g / (sum.squareRoot() + epsilon)
            }
        }
    }
}
