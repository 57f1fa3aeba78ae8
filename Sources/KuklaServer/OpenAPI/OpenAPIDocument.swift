import HTTPTypes
import Hummingbird
import KuklaFormats
import KuklaStore
import NIOCore

/// The description of all that the server answers (OpenAPI 3.1), for programs and for people: `GET /openapi.json`.
struct OpenAPIDocument {
    let version: String
    let hasKeys: Bool
    let hasModel: Bool
    let hasStore: Bool
    let hasClickModels: Bool

    init(_ server: APIServer) {
        version = server.version
        hasKeys = server.keys != nil
        hasModel = server.served != nil
        hasStore = server.store != nil
        hasClickModels = !server.clickModels.isEmpty
    }

    /// All operations: of what the server has.
    var operations: [APIOperation] {
        let groups = [
            Self.status, hasModel ? Self.embeddings : [], hasModel ? Self.inference : [],
            hasStore ? Self.collections + Self.items + Self.searches + Self.upkeep : [],
            hasClickModels ? Self.ranking : [],
        ]
        return groups.flatMap(\.self)
    }

    var json: JSONValue {
        var paths: [String: JSONValue] = [:]
        for (path, operations) in Dictionary(grouping: operations, by: \.path) {
            paths[path] = .object(
                Dictionary(
                    uniqueKeysWithValues: operations.map {
                        ($0.method.rawValue.lowercased(), $0.json(hasKeys: hasKeys))
                    }))
        }
        var components: [String: JSONValue] = ["schemas": .object(Self.schemas.mapValues(\.json))]
        if hasKeys {
            components["securitySchemes"] = .object([
                "key": .object([
                    "type": .string("http"), "scheme": .string("bearer"),
                    "description": .string("A key that `kukla keys add` made."),
                ])
            ])
        }
        return .object([
            "openapi": .string("3.1.0"),
            "info": .object([
                "title": .string("kukla"), "version": .string(version),
                "description": .string(
                    "Embeddings, and collections that survive crashes: search by vectors, words, or both."),
                "license": .object(["name": .string("Apache-2.0"), "identifier": .string("Apache-2.0")]),
            ]),
            "servers": .array([.object(["url": .string("/")])]),
            "tags": .array(Self.tags),
            "paths": .object(paths), "components": .object(components),
        ])
    }

    /// Answers with the document, which is written once.
    func add(to router: Router<RequestScope>) {
        let text = json.description
        router.get("openapi.json") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "application/json"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
        }
    }

    private static let tags: [JSONValue] = [
        ("Collections", "Items with vectors, texts and metadata."),
        ("Search", "Finding items."), ("Upkeep", "Indexes, snapshots and aliases."),
        ("Embeddings", "As OpenAI's clients call them."),
        ("Ranking", "Models of clicks score rows."),
        ("Inference", "As clients of text-embeddings-inference call it."), ("Status", "How the server is."),
    ].map { .object(["name": .string($0.0), "description": .string($0.1)]) }
}

extension APIServer {
    /// What the server answers: methods, and paths with `{parameters}`. Without the HEAD of each GET.
    package var routes: [(method: String, path: String)] {
        get throws { try router().routes.map { ($0.method.rawValue, $0.path.description) } }
    }
}
