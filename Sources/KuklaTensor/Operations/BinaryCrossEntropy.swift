import CKernels
import KuklaNumerics

extension Tensor {
    /// The cross-entropy of each logit against the probability of a yes: `-t log sigmoid(x) - (1 - t) log(1 - sigmoid(x))`.
    ///
    /// *Shapes:* `targets` as this tensor, numbers in `0...1`, which have a gradient too; result a scalar, or this shape where
    /// `reduction` is `.none`. `positiveWeight` multiplies the first term, for classes that are rare. One pass over memory in each
    /// direction, exact for logits of any size.
    public func binaryCrossEntropy(
        targets: Tensor, positiveWeight: Float = 1, reduction: Reduction = .mean
    ) -> Tensor {
        contract(
            shape == targets.shape,
            "binaryCrossEntropy: logits \(shape) and targets \(targets.shape): expected one shape")
        let scale: Float = reduction == .mean ? 1 / Float(count) : 1
        let (losses, total) = binaryCrossEntropies(
            targets, positiveWeight, keepingLosses: reduction == .none)
        return (losses ?? Tensor(Float(total * Double(scale)))).recorded(
            "binaryCrossEntropy",
            (self, { binaryCrossEntropySlope(targets, positiveWeight, times: $0 * scale) }),
            (targets, { $0 * scale * ((-self).softplus() * (positiveWeight - 1) - self) }))
    }

    // Each loss where asked for, and the sum of all: blocks in float32, their sums in double. Unrecorded.
    private func binaryCrossEntropies(
        _ targets: Tensor, _ positiveWeight: Float, keepingLosses: Bool
    ) -> (losses: Tensor?, total: Double) {
        let kernels = trainingKernels
        let losses = keepingLosses ? AlignedStorage<Float>(uninitialized: count) : nil
        let partial = AlignedStorage<Float>(uninitialized: (count + elementGrain - 1) / elementGrain)
        tensorFor(count, grain: elementGrain) { block in
            let at = block.lowerBound
            partial.pointer[at / elementGrain] = kernels.binary_cross_entropy(
                pointer + at, targets.pointer + at, positiveWeight, losses.map { $0.pointer + at },
                block.count)
        }
        return (
            losses.map { Tensor(shape: shape, storage: $0) },
            partial.buffer.reduce(0.0) { $0 + Double($1) }
        )
    }

    // The gradient of the logits where that of the losses is `gradient`: one number, or one for each.
    private func binaryCrossEntropySlope(
        _ targets: Tensor, _ positiveWeight: Float, times gradient: Tensor
    ) -> Tensor {
        if Tape.isDifferentiatingBackward {
            let weights = targets * (positiveWeight - 1) + 1
            return gradient * (1 - targets - weights * (-self).sigmoid())
        }
        let kernels = trainingKernels
        let repeats = gradient.count == 1
        return Tensor(shape: shape) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            tensorFor(count, grain: elementGrain) { block in
                let at = block.lowerBound
                kernels.binary_cross_entropy_slope(
                    pointer + at, targets.pointer + at, positiveWeight,
                    gradient.pointer + (repeats ? 0 : at), repeats, to + at, block.count)
            }
        }
    }
}
