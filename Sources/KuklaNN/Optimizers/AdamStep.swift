import CKernels
import Foundation
import KuklaTensor

/// The numbers of one step of the Adam family, bias corrections folded in, and its loop over the elements.
struct AdamStep: Sendable {
    static let stateNames = ["first_moment", "second_moment"]

    /// 1 - beta: what the moments take of the new gradient.
    let take1, take2: Float
    let epsilon: Float
    /// Decay that is added to the gradient.
    var decay: Float
    /// What the weight is multiplied by first.
    var keep: Float = 1
    /// `w -= rate * m / (sqrt(v) * scale + epsilon)`.
    let rate, scale: Float

    // Corrections in double: 1 - beta^t in float loses four digits at the first steps.
    init(
        _ beta1: Double, _ beta2: Double, _ epsilon: Float, step: Int, settings: UpdateSettings,
        isSparse: Bool
    ) {
        let correction1 = 1 - pow(beta1, Double(step))
        let correction2 = (1 - pow(beta2, Double(step))).squareRoot()
        let learningRate = Double(settings.learningRate)
        (take1, take2, self.epsilon) = (Float(1 - beta1), Float(1 - beta2), epsilon)
        decay = settings.weightDecay
        rate = Float(isSparse ? learningRate * correction2 / correction1 : learningRate / correction1)
        scale = isSparse ? 1 : Float(1 / correction2)
    }

    func run(_ value: inout Tensor, _ state: inout [Tensor], _ gradient: Gradient) {
        let w = UpdateTarget(&value)
        let m = UpdateTarget(&state[0])
        let v = UpdateTarget(&state[1])
        gradient.forEachStretch { stretch in
            update(stretch, w + stretch.offset, m + stretch.offset, v + stretch.offset)
        }
    }

    func update(
        _ stretch: GradientStretch, _ w: UnsafeMutablePointer<Float>, _ m: UnsafeMutablePointer<Float>,
        _ v: UnsafeMutablePointer<Float>
    ) {
        trainingKernels.adam(
            w, m, v, stretch.gradient, stretch.count,
            kk_adam(
                take1: take1, take2: take2, epsilon: epsilon, decay: decay, keep: keep, rate: rate,
                scale: scale))
    }
}
