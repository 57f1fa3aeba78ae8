import KuklaNumerics
public import KuklaTensor

/// What makes texts' concepts agree where the texts are relevant to each other, and keeps each dimension meaning its name.
///
/// - *relevance:* the cross-entropy of `sigmoid(scale * cosine + offset)` over all pairs of two columns; those that are relevant and
///   those that are not count alike, however many there are.
/// - *explicitness:* the cross-entropy of the concepts' logits against the concepts that a text is known to have.
/// - *sparsity:* the mean sum of a vector's absolute values.
///
/// *Source:* Bogdanova and Yazdani 2017, "SESA: supervised explicit semantic analysis", arXiv:1708.03246.
/// *Differs from the paper in:* the explicitness and sparsity terms, which it does not have: relevance alone lets dimensions drift
/// until their names are lies.
public enum SESALoss {
    /// *Shapes:* `first [n, k]` and `second [m, k]` vectors, `relevant [n, m]` of 0 and 1, `relation [2]` the logarithm of the scale and
    /// the offset; a scalar.
    public static func relevance(
        _ first: Tensor, _ second: Tensor, relevant: Tensor, relation: Tensor
    ) -> Tensor {
        contract(
            first.rank == 2 && second.rank == 2 && first.shape[1] == second.shape[1]
                && relevant.shape == [first.shape[0], second.shape[0]] && relation.shape == [2],
            "SESALoss: vectors \(first.shape) and \(second.shape), relevant \(relevant.shape), relation \(relation.shape)"
        )
        // A text without concepts has no direction: its cosines are 0, and no gradient is made large.
        let cosines = first.normalized(epsilon: 1e-6).matmul(
            second.normalized(epsilon: 1e-6), transposingOther: true)
        let logits = cosines * relation[rows: 0..<1].exp() + relation[rows: 1..<2]
        let count = relevant.detached.sum().item
        let total = Float(relevant.count)
        let (positive, negative) = (0.5 / max(count, 1), 0.5 / max(total - count, 1))
        let weights = relevant.detached * (positive - negative) + negative
        return (logits.binaryCrossEntropy(targets: relevant.detached, reduction: .none) * weights).sum()
    }

    /// *Shapes:* `logits` and `known` `[n, k]`, `known` of 0 and 1; a scalar, the mean over texts of the sum over concepts.
    public static func explicitness(_ logits: Tensor, known: Tensor) -> Tensor {
        logits.binaryCrossEntropy(targets: known.detached, reduction: .sum) / Float(max(logits.shape[0], 1))
    }

    /// *Shapes:* `vectors [n, k]`; a scalar.
    public static func sparsity(_ vectors: Tensor) -> Tensor {
        vectors.abs().sum() / Float(max(vectors.shape[0], 1))
    }
}
