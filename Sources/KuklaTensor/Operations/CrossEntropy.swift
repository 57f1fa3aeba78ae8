import KuklaNumerics

/// What becomes of one loss for each row (or element).
public enum Reduction: String, Sendable, CaseIterable {
    /// The mean over those that count.
    case mean
    case sum
    /// The losses themselves.
    case none
}

extension Tensor {
    /// The cross-entropy of softmax rows against one right class each: `-log softmax(x)[target]`.
    ///
    /// *Shapes:* `x [n, classes]`, `targets` n class numbers; result a scalar, or `[n]` where `reduction` is `.none`.
    /// Rows whose target is `ignoring` have no loss and do not count in the mean (over no rows at all it is not a number). With
    /// `labelSmoothing` s the target is `(1 - s) onehot + s / classes`. Keeps `x` and a number a row for the gradient.
    /// *Source:* smoothing by Szegedy et al. 2016, "Rethinking the Inception architecture for computer vision", arXiv:1512.00567.
    public func crossEntropy(
        targets: [Int32], labelSmoothing: Float = 0, ignoring: Int32? = nil, reduction: Reduction = .mean
    ) -> Tensor {
        contract(
            rank == 2 && shape[0] == targets.count,
            "crossEntropy: logits \(shape) and \(targets.count) targets: expected [targets, classes]")
        let classes = shape[1]
        for target in targets where target != ignoring {
            contract(
                target >= 0 && target < classes, "crossEntropy: target \(target) of \(classes) classes")
        }
        let counted = ignoring == nil ? targets.count : targets.reduce(0) { $0 + ($1 == ignoring ? 0 : 1) }
        let (lse, totals) = detached.logSums(withTotals: labelSmoothing != 0)
        let losses = Tensor(shape: [targets.count]) { out in
            for (i, target) in targets.enumerated() {
                guard target != ignoring else {
                    out[i] = 0
                    continue
                }
                let right = pointer[i * classes + Int(target)]
                let mean = totals.map { $0.pointer[i] / Float(classes) } ?? 0
                out[i] = lse.pointer[i] - (1 - labelSmoothing) * right - labelSmoothing * mean
            }
        }
        let scale: Float = reduction == .mean ? 1 / Float(counted) : 1
        let result = reduction == .none ? losses : Tensor(losses.total * scale)
        return result.recorded(
            "crossEntropy",
            (
                self,
                { gradient in
                    Tape.requireFirstOrder("crossEntropy")
                    // The gradient of each row's loss.
                    let rows = Tensor(shape: [targets.count]) { out in
                        for (i, target) in targets.enumerated() {
                            let g = reduction == .none ? gradient.pointer[i] : gradient.pointer[0] * scale
                            out[i] = target == ignoring ? 0 : g
                        }
                    }
                    var slope = softmaxTimes(
                        rows, plus: rows * (-labelSmoothing / Float(classes)), lse: lse)
                    slope.withUnsafeMutableBufferPointer { to in
                        for (i, target) in targets.enumerated() where target != ignoring {
                            to[i * classes + Int(target)] -= (1 - labelSmoothing) * rows.pointer[i]
                        }
                    }
                    return slope
                }
            ))
    }

    /// The cross-entropy of softmax rows against a distribution for each: `-sum of p log softmax(x)`.
    ///
    /// *Shapes:* `x` and `probabilities` `[n, classes]`; result a scalar, or `[n]` where `reduction` is `.none`. `probabilities` need
    /// not sum to 1, and have a gradient too.
    public func crossEntropy(probabilities: Tensor, reduction: Reduction = .mean) -> Tensor {
        contract(
            rank == 2 && shape == probabilities.shape,
            "crossEntropy: logits \(shape) and probabilities \(probabilities.shape): expected [n, classes] twice"
        )
        return (-(probabilities * logSoftmax()).sum(axes: [-1])).reduced(by: reduction)
    }

    /// One number of these losses, or the losses themselves.
    func reduced(by reduction: Reduction) -> Tensor {
        switch reduction {
        case .mean: mean()
        case .sum: sum()
        case .none: self
        }
    }

    // The sum of all elements in double.
    private var total: Float {
        withUnsafeBufferPointer { Float($0.reduce(0.0) { $0 + Double($1) }) }
    }
}
