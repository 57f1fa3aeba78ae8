public import KuklaNumerics

/// A function from a text to one vector.
public protocol TextEmbedder: Sendable {
    /// Components of a vector.
    var dimensions: Int { get }
    /// The longest text that is read whole, in tokens.
    var maximumLength: Int { get }

    /// The vectors of `texts`, `[texts, dimensions]`.
    ///
    /// - Throws: `KuklaError(.badData)` where weights are damaged.
    func embed(
        _ texts: [String], threads: Int, progress: any ProgressReporter
    ) throws(KuklaError) -> EmbeddingModel.Embeddings
}
