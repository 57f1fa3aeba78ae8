import KuklaNumerics
public import KuklaTensor

/// Cosines must have the order of the scores: `log(1 + sum of exp(scale (cos_i - cos_j)))` over all i, j with `score_i < score_j`.
///
/// Only the order of the scores matters. A batch whose scores are all equal has loss 0 and no gradient.
///
/// *Shapes:* two columns `[n, d]`, n scores.
/// - Complexity: O(n^2) beside the cosines.
/// *Source:* Su 2022, "CoSENT: a more efficient sentence vector scheme than Sentence-BERT", kexue.fm/archives/8847.
public struct CoSENTLoss: EmbeddingLoss {
    /// Multiplies the cosines: the inverse of a temperature.
    public var scale: Float

    public init(scale: Float = 20) {
        contract(scale > 0, "CoSENTLoss: scale \(scale), expected above 0")
        self.scale = scale
    }

    public var name: String { "cosent" }

    public func callAsFunction(_ columns: [Tensor], scores: [Float]) -> Tensor {
        RankingLoss.loss(of: RowSimilarity.cosine(columns, name), scores: scores, scale: scale)
    }
}
