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
/// *Labels:* where `sparesSameLabel`, scores are labels, and another row's positive of the same label is no negative: with four
/// topics a quarter of the in-batch negatives would be false.
/// *Temperature:* 0.05 is sentence-transformers' `scale` of 20.
/// *Source:* Henderson et al. 2017, "Efficient natural language response suggestion for Smart Reply", arXiv:1705.00652; van den Oord,
/// Li and Vinyals 2018, "Representation learning with contrastive predictive coding", arXiv:1807.03748.
public struct MultipleNegativesRankingLoss: EmbeddingLoss {
    public var temperature: Float
    public var isSymmetric: Bool
    public var sparesSameLabel: Bool

    public init(temperature: Float = 0.05, isSymmetric: Bool = false, sparesSameLabel: Bool = false) {
        contract(
            temperature > 0, "MultipleNegativesRankingLoss: temperature \(temperature), expected above 0")
        self.temperature = temperature
        self.isSymmetric = isSymmetric
        self.sparesSameLabel = sparesSameLabel
    }

    public var name: String { "contrastive" }

    public func callAsFunction(_ columns: [Tensor], scores: [Float] = []) -> Tensor {
        contract(
            columns.count >= 2 && columns.allSatisfy { $0.shape == columns[0].shape },
            "MultipleNegativesRankingLoss: columns of shapes \(columns.map(\.shape)), expected two or more alike"
        )
        contract(
            !sparesSameLabel || scores.count == columns[0].shape[0],
            "MultipleNegativesRankingLoss: \(scores.count) labels for \(columns[0].shape[0]) rows")
        let count = columns[0].shape[0]
        let targets = (0..<Int32(count)).map { $0 }
        let anchors = columns[0].normalized()
        let positives = columns[1].normalized()
        let candidates = Tensor.concatenated(
            [positives] + columns.dropFirst(2).map { $0.normalized() }, axis: 0)
        func loss(_ queries: Tensor, _ candidates: Tensor) -> Tensor {
            let logits = queries.matmul(candidates, transposingOther: true) * (1 / temperature)
            return (sparesSameLabel ? logits + Self.spared(scores, candidates.shape[0]) : logits)
                .crossEntropy(targets: targets)
        }
        let forward = loss(anchors, candidates)
        return isSymmetric ? (forward + loss(positives, anchors)) * 0.5 : forward
    }

    /// What makes candidates of the row's own label, but for its positive, too unlikely to count: `[n, candidates]`.
    private static func spared(_ labels: [Float], _ candidates: Int) -> Tensor {
        Tensor(shape: [labels.count, candidates]) { out in
            for row in labels.indices {
                for other in 0..<candidates {
                    let isSpared = other != row && other < labels.count && labels[other] == labels[row]
                    out[row * candidates + other] = isSpared ? -1e9 : 0
                }
            }
        }
    }
}
