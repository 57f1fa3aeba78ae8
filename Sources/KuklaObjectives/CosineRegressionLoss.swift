import KuklaNumerics
public import KuklaTensor

/// The mean squared difference of cosines and scores, which must be on the cosine's scale: 0 to 1, or -1 to 1.
///
/// *Shapes:* two columns `[n, d]`, n scores.
/// *Source:* Reimers and Gurevych 2019, "Sentence-BERT", section 3, doi:10.18653/v1/D19-1410 (sentence-transformers'
/// `CosineSimilarityLoss`).
public struct CosineRegressionLoss: EmbeddingLoss {
    public init() {}

    public var name: String { "cosine" }

    public func callAsFunction(_ columns: [Tensor], scores: [Float]) -> Tensor {
        let cosines = RowSimilarity.cosine(columns, name)
        contract(
            scores.count == cosines.count,
            "CosineRegressionLoss: \(scores.count) scores for \(cosines.count) pairs")
        let difference = cosines - Tensor(scores)
        return (difference * difference).mean()
    }
}
