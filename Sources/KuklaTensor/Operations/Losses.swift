import KuklaNumerics

// Losses of elements against targets of the same shape (never broadcast: [n] against [n, 1] is a mistake). Made of elementary
// operations, so each has gradients of gradients; targets have a gradient too. Results are scalars, or this shape where
// `reduction` is `.none`.

extension Tensor {
    /// `(x - target)^2`.
    public func squaredError(to targets: Tensor, reduction: Reduction = .mean) -> Tensor {
        let difference = difference(from: targets, "squaredError")
        return (difference * difference).reduced(by: reduction)
    }

    /// `|x - target|`; the slope at zero is taken as 0.
    public func absoluteError(to targets: Tensor, reduction: Reduction = .mean) -> Tensor {
        difference(from: targets, "absoluteError").abs().reduced(by: reduction)
    }

    /// Half the squared difference up to `threshold`, and from there on its tangent, `threshold (|x - target| - threshold / 2)`.
    ///
    /// *Source:* Huber 1964, "Robust estimation of a location parameter". PyTorch's smooth L1 loss is this one divided by the
    /// threshold.
    public func huberLoss(to targets: Tensor, threshold: Float = 1, reduction: Reduction = .mean) -> Tensor {
        contract(threshold > 0, "huberLoss: threshold \(threshold), expected a positive number")
        let difference = difference(from: targets, "huberLoss")
        let near = difference.clamp(min: -threshold, max: threshold)
        return (near * (difference - near * 0.5)).reduced(by: reduction)
    }

    /// `max(0, margin - sign * x)` for signs of -1 and 1.
    public func hingeLoss(signs: Tensor, margin: Float = 1, reduction: Reduction = .mean) -> Tensor {
        contract(shape == signs.shape, "hingeLoss: shapes \(shape) and \(signs.shape) differ")
        return (margin - self * signs).relu().reduced(by: reduction)
    }

    private func difference(from targets: Tensor, _ loss: StaticString) -> Tensor {
        contract(shape == targets.shape, "\(loss): shapes \(shape) and \(targets.shape) differ")
        return self - targets
    }
}
