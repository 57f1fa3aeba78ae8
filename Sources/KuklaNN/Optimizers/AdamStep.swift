import CKernels
import Foundation
import KuklaTensor

/// The numbers of one step of the Adam family, bias corrections folded in, and its loop over the elements.
struct AdamStep: Sendable {
    static let stateNames = ["first_moment", "second_moment"]

    private var settings: kk_adam
    /// Decay that is added to the gradient.
    var decay: Float {
        get { settings.decay }
        set { settings.decay = newValue }
    }
    /// What the weight is multiplied by first.
    var keep: Float {
        get { settings.keep }
        set { settings.keep = newValue }
    }

    // Corrections in double: 1 - beta^t in float loses four digits at the first steps.
    init(
        _ beta1: Double, _ beta2: Double, _ epsilon: Float, step: Int, settings: UpdateSettings,
        isSparse: Bool
    ) {
        let correction1 = 1 - pow(beta1, Double(step))
        let correction2 = (1 - pow(beta2, Double(step))).squareRoot()
        let rate = Double(settings.learningRate) / correction1
        self.settings = kk_adam(
            take1: Float(1 - beta1), take2: Float(1 - beta2), epsilon: epsilon, decay: settings.weightDecay,
            keep: 1, rate: Float(isSparse ? rate * correction2 : rate),
            scale: isSparse ? 1 : Float(1 / correction2))
    }

    func run(_ value: inout Tensor, _ state: inout [Tensor], _ gradient: Gradient) {
        let w = UpdateTarget(&value)
        let m = UpdateTarget(&state[0])
        let v = UpdateTarget(&state[1])
        let kernels = trainingKernels
        gradient.forEachStretch { stretch in
            kernels.adam(
                w + stretch.offset, m + stretch.offset, v + stretch.offset, stretch.gradient, stretch.count,
                settings)
        }
    }

    /// The step of one stretch, `w` being anywhere: for rules that need the step itself.
    func update(
        _ stretch: GradientStretch, _ w: UnsafeMutablePointer<Float>, _ m: UnsafeMutablePointer<Float>,
        _ v: UnsafeMutablePointer<Float>
    ) {
        trainingKernels.adam(w, m, v, stretch.gradient, stretch.count, settings)
    }
}
