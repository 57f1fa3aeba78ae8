import KuklaNumerics
public import KuklaTensor

/// `CoSENTLoss` with the angle between embeddings in complex space in place of the cosine, which has almost no slope where it is
/// near 1 or -1.
///
/// The two halves of an embedding are real and imaginary parts `x = a + ib`, `y = c + id`; the similarity is the absolute sum of
/// the real and imaginary parts of `x / y`, each side divided by its length:
/// `|sum of (ac + bd) + (bc - ad)| / (|x| |y|)`.
///
/// *Shapes:* two columns `[n, d]`, d even; n scores.
/// *Source:* Li and Li 2023, "AnglE-optimized text embeddings", arXiv:2309.12871, with the similarity of the authors' code, which
/// sentence-transformers' `AnglELoss` has too.
public struct AnglELoss: EmbeddingLoss {
    public var scale: Float

    public init(scale: Float = 20) {
        contract(scale > 0, "AnglELoss: scale \(scale), expected above 0")
        self.scale = scale
    }

    public var name: String { "angle" }

    public func callAsFunction(_ columns: [Tensor], scores: [Float]) -> Tensor {
        RankingLoss.loss(of: RowSimilarity.angle(columns, name), scores: scores, scale: scale)
    }
}
