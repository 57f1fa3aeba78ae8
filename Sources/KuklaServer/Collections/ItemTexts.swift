import Foundation
import KuklaIndex
import KuklaNumerics
import KuklaStore
import KuklaText

/// What makes vectors of the texts of a collection: the server's model, where it is the collection's.
struct ItemTexts: Sendable {
    private let service: EmbeddingService
    private let size: ModelSize
    private let context: RequestScope

    /// - Throws: `APIFailure.invalidRequest` where the server has no model, or not that of the collection.
    init(_ settings: CollectionSettings, _ server: APIServer, _ context: RequestScope) throws(APIFailure) {
        guard let service = server.embeddingService else {
            throw Self.refused("this server has no model", "give vectors")
        }
        let served = service.served
        guard served.dimensions >= settings.dimensions else {
            throw Self.refused(
                "the model '\(served.name)' makes \(served.dimensions) dimensions, the collection has \(settings.dimensions)",
                "give vectors")
        }
        if let model = settings.model, Self.shortName(model) != Self.shortName(served.name) {
            throw Self.refused(
                "the vectors of the collection are those of '\(Self.shortName(model))', this server's model is '\(served.name)'",
                "give vectors of that model")
        }
        do throws(APIFailure) {
            size = try served.size(
                dimensions: settings.dimensions, layers: nil,
                allowsUnmeasured: server.configuration.allowsUnmeasuredDimensions)
        } catch {
            throw APIFailure(.invalidRequest, error.message, code: error.code, parameter: "text")
        }
        self.service = service
        self.context = context
    }

    /// Whether texts of the collection can be embedded.
    static func fit(_ settings: CollectionSettings, _ server: APIServer, _ context: RequestScope) -> Bool {
        (try? ItemTexts(settings, server, context)) != nil
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
