import Foundation
import KuklaFormats
import KuklaIndex
import KuklaNumerics
import KuklaStore
import KuklaText

/// What makes vectors of the texts of a collection: the server's model, where its vectors can be compared with the collection's.
struct ItemTexts: Sendable {
    private let service: EmbeddingService
    private let size: ModelSize
    private let server: APIServer
    private let collection: StoredCollection
    private let context: RequestScope

    /// - Throws: `APIFailure.invalidRequest` where the server has no model, or none whose vectors can be compared with those of the collection.
    init(
        _ collection: StoredCollection, _ server: APIServer, _ context: RequestScope
    ) throws(APIFailure) {
        guard let service = server.embeddingService else {
            throw Self.refused("this server has no model", "give vectors")
        }
        let (served, settings) = (service.served, collection.settings)
        guard served.dimensions >= settings.dimensions else {
            throw Self.refused(
                "the model '\(served.name)' makes \(served.dimensions) dimensions, the collection has \(settings.dimensions)",
                "give vectors")
        }
        try Self.check(served, collection)
        do throws(APIFailure) {
            size = try served.size(
                dimensions: settings.dimensions, layers: nil,
                allowsUnmeasured: server.configuration.allowsUnmeasuredDimensions)
        } catch {
            throw APIFailure(.invalidRequest, error.message, code: error.code, parameter: "text")
        }
        self.service = service
        self.server = server
        self.collection = collection
        self.context = context
    }

    /// Throws unless the model's vectors can be compared with the collection's: by the digests of the models that made these, or, where they are not
    /// known, by the name.
    private static func check(
        _ served: ServedModel, _ collection: StoredCollection
    ) throws(APIFailure) {
        let models = collection.models
        if let other = models.first(where: { !$0.isComparable(with: served.identity) }) {
            throw refused(
                "the vectors of the collection were made by \(other.short), this server's model is \(served.identity.short), and neither says that it is compatible with the other",
                "give vectors of that model, or bring the collection over with POST /collections/\(collection.name)/reencode"
            )
        }
        if models.isEmpty, let model = collection.settings.model,
            shortName(model) != shortName(served.name)
        {
            throw refused(
                "the vectors of the collection are those of '\(shortName(model))', this server's model is '\(served.name)'",
                "give vectors of that model, or bring the collection over with POST /collections/\(collection.name)/reencode"
            )
        }
    }

    /// Why texts of the collection cannot be embedded; nil where they can.
    static func obstacle(
        _ collection: StoredCollection, _ server: APIServer, _ context: RequestScope
    ) -> String? {
        do throws(APIFailure) {
            _ = try ItemTexts(collection, server, context)
            return nil
        } catch { return error.message }
    }

    /// The vectors of texts of items that are to be written: the collection notes which model made them.
    func vectorsOfItems(_ texts: [String]) async throws -> Matrix {
        let (collection, identity, store) = (collection, service.served.identity, server.store)
        try await server.writing.run {
            try store?.answering(collection) { try collection.adopt(identity) }
        }
        return try await vectors(of: texts)
    }

    /// The vectors of texts, which are cut where they are longer than the model reads.
    func vectors(of texts: [String]) async throws -> Matrix {
        let batch = 256
        var all = Matrix(rows: 0, columns: size.dimensions)
        for start in stride(from: 0, to: texts.count, by: batch) {
            let part = Array(texts[start..<min(start + batch, texts.count)])
            let tokens = try service.tokenise(.texts(part), truncates: true, parameter: "text")
            all = all.appending(try await service.embed(tokens, size, for: context))
        }
        return all
    }

    /// A model may be named by its folder.
    private static func shortName(_ model: String) -> String {
        URL(fileURLWithPath: model).lastPathComponent
    }

    private static func refused(_ why: String, _ what: String) -> APIFailure {
        APIFailure(
            .invalidRequest, "The text cannot be embedded: \(why). Instead, \(what).",
            code: "no_model", parameter: "text")
    }
}
