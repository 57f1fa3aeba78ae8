import KuklaNumerics
import KuklaText

/// A model at some of its dimensions.
struct SizedModel: TextEmbedder {
    let model: EmbeddingModel
    let leading: Int?
    private let prompt: String

    /// - Parameter instruction: a task in words, or the name of a prompt that the model knows.
    /// - Throws: `KuklaError.usage` where the model has fewer dimensions.
    init(_ model: EmbeddingModel, dimensions: Int?, instruction: String? = nil) throws(KuklaError) {
        try model.check(dimensions: dimensions)
        self.model = model
        leading = dimensions
        prompt = instruction.map { model.prompts.prompt(for: $0) } ?? ""
    }

    var dimensions: Int { leading ?? model.encoder.dimensions }
    var maximumLength: Int { model.encoder.maximumLength }

    func embed(
        _ texts: [String], threads: Int, progress: any ProgressReporter
    ) throws(KuklaError) -> EmbeddingModel.Embeddings {
        try model.embed(texts, prompt: prompt, dimensions: leading, threads: threads, progress: progress)
    }
}
