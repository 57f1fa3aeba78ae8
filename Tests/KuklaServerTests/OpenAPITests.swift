import Foundation
import HTTPTypes
import Hummingbird
import KuklaServer
import KuklaTestSupport
import Testing

/// The description of what the server answers.
@Suite struct OpenAPITests {
    @Test("every route is in the document, and everything in the document is a route")
    func complete() async throws {
        let clicks = try ClickModelFixture()
        let fixture = try ServerFixture(clickModels: [clicks.films])
        let routes = Set(try fixture.server.routes.map { "\($0.method) \($0.path)" })
        try await fixture.run { client in
            let document = try await client.get("/openapi.json").object
            var described: Set<String> = []
            for (path, item) in document["paths"] as? [String: [String: Any]] ?? [:] {
                for method in item.keys { described.insert("\(method.uppercased()) \(path)") }
            }
            // The page for browsers is no part of the interface for programs.
            #expect(routes.filter { !$0.hasSuffix(" /") }.subtracting(described) == [])
            #expect(described.subtracting(routes) == [])
        }
    }

    @Test("every route but the public ones needs a key, and says so by 401 in its dialect")
    func keys() async throws {
        let (key, secret) = APIKey.make(scopes: [.admin], now: Date())
        let clicks = try ClickModelFixture()
        let fixture = try ServerFixture(keys: [key], clickModels: [clicks.films])
        let routes = try fixture.server.routes
        let open = ["/", "/healthz", "/readyz", "/openapi.json"]
        #expect(routes.count > 30)
        try await fixture.run { client in
            let document = try await client.get("/openapi.json").object
            let paths = document["paths"] as? [String: [String: [String: Any]]] ?? [:]
            for route in routes {
                let path = route.path.replacing(/\{[a-z]+\}/, with: "a")
                let method = try #require(HTTPRequest.Method(rawValue: route.method))
                let bare = try await client.ask(method, path)
                #expect((bare.status == 401) == !open.contains(route.path), "\(route)")
                #expect(try await client.ask(method, path, key: secret).status != 401, "\(route)")
                let security = paths[route.path]?[route.method.lowercased()]?["security"] as? [Any]
                #expect(route.path == "/" || security?.isEmpty == open.contains(route.path), "\(route)")
            }
        }
    }

    @Test("a method that a path does not have gets 405 and the ones that it has")
    func methods() async throws {
        try await ServerFixture().run { client in
            let answer = try await client.ask(.patch, "/collections/a")
            #expect(answer.status == 405 && answer.code == "method_not_allowed")
            #expect(answer.headers[.allow] == "DELETE, GET, HEAD, PUT")
            let embed = try await client.get("/embed")
            #expect(embed.status == 405 && embed.object["error_type"] as? String == "Validation")
            #expect(try await client.get("/collections/a/b/c/d").status == 404)
            #expect(try await client.ask(.head, "/healthz").status == 200)
        }
    }

    @Test("what the document refers to is there, and names of operations are used once")
    func references() async throws {
        try await ServerFixture().run { client in
            let document = try await client.get("/openapi.json").object
            #expect(document["openapi"] as? String == "3.1.0")
            let schemas = (document["components"] as? [String: Any])?["schemas"] as? [String: Any] ?? [:]
            var (ids, references): ([String], Set<String>) = ([], [])
            func walk(_ value: Any) {
                if let object = value as? [String: Any] {
                    if let id = object["operationId"] as? String { ids.append(id) }
                    if let reference = object["$ref"] as? String { references.insert(reference) }
                    object.values.forEach(walk)
                } else if let array = value as? [Any] {
                    array.forEach(walk)
                }
            }
            walk(document)
            #expect(Set(ids).count == ids.count && ids.count > 30)
            #expect(references == Set(schemas.keys.map { "#/components/schemas/\($0)" }))
        }
    }

    @Test("a server of click models alone has no collections and describes none")
    func withoutStore() async throws {
        let clicks = try ClickModelFixture()
        let fixture = try ServerFixture(hasModel: false, hasStore: false, clickModels: [clicks.films])
        let routes = Set(try fixture.server.routes.map { "\($0.method) \($0.path)" })
        try await fixture.run { client in
            let document = try await client.get("/openapi.json").object
            let paths = document["paths"] as? [String: [String: Any]] ?? [:]
            #expect(
                Set(paths.flatMap { path, item in item.keys.map { "\($0.uppercased()) \(path)" } }) == routes)
            #expect(paths["/rank"] != nil && paths["/collections"] == nil)
            #expect(try await client.get("/collections").status == 404)
            for path in ["/status", "/metrics", "/readyz", "/healthz"] {
                #expect(try await client.get(path).status == 200, "\(path)")
            }
            let status = try await client.get("/status").object
            #expect(status["click_models"] as? [String] == ["films"])
        }
    }

    @Test("a server without a model does not describe what embeds")
    func withoutModel() async throws {
        try await ServerFixture(hasModel: false).run { client in
            let document = try await client.get("/openapi.json").object
            let paths = document["paths"] as? [String: Any] ?? [:]
            #expect(paths["/v1/embeddings"] == nil && paths["/collections/{name}/search"] != nil)
            #expect(paths["/rank"] == nil)
            #expect(try await client.post("/rank", "{}").status == 404)
        }
    }
}
