import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaStore
import KuklaText

/// Makes vectors of texts for a collection, by the model asked for or else the one that the collection names. The model is loaded with the
/// first texts, and held against those that made the collection's vectors.
final class CollectionEmbedder {
    private let collection: StoredCollection
    private let options: ModelOptions
    private let threads: Int
    private var loaded: (embedder: any TextEmbedder, identity: ModelIdentity)?

    init(of collection: StoredCollection, _ options: ModelOptions, threads: Int) {
        self.collection = collection
        self.options = options
        self.threads = threads
    }

    /// The vectors of texts that are searched for.
    ///
    /// - Throws: `KuklaError.usage` where they could not be compared with the collection's.
    func embed(_ texts: [String]) throws(KuklaError) -> Matrix {
        try model().embedder.embed(texts, threads: threads, progress: SilentProgress()).vectors
    }

    /// The vectors of texts of items: the collection notes which model made them.
    ///
    /// - Throws: as `embed`.
    func embedItems(_ texts: [String]) throws(KuklaError) -> Matrix {
        let (embedder, identity) = try model()
        try collection.adopt(identity)
        return try embedder.embed(texts, threads: threads, progress: SilentProgress()).vectors
    }

    private func model() throws(KuklaError) -> (embedder: any TextEmbedder, identity: ModelIdentity) {
        if let loaded { return loaded }
        let settings = collection.settings
        let folder = try ModelLocation.resolve(options.model ?? settings.model)
        let identity = try ModelIdentity(folder: folder)
        try collection.check(identity)
        let found = (
            try options.embedder(folder, space: nil, cutTo: settings.dimensions), identity
        )
        loaded = found
        return found
    }
}

extension ModelOptions {
    /// What makes vectors of `dimensions` components, by its first ones where the model in `folder` has more.
    ///
    /// - Throws: `KuklaError.usage` where it has fewer, or cannot be cut.
    func embedder(
        _ folder: URL, space: SpaceOptions?, layers: Int? = nil, instruction: String? = nil,
        cutTo dimensions: Int
    ) throws(KuklaError) -> any TextEmbedder {
        let embedder = try embedder(folder, space: space, layers: layers, instruction: instruction)
        if embedder.dimensions == dimensions { return embedder }
        if dimensions < embedder.dimensions, let whole = embedder as? SizedModel {
            return try whole.cut(to: dimensions)
        }
        throw KuklaError(
            .usage,
            "The model makes \(embedder.dimensions) dimensions, the search takes \(dimensions): name the model that made the vectors with --model."
        )
    }
}
