public import KuklaTensor
import Synchronization

/// Adam's direction with a step as long as the parameter: for very large batches.
///
/// `u = m' / (sqrt(v') + epsilon) + decay w` with Adam's `m'` and `v'`; `w -= rate |w| / |u| u`, the norms over the whole
/// parameter (ratio 1 where either is zero). A gradient of rows updates these rows, each with a ratio of its own.
/// *Source:* You et al. 2020, "Large batch optimization for deep learning: training BERT in 76 minutes", arXiv:1904.00962,
/// algorithm 2 with the identity for phi.
public struct LAMB: UpdateRule {
    public var beta1: Double
    public var beta2: Double
    public var epsilon: Float

    public init(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Float = 1e-6) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
    }

    public var stateNames: [String] { AdamStep.stateNames }

    public func update(
        _ value: inout Tensor, state: inout [Tensor], gradient: Gradient, step: Int, settings: UpdateSettings
    ) {
        // Adam's step of rate 1 from zero is -u without the decay: gathered in a tensor like the gradient's values.
        let unit = UpdateSettings(learningRate: 1)
        let adam = AdamStep(beta1, beta2, epsilon, step: step, settings: unit, isSparse: false)
        var direction = Tensor.zeros(gradient.values.shape)
        let u = UpdateTarget(&direction)
        let w = UpdateTarget(&value)
        let m = UpdateTarget(&state[0])
        let v = UpdateTarget(&state[1])
        gradient.forEachStretch { stretch in
            adam.update(stretch, u + stretch.position, m + stretch.offset, v + stretch.offset)
        }
        let (rate, decay) = (settings.learningRate, settings.weightDecay)
        let isSparse = gradient.isSparse
        let sums = Mutex<[Int: Norms]>([:])
        gradient.forEachStretch { stretch in
            let (w, u) = (w + stretch.offset, u + stretch.position)
            var norms = Norms()
            for i in 0..<stretch.count {
                u[i] = decay * w[i] - u[i]
                norms.weights += Double(w[i]) * Double(w[i])
                norms.steps += Double(u[i]) * Double(u[i])
            }
            if isSparse {
                let factor = rate * norms.ratio
                for i in 0..<stretch.count { w[i] -= factor * u[i] }
            } else {
                let part = norms
                sums.withLock { $0[stretch.position] = part }
            }
        }
        defer { withExtendedLifetime(direction) {} }  // the pointers must not outlive it
        guard !isSparse else { return }
        // In the order of the blocks, whoever computed them.
        let norms = sums.withLock { $0 }.sorted { $0.key < $1.key }.reduce(into: Norms()) {
            $0.weights += $1.value.weights
            $0.steps += $1.value.steps
        }
        let factor = rate * norms.ratio
        gradient.forEachStretch { stretch in
            let (w, u) = (w + stretch.offset, u + stretch.position)
            for i in 0..<stretch.count { w[i] -= factor * u[i] }
        }
    }

    /// Sums of squares.
    private struct Norms: Sendable {
        var weights = 0.0
        var steps = 0.0

        var ratio: Float { weights == 0 || steps == 0 ? 1 : Float((weights / steps).squareRoot()) }
    }
}
