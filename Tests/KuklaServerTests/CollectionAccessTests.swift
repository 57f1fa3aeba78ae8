import Foundation
import HTTPTypes
import KuklaIndex
import KuklaNumerics
import KuklaServer
import KuklaStore
import KuklaTestSupport
import Testing

/// What keys of each scope may do with collections.
@Suite struct CollectionAccessTests {
    /// A request, and the least scope that it needs.
    private static let requests: [(HTTPRequest.Method, String, String?, APIKey.Scope)] = [
        (.get, "/collections", nil, .read), (.get, "/collections/a", nil, .read),
        (.post, "/collections/a/search", #"{"vector": [1, 1]}"#, .read),
        (.post, "/collections/a/count", "{}", .read), (.get, "/collections/a/items", nil, .read),
        (.get, "/collections/a/items/1", nil, .read), (.get, "/collections/a/plan", nil, .read),
        (.get, "/collections/a/map", nil, .read), (.get, "/collections/a/reencode", nil, .read),
        (.post, "/collections/a/items", #"{"items": []}"#, .write),
        (.post, "/collections/a/import", "", .write),
        (.post, "/collections/a/delete", #"{"ids": []}"#, .write),
        (.post, "/collections/a/index", #"{"path": "x"}"#, .write),
        (.post, "/collections/a/compact", "{}", .write),
        (.put, "/collections/b", #"{"dimensions": 2}"#, .admin), (.delete, "/collections/b", nil, .admin),
        (.post, "/collections/a/snapshot", #"{"name": "s"}"#, .admin),
        (.post, "/collections/r/restore", #"{"snapshot": "s"}"#, .admin), (.get, "/snapshots", nil, .admin),
        (.put, "/aliases/x", #"{"collection": "a"}"#, .admin), (.delete, "/aliases/x", nil, .admin),
    ]

    private func fixture(_ keys: [APIKey]) throws -> ServerFixture {
        let fixture = try ServerFixture(keys: keys)
        let collection = try fixture.store.create("a", CollectionSettings(dimensions: 2))
        try collection.upsert(
            ItemBatch(ids: [.number(1)], vectors: Matrix(rows: 1, columns: 2, elements: [1, 2])))
        return fixture
    }

    @Test("each scope may do its own and no more", arguments: APIKey.Scope.allCases)
    func scopes(scope: APIKey.Scope) async throws {
        let (key, secret) = APIKey.make(scopes: [scope], now: Date())
        try await fixture([key]).run { client in
            for (method, path, body, needed) in Self.requests {
                #expect(try await client.ask(method, path, body).status == 401, "\(method) \(path)")
                let answer = try await client.ask(method, path, body, key: secret)
                let order = APIKey.Scope.allCases
                if order.firstIndex(of: needed)! <= order.firstIndex(of: scope)! {
                    #expect((200...201).contains(answer.status), "\(method) \(path): \(answer.text)")
                } else {
                    #expect(answer.status == 403 && answer.code == "missing_scope", "\(method) \(path)")
                }
            }
        }
    }

    @Test("a key of some collections sees and touches these only, also by an alias")
    func limited() async throws {
        let (key, secret) = APIKey.make(scopes: [.admin], collections: ["a", "mine"], now: Date())
        let fixture = try fixture([key])
        try fixture.store.create("other", CollectionSettings(dimensions: 2))
        try fixture.store.setAlias("mine", to: "other")
        try fixture.store.setAlias("now", to: "a")
        try await fixture.run { client in
            let list = try await client.get("/collections", key: secret).object
            #expect((list["collections"] as? [[String: Any]])?.map { $0["name"] as? String } == ["a"])
            #expect(list["aliases"] as? [String: String] == ["now": "a"])
            #expect(try await client.get("/collections/now", key: secret).status == 200)
            // Also where an alias has a name of the key's.
            for name in ["other", "nothing", "mine"] {
                for (method, path, body) in [
                    (HTTPRequest.Method.get, "/collections/\(name)", String?.none),
                    (.post, "/collections/\(name)/items", #"{"items": []}"#),
                    (.delete, "/collections/\(name)", nil),
                    (.post, "/collections/\(name)/snapshot", #"{"name": "s"}"#),
                ] where !(name == "mine" && method == .delete) {
                    let answer = try await client.ask(method, path, body, key: secret)
                    #expect(
                        answer.status == 403 && answer.code == "wrong_collection",
                        "\(method) \(path): \(answer.text)")
                }
            }
            for (method, path, body) in [
                (HTTPRequest.Method.put, "/aliases/a2", #"{"collection": "a"}"#), (.get, "/snapshots", nil),
                (.post, "/collections/a/restore", #"{"snapshot": "s", "replace": true}"#),
            ] as [(HTTPRequest.Method, String, String?)] {
                #expect(try await client.ask(method, path, body, key: secret).status == 403, "\(path)")
            }
            #expect(try await client.ask(.delete, "/collections/a", key: secret).status == 409)
        }
    }
}
