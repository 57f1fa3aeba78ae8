public import KuklaTensor

/// A scalar to minimise over the embeddings of one batch.
///
/// | loss | columns of texts | scores |
/// | --- | --- | --- |
/// | `MultipleNegativesRankingLoss` | anchor, positive, any number of negatives | not used, or labels |
/// | `CoSENTLoss`, `AnglELoss` | first, second | only their order matters |
/// | `CosineRegressionLoss` | first, second | the cosine that is wanted |
///
/// A loss sees embeddings, not texts: how they were computed, and whether a batch was cut in pieces (`GradCache`), is not its
/// business. A method such as Matryoshka is a loss around another one.
public protocol EmbeddingLoss: Sendable {
    /// What logs call it.
    var name: String { get }

    /// *Shapes:* `columns`, each `[n, d]`: row i of one belongs to row i of the others; `scores` n numbers, empty where the
    /// examples have none; the result is a scalar. Rows need not be normalised.
    func callAsFunction(_ columns: [Tensor], scores: [Float]) -> Tensor
}
