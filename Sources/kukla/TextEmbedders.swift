import ArgumentParser
import Foundation
import KuklaNumerics
import KuklaText

/// A model at some of its dimensions.
struct SizedModel: TextEmbedder {
    let model: EmbeddingModel
    private(set) var leading: Int?
    private var prompt: String

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

    /// The same with nothing before a text.
    var withoutInstruction: SizedModel {
        var other = self
        other.prompt = ""
        return other
    }

    /// The same with fewer dimensions.
    ///
    /// - Throws: `KuklaError.usage` where the model has fewer.
    func cut(to dimensions: Int) throws(KuklaError) -> SizedModel {
        try model.check(dimensions: dimensions)
        var other = self
        other.leading = dimensions
        return other
    }

    func embed(
        _ texts: [String], threads: Int, progress: any ProgressReporter
    ) throws(KuklaError) -> EmbeddingModel.Embeddings {
        try model.embed(texts, prompt: prompt, dimensions: leading, threads: threads, progress: progress)
    }
}

/// Of a folder with several spaces, or with named dimensions: which, and how much of them.
struct SpaceOptions: ParsableArguments {
    @Option(help: "Of a model that `kukla train aspects` made: the aspect whose space is wanted.")
    var aspect: String?

    @Option(help: "Of a model that `kukla train sesa` made: keep a text's largest concepts only, this many.")
    var topConcepts: Int?

    func validate() throws {
        guard topConcepts.map({ $0 > 0 }) ?? true else {
            throw ValidationError("--top-concepts keeps 1 concept or more.")
        }
    }
}

extension ModelOptions {
    /// What gives a vector for each text: a model at a size, one space of a folder that has several, or concepts.
    ///
    /// - Parameter instruction: stands before every text, see `SizedModel`.
    /// - Throws: `KuklaError.usage` where an option does not go with what the folder holds; as the models.
    func embedder(
        _ folder: URL, space: SpaceOptions?, dimensions: Int? = nil, layers: Int? = nil,
        instruction: String? = nil
    ) throws(KuklaError) -> any TextEmbedder {
        let (hasAspects, hasConcepts) = (AspectFolder.isOne(folder), ConceptFolder.isOne(folder))
        guard hasAspects || space?.aspect == nil else {
            throw KuklaError(
                .usage,
                "\(folder.path) has no aspects: leave --aspect out, or name a folder that `kukla train aspects` wrote."
            )
        }
        guard hasConcepts || space?.topConcepts == nil else {
            throw KuklaError(
                .usage,
                "\(folder.path) has no named concepts: leave --top-concepts out, or name a folder that `kukla train sesa` wrote."
            )
        }
        let precision: TextEncoder.Precision = int8 ? .int8 : .float32
        guard hasAspects || hasConcepts else {
            return try SizedModel(
                EmbeddingModel(folder: folder, precision: precision, layers: layers), dimensions: dimensions,
                instruction: instruction)
        }
        guard dimensions == nil, layers == nil, instruction == nil else {
            throw KuklaError(
                .usage,
                "--dims, --layers and --instruction are for plain models, not for aspects or concepts.")
        }
        if hasConcepts {
            return try ConceptModel(folder, topConcepts: space?.topConcepts, precision: precision)
        }
        return try AspectModel(AspectFolder(folder), aspect: space?.aspect, precision: precision)
    }

    /// - Throws: `KuklaError.usage` where `folder` holds no plain model, with the name of the one that it has inside.
    static func checkIsPlain(_ folder: URL) throws(KuklaError) {
        if AspectFolder.isOne(folder) {
            throw KuklaError(
                .usage,
                "\(folder.path) has a space for each of its aspects, and this needs a plain model: name \(folder.appending(path: "base").path), or choose a space where there is --aspect."
            )
        }
        if ConceptFolder.isOne(folder) {
            throw KuklaError(
                .usage,
                "\(folder.path) gives named concepts, and this needs a plain model: name another folder.")
        }
    }
}
