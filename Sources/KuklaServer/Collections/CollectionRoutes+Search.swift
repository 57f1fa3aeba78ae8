import Foundation
import HTTPTypes
import Hummingbird
import KuklaFormats
import KuklaNumerics
import KuklaStore

/// Finding items.
extension CollectionRoutes {
    func addSearch(to router: Router<RequestScope>) {
        router.post("collections/{name}/search") { request, context in try await search(request, context) }
    }

    private func search(_ request: Request, _ context: RequestScope) async throws -> Response {
        try context.principal.requireScope(.read)
        let wanted = try SearchBody(try await collect(request))
        return try await whileReplaced { _ in try await search(wanted, context) }
    }

    private func search(_ wanted: SearchBody, _ context: RequestScope) async throws -> Response {
        let collection = try await collection(context)
        var request = wanted.request
        var embedding = 0.0
        let (isByVector, reason) = wanted.isByVector(of: collection, server, context)
        if let text = wanted.text, isByVector {
            let start = ContinuousClock.now
            request.vector = try await ItemTexts(collection, server, context).vectors(of: [text]).row(0)
            embedding = start.duration(to: .now) / .seconds(1)
        }
        if let vector = request.vector {
            try Self.check(vector, collection)
            server.recall?.searched(collection.name)
        }
        let start = ContinuousClock.now
        var found = try await found(request, wanted, collection)
        found.explanation?.wordsOnly = reason
        let seconds = start.duration(to: .now) / .seconds(1)
        server.metrics.registry.observe(
            seconds, in: "kukla_search_seconds", [("collection", collection.name.description)])
        return answer(found, wanted, embedding: embedding, searching: seconds)
    }

    /// What the search finds: together with others where they are alike.
    private func found(
        _ request: SearchRequest, _ wanted: SearchBody, _ collection: StoredCollection
    ) async throws -> Outcome {
        do {
            if SearchQueue.takes(request), !wanted.isExplained {
                return Outcome(hits: try await server.searches.search(collection, request))
            }
            return try await server.reading.run {
                try server.searching.sharing(server.configuration.threads) { threads in
                    var request = request
                    request.threads = threads
                    guard wanted.isExplained else {
                        return Outcome(hits: try collection.search(request))
                    }
                    let explained = try collection.explain(request)
                    return Outcome(hits: explained.hits, explanation: explained.explanation)
                }
            }
        } catch let error as KuklaError {
            return try store.answering(collection) { throw error }
        }
    }

    private struct Outcome {
        let hits: [SearchHit]
        var explanation: SearchExplanation?
    }

    private func answer(
        _ found: Outcome, _ wanted: SearchBody, embedding: Double, searching: Double
    ) -> Response {
        JSONWriter.response { object in
            object.member("hits") { writer in
                writer.array(found.hits) { writer, hit in
                    writer.object { $0.describe(hit, withText: wanted.withText) }
                }
            }
            object.member("timing") { writer in
                writer.object { timing in
                    timing.member("embed_ms", Self.milliseconds(embedding))
                    timing.member("search_ms", Self.milliseconds(searching))
                }
            }
            if let explanation = found.explanation {
                object.member("explain") { $0.snakeCased(explanation) }
            }
        }
    }

    /// Throws where the vector cannot be compared with those of the collection.
    private static func check(_ vector: [Float], _ collection: StoredCollection) throws(APIFailure) {
        let settings = collection.settings
        guard vector.count == settings.dimensions else {
            throw APIFailure(
                .invalidRequest,
                "The vector has \(vector.count) components, those of the collection '\(collection.name)' have \(settings.dimensions): make it with the model that made them.",
                code: "wrong_dimensions", parameter: "vector")
        }
        guard settings.metric != .cosine || vector.contains(where: { $0 != 0 }) else {
            throw APIFailure(
                .invalidRequest, "The vector is zero: it has no direction that the cosine could compare.",
                code: "zero_vector", parameter: "vector")
        }
    }

    /// Milliseconds with three decimals.
    private static func milliseconds(_ seconds: Double) -> Double { (seconds * 1e6).rounded() / 1000 }
}

extension JSONWriter {
    /// What a type of the store encodes, its keys in snake case.
    mutating func snakeCased(_ value: some Encodable) {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if let data = try? encoder.encode(value) {
            raw(String(decoding: data, as: UTF8.self))
        } else {
            null()
        }
    }
}

extension JSONWriter.Members {
    /// What a search found.
    fileprivate mutating func describe(_ hit: SearchHit, withText: Bool) {
        member("id") { $0.value(hit.item.id) }
        member("score", hit.score)
        member("distance", hit.distance)
        member("vector_rank", hit.vectorRank)
        member("text_rank", hit.textRank)
        if withText { member("text", hit.item.text) }
        member("metadata", JSONValue.object(hit.item.metadata))
        if let vector = hit.item.vector { member("vector") { $0.numbers(vector) } }
    }
}
