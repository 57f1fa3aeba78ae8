import KuklaNumerics
import KuklaText

/// A model at some of its dimensions.
struct SizedModel: TextEmbedder {
    let model: EmbeddingModel
    let leading: Int?

    /// - Throws: `KuklaError.usage` where the model has fewer dimensions.
    init(_ model: EmbeddingModel, dimensions: Int?) throws(KuklaError) {
        try model.check(dimensions: dimensions)
        self.model = model
        leading = dimensions
    }

    var dimensions: Int { leading ?? model.encoder.dimensions }
    var maximumLength: Int { model.encoder.maximumLength }

    func embed(
        _ texts: [String], threads: Int, progress: any ProgressReporter
    ) throws(KuklaError) -> EmbeddingModel.Embeddings {
        try model.embed(texts, dimensions: leading, threads: threads, progress: progress)
    }
}
