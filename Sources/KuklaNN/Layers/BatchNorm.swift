import KuklaNumerics
public import KuklaTensor

/// Channels to mean 0 and variance 1, by the statistics of the batch in training and by running averages of these in use,
/// then scaled and shifted.
///
/// *Shapes:* `x [n, channels, ...]` with any number of further axes. Statistics are buffers under PyTorch's names; the running
/// variance averages the unbiased one, as there. *Source:* Ioffe and Szegedy 2015, arXiv:1502.03167.
public struct BatchNorm: Module {
    public let weight: Parameter
    public let bias: Parameter
    public let runningMean: Parameter
    public let runningVariance: Parameter
    /// Batches seen in training, one number.
    public let batchesTracked: Parameter
    public let epsilon: Float
    /// The share of a new batch in the running averages.
    public let momentum: Float

    /// Weight 1 and bias 0, running mean 0 and variance 1.
    public init(_ channels: Int, epsilon: Float = 1e-5, momentum: Float = 0.1) {
        weight = Parameter(.ones([channels]))
        bias = Parameter(.zeros([channels]))
        runningMean = Parameter(.zeros([channels]), isBuffer: true)
        runningVariance = Parameter(.ones([channels]), isBuffer: true)
        batchesTracked = Parameter(Tensor(0), isBuffer: true)
        self.epsilon = epsilon
        self.momentum = momentum
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("weight", weight)
        visitor.visit("bias", bias)
        visitor.visit("running_mean", runningMean)
        visitor.visit("running_var", runningVariance)
        visitor.visit("num_batches_tracked", batchesTracked)
    }

    public func callAsFunction(_ x: Tensor, mode: ForwardMode) -> Tensor {
        contract(
            x.rank >= 2 && x.shape[1] == weight.shape[0],
            "BatchNorm: input of shape \(x.shape) for \(weight.shape[0]) channels")
        guard mode.isTraining else {
            return x.batchNorm(
                weight.tensor, bias.tensor, mean: runningMean.value, variance: runningVariance.value,
                epsilon: epsilon)
        }
        let (result, mean, variance) = x.batchNorm(weight.tensor, bias.tensor, epsilon: epsilon)
        let count = Float(x.count / max(1, x.shape[1]))
        contract(count > 1, "BatchNorm: one value a channel in training (shape \(x.shape)) has no variance")
        update(runningMean, by: mean)
        update(runningVariance, by: variance * (count / (count - 1)))
        batchesTracked.update { $0 = $0 + 1 }
        return result
    }

    private func update(_ running: Parameter, by new: Tensor) {
        let momentum = momentum
        running.update { $0 = $0 * (1 - momentum) + new * momentum }
    }
}
