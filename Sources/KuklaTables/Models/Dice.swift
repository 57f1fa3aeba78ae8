public import KuklaNN
import KuklaNumerics
public import KuklaTensor

/// An activation that lets pass by how a number stands to the others of its unit: `p x + (1 - p) a x`, where
/// `p = sigmoid((x - mean) / sqrt(variance + epsilon))`, mean and variance over the batch in training, running averages of these
/// in use, and a learned for each unit, 0 at first.
///
/// *Shapes:* `[n, units]`. *Source:* Zhou et al. 2018, "Deep interest network for click-through rate prediction",
/// arXiv:1706.06978, section 5.3.
public struct Dice: Module {
    public let slope: Parameter
    public let runningMean: Parameter
    public let runningVariance: Parameter
    public let epsilon: Float
    /// The share of a new batch in the running averages.
    public let momentum: Float

    public init(_ units: Int, slope: Float = 0, epsilon: Float = 1e-8, momentum: Float = 0.1) {
        self.slope = Parameter(.full([units], slope))
        runningMean = Parameter(.zeros([units]), isBuffer: true)
        runningVariance = Parameter(.ones([units]), isBuffer: true)
        self.epsilon = epsilon
        self.momentum = momentum
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("slope", slope)
        visitor.visit("running_mean", runningMean)
        visitor.visit("running_var", runningVariance)
    }

    public func callAsFunction(_ x: Tensor, mode: ForwardMode) -> Tensor {
        contract(
            x.rank == 2 && x.shape[1] == slope.shape[0],
            "Dice: input of shape \(x.shape) for \(slope.shape[0]) units")
        // One row has no variance; the averages stand in for it.
        guard mode.isTraining, x.shape[0] > 1 else {
            return x.diced(
                slope.tensor, statistics: (runningMean.value, runningVariance.value), epsilon: epsilon
            ).result
        }
        let (result, mean, variance) = x.diced(slope.tensor, epsilon: epsilon)
        update(runningMean, by: mean)
        update(runningVariance, by: variance)
        return result
    }

    private func update(_ running: Parameter, by new: Tensor) {
        let momentum = momentum
        running.update { $0 = $0 * (1 - momentum) + new * momentum }
    }
}

/// `max(x, 0) + a min(x, 0)` with a learned for each unit.
///
/// *Shapes:* `[n, units]`. *Source:* He, Zhang, Ren and Sun 2015, "Delving deep into rectifiers", arXiv:1502.01852.
public struct ParametricReLU: Module {
    public let slope: Parameter

    public init(_ units: Int, slope: Float = 0.25) { self.slope = Parameter(.full([units], slope)) }

    public func visit(_ visitor: inout ModuleVisitor) { visitor.visit("slope", slope) }

    public func callAsFunction(_ x: Tensor) -> Tensor { x.relu() - (-x).relu() * slope.tensor }
}
