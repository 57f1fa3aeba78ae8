public import KuklaTensor

/// Steps of one size in every element, along the sign of a mean gradient: half the memory of Adam.
///
/// `w -= rate (sign(b1 m + (1 - b1) g) + decay w); m = b2 m + (1 - b2) g`. Learning rates are 3 to 10 times smaller than
/// Adam's. A gradient of rows moves, decays and remembers these rows only.
/// *Source:* Chen et al. 2023, "Symbolic discovery of optimization algorithms", arXiv:2302.06675.
public struct Lion: UpdateRule {
    public var beta1: Double
    public var beta2: Double

    public init(beta1: Double = 0.9, beta2: Double = 0.99) {
        self.beta1 = beta1
        self.beta2 = beta2
    }

    public var stateNames: [String] { ["first_moment"] }

    public func update(
        _ value: inout Tensor, state: inout [Tensor], gradient: Gradient, step: Int, settings: UpdateSettings
    ) {
        let (keep1, take1) = (Float(beta1), Float(1 - beta1))
        let (keep2, take2) = (Float(beta2), Float(1 - beta2))
        let rate = settings.learningRate
        let keep = 1 - settings.learningRate * settings.weightDecay
        let w = UpdateTarget(&value)
        let m = UpdateTarget(&state[0])
        gradient.forEachStretch { stretch in
            let (w, m) = (w + stretch.offset, m + stretch.offset)
            for i in 0..<stretch.count {
                let g = stretch.gradient[i]
                let mean = keep1 * m[i] + take1 * g
                // A NaN stays one: neither comparison holds, and it is added.
                let sign: Float = mean > 0 ? 1 : mean < 0 ? -1 : mean
                w[i] = w[i] * keep - rate * sign
                m[i] = keep2 * m[i] + take2 * g
            }
        }
    }
}
