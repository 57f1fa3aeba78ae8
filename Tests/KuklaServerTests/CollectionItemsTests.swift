import Foundation
import HTTPTypes
import KuklaServer
import KuklaStore
import KuklaTestSupport
import Testing

/// Writing, reading and deleting items.
@Suite struct CollectionItemsTests {
    @Test("items are written, replaced, read by number and text, counted, scanned and deleted")
    func life() async throws {
        try await ServerFixture().run { client in
            _ = try await client.ask(.put, "/collections/a", #"{"dimensions": 2}"#)
            let written = try await client.post(
                "/collections/a/items",
                #"""
                {"items": [{"id": 7, "vector": [1, 0], "text": "seven", "metadata": {"year": 2020}},
                           {"id": "7", "vector": [0, 1], "metadata": {"year": 2021}, "lang": "en"},
                           {"id": "a/b c", "vector": [1, 1]}]}
                """#)
            #expect(written.text == #"{"inserted":3,"replaced":0}"#)
            let again = try await client.post(
                "/collections/a/items", #"{"items": [{"id": 7, "vector": [2, 0]}]}"#)
            #expect(again.text == #"{"inserted":0,"replaced":1}"#)

            let text = try await client.get("/collections/a/items/7?vectors=true").object
            #expect(text["id"] as? String == "7" && text["vector"] as? [Double] == [0, 1])
            #expect((text["metadata"] as? [String: Any])?["lang"] as? String == "en")
            let odd = try await client.get("/collections/a/items/a%2Fb%20c").object
            #expect(odd["id"] as? String == "a/b c" && odd["vector"] == nil)
            #expect(try await client.get("/collections/a/items/none").code == "unknown_item")

            let count = try await client.post("/collections/a/count", #"{"where": {"year": {"$gte": 2021}}}"#)
            #expect(count.text == #"{"count":1}"#)
            #expect(try await client.ask(.post, "/collections/a/count").text == #"{"count":3}"#)

            let deleted = try await client.post("/collections/a/delete", #"{"ids": ["7", "no"]}"#)
            #expect(deleted.text == #"{"deleted":1}"#)
            #expect(try await client.get("/collections/a/items/7").object["id"] as? Int == 7)
            let rest = try await client.post(
                "/collections/a/delete", #"{"where": {"year": {"$exists": false}}}"#)
            #expect(rest.text == #"{"deleted":2}"#)
        }
    }

    @Test("pages of a scan follow each other in either order", arguments: ["operation", "id"])
    func scan(order: String) async throws {
        try await ServerFixture().run { client in
            _ = try await client.ask(.put, "/collections/a", #"{"dimensions": 1}"#)
            let ids = ["3", "\"x y\"", "1", "\"1\"", "2", "\"b&c\""]
            let items = ids.map { #"{"id": \#($0), "vector": [1], "kept": \#($0 != "2")}"# }
            _ = try await client.post(
                "/collections/a/items", #"{"items": [\#(items.joined(separator: ","))]}"#)
            let filter = "%7B%22kept%22%3Atrue%7D"
            var (found, next): ([String], String?) = ([], nil)
            repeat {
                let after = next.map { "&after=\($0)" } ?? ""
                let page = try await client.get(
                    "/collections/a/items?count=2&by=\(order)&where=\(filter)\(after)")
                #expect(page.status == 200, "\(page.text)")
                found += (page.object["items"] as? [[String: Any]] ?? []).map { "\($0["id"] ?? "")" }
                next = (page.object["next"] as? Int).map(String.init)
                if let text = page.object["next"] as? String {
                    next = text.addingPercentEncoding(withAllowedCharacters: .alphanumerics)
                }
            } while next != nil
            #expect(
                found == (order == "id" ? ["1", "3", "1", "b&c", "x y"] : ["3", "x y", "1", "1", "b&c"]))
        }
    }

    @Test("texts without vectors are embedded where the model is the collection's")
    func embedding() async throws {
        try await ServerFixture().run { client in
            _ = try await client.ask(.put, "/collections/a")
            let body = #"{"items": [{"id": 1, "text": "a man"}, {"id": 2, "text": "a dog runs"}]}"#
            #expect(try await client.post("/collections/a/items", body).status == 200)
            let item = try await client.get("/collections/a/items/2?vectors=true").object
            let embedded = try await client.post(
                "/v1/embeddings", #"{"model": "tiny", "input": "a dog runs"}"#)
            let data = embedded.object["data"] as? [[String: Any]]
            let (mine, theirs) = (item["vector"] as? [Double] ?? [], data?[0]["embedding"] as? [Double] ?? [])
            #expect(mine.count == 16)
            for (a, b) in zip(mine, theirs) { #expect(abs(a - b) < 1e-5) }

            _ = try await client.ask(.put, "/collections/b", #"{"dimensions": 20}"#)
            let small = try await client.post("/collections/b/items", body)
            #expect(small.status == 400 && small.code == "no_model")
            _ = try await client.ask(.put, "/collections/c", #"{"dimensions": 16, "model": "other"}"#)
            let other = try await client.post("/collections/c/items", body)
            #expect(other.status == 400 && other.text.contains("'other'"), "\(other.text)")
        }
        try await ServerFixture(hasModel: false).run { client in
            _ = try await client.ask(.put, "/collections/a", #"{"dimensions": 16}"#)
            let answer = try await client.post(
                "/collections/a/items", #"{"items": [{"id": 1, "text": "a"}]}"#)
            #expect(answer.status == 400 && answer.code == "no_model")
        }
    }

    @Test(
        "items that cannot be kept are refused, and none of their batch is",
        arguments: [
            #"{"id": 1, "vector": [1, 2, 3]}"#, #"{"id": 1, "vector": [0, 0]}"#, #"{"vector": [1, 2]}"#,
            #"{"id": -1, "vector": [1, 2]}"#, #"{"id": 1.5, "vector": [1, 2]}"#,
            #"{"id": null, "vector": [1, 2]}"#,
            #"{"id": "", "vector": [1, 2]}"#, #"{"id": "a\u0000", "vector": [1, 2]}"#,
            #"{"id": 1, "vector": [1, NaN]}"#, #"{"id": 1, "vector": [1, 1e999]}"#,
            #"{"id": 1, "vector": [1, "2"]}"#,
            #"{"id": 1, "vector": [1, 1e39]}"#, #"{"id": 1, "text": 5, "vector": [1, 2]}"#,
            #"{"id": 1, "text": "a\u0000", "vector": [1, 2]}"#,
            #"{"id": 1, "metadata": [], "vector": [1, 2]}"#,
            #"{"id": 1}"#, "[]", "7",
        ])
    func badItems(item: String) async throws {
        try await ServerFixture().run { client in
            _ = try await client.ask(.put, "/collections/a", #"{"dimensions": 2}"#)
            let answer = try await client.post(
                "/collections/a/items", #"{"items": [{"id": 9, "vector": [1, 1]}, \#(item)]}"#)
            #expect(answer.status == 400, "\(answer.text)")
            #expect(answer.error["param"] as? String == "items")
            #expect(try await client.ask(.post, "/collections/a/count").text == #"{"count":0}"#)
        }
    }

    @Test("bodies that are no object, or say something unknown, are refused")
    func badBodies() async throws {
        try await ServerFixture().run { client in
            _ = try await client.ask(.put, "/collections/a", #"{"dimensions": 2}"#)
            for path in ["items", "delete", "count", "search", "index", "compact", "snapshot", "restore"] {
                for body in ["[]", "{", "7", #"{"unknown": 1}"#, "\u{FEFF}{}", "{}}"] {
                    let answer = try await client.post("/collections/a/\(path)", body)
                    #expect(answer.status == 400, "\(path) \(body): \(answer.text)")
                }
            }
            for body in ["{}", #"{"ids": [1], "where": {}}"#, #"{"ids": 1}"#, #"{"where": 5}"#] {
                #expect(try await client.post("/collections/a/delete", body).status == 400, "\(body)")
            }
            for query in [
                "count=0", "count=x", "after=x", "by=text", "where=%7B", "where=5", "vectors=1", "x=1",
            ] {
                #expect(try await client.get("/collections/a/items?\(query)").status == 400, "\(query)")
            }
        }
    }

    @Test("a path into metadata is indexed once, and bad paths are refused")
    func index() async throws {
        try await ServerFixture().run { client in
            _ = try await client.ask(.put, "/collections/a", #"{"dimensions": 2}"#)
            for _ in 0..<2 {
                let answer = try await client.post("/collections/a/index", #"{"path": "source.host"}"#)
                #expect(answer.text == #"{"indexed_paths":["source.host"]}"#)
            }
            #expect(try await client.post("/collections/a/index", #"{"path": "a\"b"}"#).status == 400)
            #expect(try await client.post("/collections/a/index", #"{"path": ""}"#).status == 400)
        }
    }
}
