import KuklaNumerics

extension Tensor {
    /// The Kullback-Leibler divergence of each softmax row from a given distribution: `sum of p (log p - log softmax(x))`.
    ///
    /// *Shapes:* `x` and `probabilities` `[..., classes]`; result a scalar (the mean is over rows), or `[...]` where `reduction` is
    /// `.none`. `0 log 0` is 0. `probabilities` have a gradient too: detach those of a teacher.
    public func divergence(fromProbabilities probabilities: Tensor, reduction: Reduction = .mean) -> Tensor {
        requireRows(probabilities, "probabilities")
        let isPositive = probabilities.isGreater(than: 0)
        let logs = probabilities.filled(with: 1, where: isPositive.negatedMask()).log()
        return (probabilities * (logs - logSoftmax())).sum(axes: [-1]).reduced(by: reduction)
    }

    /// The Kullback-Leibler divergence of each softmax row from that of a teacher's logits.
    ///
    /// For distillation at temperature T divide both by T and multiply the loss by T^2 (Hinton, Vinyals and Dean 2015,
    /// arXiv:1503.02531).
    public func divergence(fromLogits logits: Tensor, reduction: Reduction = .mean) -> Tensor {
        requireRows(logits, "logits")
        let logs = logits.logSoftmax()
        return (logs.exp() * (logs - logSoftmax())).sum(axes: [-1]).reduced(by: reduction)
    }

    private func requireRows(_ other: Tensor, _ name: StaticString) {
        contract(
            rank > 0 && shape == other.shape,
            "divergence: logits \(shape) and \(name) \(other.shape): expected [..., classes] twice")
    }
}
