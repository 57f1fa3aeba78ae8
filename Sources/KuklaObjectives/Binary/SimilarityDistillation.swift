import KuklaNumerics
public import KuklaTensor

/// Codes must be as alike as the vectors they stand for: the divergence of each row's softmax of `cosine / temperature` from
/// that of the vectors.
///
/// `loss = mean over i of KL(softmax_j(t_ij / temperature) || softmax_j(c_ij / temperature))` over j other than i. The smaller the
/// temperature, the more a row's nearest neighbours count. It needs no pairs, and no codes: any rows whose cosines can be
/// told serve.
///
/// *Shapes:* `queries` and `candidates` `[n, c]`, `similarities` `[n, n]`, the cosines of the vectors, without gradient; the result
/// is a scalar.
/// *Source:* after Tung and Mori 2019, "Similarity-preserving knowledge distillation", arXiv:1907.09682, with the softmax of
/// Hinton et al. 2015, arXiv:1503.02531, in place of squared differences.
public struct SimilarityDistillation: Sendable {
    public var temperature: Float

    public init(temperature: Float = 0.05) {
        contract(temperature > 0, "SimilarityDistillation: temperature \(temperature), expected above 0")
        self.temperature = temperature
    }

    public func callAsFunction(_ queries: Tensor, _ candidates: Tensor, like similarities: Tensor) -> Tensor {
        let count = queries.shape[0]
        contract(
            count > 1 && similarities.shape == [count, count],
            "SimilarityDistillation: \(count) queries, similarities of shape \(similarities.shape)")
        let own = Tensor.identity(count)
        func logits(_ cosines: Tensor) -> Tensor { (cosines / temperature).filled(with: -1e9, where: own) }
        let wanted = logits(similarities.detached)
        let probabilities = wanted.softmax()
        let found = logits(queries.normalized().matmul(candidates.normalized(), transposingOther: true))
        // What the best codes would leave, so that 0 is perfect.
        let entropy = (probabilities * wanted.logSoftmax()).sum() / Float(count)
        return found.crossEntropy(probabilities: probabilities) + entropy
    }
}
