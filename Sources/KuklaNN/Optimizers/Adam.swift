public import KuklaTensor

/// Steps scaled by running moments of the gradient.
///
/// `m += (1 - b1)(g - m); v += (1 - b2)(g^2 - v); w -= rate m' / (sqrt(v') + epsilon)`, where `m' = m / (1 - b1^t)` and
/// `v' = v / (1 - b2^t)` undo the start from zero. Weight decay is part of the gradient (`g + decay w`); `AdamW` keeps it apart.
///
/// A gradient of rows moves these rows and their moments only, as PyTorch's `SparseAdam` does: `t` counts the updates of the
/// whole table, and epsilon stands beside the uncorrected root, `w -= rate sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon)`.
/// *Source:* Kingma and Ba 2015, "Adam: a method for stochastic optimization", arXiv:1412.6980.
public struct Adam: UpdateRule {
    public var beta1: Double
    public var beta2: Double
    public var epsilon: Float

    public init(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Float = 1e-8) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
    }

    public var stateNames: [String] { AdamStep.stateNames }

    public func update(
        _ value: inout Tensor, state: inout [Tensor], gradient: Gradient, step: Int, settings: UpdateSettings
    ) {
        AdamStep(beta1, beta2, epsilon, step: step, settings: settings, isSparse: gradient.isSparse)
            .run(&value, &state, gradient)
    }
}

/// Adam with weight decay apart from the gradient: `w -= rate decay w` before the step of `Adam`.
///
/// A gradient of rows decays these rows only.
/// *Source:* Loshchilov and Hutter 2019, "Decoupled weight decay regularization", arXiv:1711.05101.
public struct AdamW: UpdateRule {
    public var beta1: Double
    public var beta2: Double
    public var epsilon: Float

    public init(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Float = 1e-8) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
    }

    public var stateNames: [String] { AdamStep.stateNames }

    public func update(
        _ value: inout Tensor, state: inout [Tensor], gradient: Gradient, step: Int, settings: UpdateSettings
    ) {
        var adam = AdamStep(
            beta1, beta2, epsilon, step: step, settings: settings, isSparse: gradient.isSparse)
        adam.keep = Float(1 - Double(settings.learningRate) * Double(settings.weightDecay))
        adam.decay = 0
        adam.run(&value, &state, gradient)
    }
}
