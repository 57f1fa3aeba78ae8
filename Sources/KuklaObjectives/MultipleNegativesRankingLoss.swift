import KuklaNumerics
public import KuklaTensor

/// Each anchor must find its positive among the positives and negatives of the whole batch: the cross-entropy of
/// `cosine / temperature` over them (InfoNCE with in-batch negatives).
///
/// `loss_i = -log(exp(cos(a_i, p_i) / t) / sum_j exp(cos(a_i, c_j) / t))`, `c` being all positives, then all hard negatives;
/// the mean over i. The symmetric form is the mean of this and of positives that look for their anchors.
///
/// *Shapes:* columns anchor, positive, then any number of hard negatives, each `[n, d]`.
/// *Batches:* the larger the better; no text should stand twice in one (`DistinctTextSampler`).
/// *Temperature:* 0.05 is sentence-transformers' `scale` of 20.
/// *Source:* Henderson et al. 2017, "Efficient natural language response suggestion for Smart Reply", arXiv:1705.00652; van den Oord,
/// Li and Vinyals 2018, "Representation learning with contrastive predictive coding", arXiv:1807.03748.
public struct MultipleNegativesRankingLoss: EmbeddingLoss {
    public var temperature: Float
    public var isSymmetric: Bool

    public init(temperature: Float = 0.05, isSymmetric: Bool = false) {
        contract(
            temperature > 0, "MultipleNegativesRankingLoss: temperature \(temperature), expected above 0")
        self.temperature = temperature
        self.isSymmetric = isSymmetric
    }

    public var name: String { "contrastive" }

    public func callAsFunction(_ columns: [Tensor], scores: [Float] = []) -> Tensor {
        contract(
            columns.count >= 2 && columns.allSatisfy { $0.shape == columns[0].shape },
            "MultipleNegativesRankingLoss: columns of shapes \(columns.map(\.shape)), expected two or more alike"
        )
        let count = columns[0].shape[0]
        let targets = (0..<Int32(count)).map { $0 }
        let anchors = columns[0].normalized()
        let positives = columns[1].normalized()
        let candidates = Tensor.concatenated(
            [positives] + columns.dropFirst(2).map { $0.normalized() }, axis: 0)
        let forward = (anchors.matmul(candidates, transposingOther: true) * (1 / temperature))
            .crossEntropy(targets: targets)
        guard isSymmetric else { return forward }
        let backward = (positives.matmul(anchors, transposingOther: true) * (1 / temperature))
            .crossEntropy(targets: targets)
        return (forward + backward) * 0.5
    }
}
