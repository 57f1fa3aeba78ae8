import KuklaNumerics
public import KuklaTensor

/// Each anchor must find its positive among its own negatives alone: the cross-entropy of `cosine / temperature` over them.
///
/// `loss_i = -log(exp(cos(a_i, p_i) / t) / (exp(cos(a_i, p_i) / t) + sum_k exp(cos(a_i, n_ik) / t)))`; the mean over i. Nothing of
/// other rows counts, so a batch may mix tasks and hold texts of one class twice: what `MultipleNegativesRankingLoss` would push
/// apart.
///
/// *Shapes:* columns anchor, positive and one or more negatives, each `[n, d]`.
/// *Source:* the second stage of Lee et al. 2025, "NV-Embed: Improved techniques for training LLMs as generalist embedding models",
/// arXiv:2405.17428.
public struct OwnNegativesLoss: EmbeddingLoss {
    public var temperature: Float

    public init(temperature: Float = 0.05) {
        contract(temperature > 0, "OwnNegativesLoss: temperature \(temperature), expected above 0")
        self.temperature = temperature
    }

    public var name: String { "own_negatives" }

    public func callAsFunction(_ columns: [Tensor], scores: [Float] = []) -> Tensor {
        contract(
            columns.count >= 3 && columns.allSatisfy { $0.shape == columns[0].shape },
            "OwnNegativesLoss: columns of shapes \(columns.map(\.shape)), expected three or more alike")
        let count = columns[0].shape[0]
        let cosines = columns.dropFirst().map {
            Tensor.cosineSimilarity(columns[0], $0).reshaped([count, 1])
        }
        return (Tensor.concatenated(Array(cosines), axis: 1) * (1 / temperature))
            .crossEntropy(targets: [Int32](repeating: 0, count: count))
    }
}
