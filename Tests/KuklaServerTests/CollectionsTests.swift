import Foundation
import HTTPTypes
import KuklaServer
import KuklaStore
import KuklaTestSupport
import Testing

/// Making, describing and dropping collections, and second names of them.
@Suite struct CollectionsTests {
    @Test("a collection is made, described, listed and dropped")
    func life() async throws {
        try await ServerFixture().run { client in
            let made = try await client.ask(
                .put, "/collections/notes",
                #"{"dimensions": 4, "metric": "l2", "vector_format": "float16", "plan": "SQ8"}"#)
            #expect(made.status == 201)
            #expect(made.object["plan"] as? String == "SQ8")
            #expect(made.object["metric"] as? String == "l2")
            #expect(made.object["vector_format"] as? String == "float16")
            #expect(made.object["model"] is NSNull && made.object["index"] is NSNull)
            let info = try await client.get("/collections/notes")
            #expect(info.status == 200 && info.text == made.text)
            let all = try await client.get("/collections").object
            #expect((all["collections"] as? [[String: Any]])?.map { $0["name"] as? String } == ["notes"])
            let again = try await client.ask(.put, "/collections/notes", #"{"dimensions": 4}"#)
            #expect(again.status == 409 && again.code == "collection_exists")
            #expect(try await client.ask(.delete, "/collections/notes").status == 200)
            let gone = try await client.get("/collections/notes")
            #expect(gone.status == 404 && gone.code == "unknown_collection")
            #expect(try await client.ask(.delete, "/collections/notes").status == 404)
        }
    }

    @Test("what a request leaves out is the model's, and a budget waits for its items")
    func defaults() async throws {
        try await ServerFixture().run { client in
            let plain = try await client.ask(.put, "/collections/a").object
            #expect(plain["dimensions"] as? Int == 16 && plain["model"] as? String == "tiny")
            #expect(plain["metric"] as? String == "cosine" && plain["plan"] as? String == "F32")
            let budget = try await client.ask(
                .put, "/collections/b", #"{"plan": {"budget": 8, "fit_at": 50}}"#)
            let plan = budget.object["plan"] as? [String: Any]
            #expect(plan?["budget"] as? Double == 8 && plan?["fit_at"] as? Int == 50)
        }
        try await ServerFixture(hasModel: false).run { client in
            let answer = try await client.ask(.put, "/collections/a", "{}")
            #expect(answer.status == 400 && answer.error["param"] as? String == "dimensions")
        }
    }

    @Test(
        "settings that make no sense are refused with the member at fault",
        arguments: [
            (#"{"dimensions": 0}"#, "plan"), (#"{"dimensions": 70000}"#, "plan"),
            (#"{"dimensions": "4"}"#, "dimensions"), (#"{"dimensions": 4.5}"#, "dimensions"),
            (#"{"dimensions": 4, "metric": "dot"}"#, "metric"),
            (#"{"dimensions": 4, "vector_format": "int8"}"#, "vector_format"),
            (#"{"dimensions": 4, "plan": "PQ3x9"}"#, "plan"), (#"{"dimensions": 4, "plan": 3}"#, "plan"),
            (#"{"dimensions": 4, "plan": {"budget": 0}}"#, "plan"), (#"{"plan": {}}"#, "plan.budget"),
            (#"{"dimension": 4}"#, "dimension"),
        ])
    func badSettings(body: String, parameter: String) async throws {
        try await ServerFixture().run { client in
            let answer = try await client.ask(.put, "/collections/a", body)
            #expect(answer.status == 400, "\(answer.text)")
            #expect(answer.error["param"] as? String == parameter, "\(answer.text)")
            #expect(answer.error["type"] as? String == "invalid_request_error")
            #expect(try await client.get("/collections/a").status == 404)
        }
    }

    @Test(
        "names that are none never reach the disk",
        arguments: [
            "..", "%2e%2e", "%2E%2E%2Fsecret", "a%00b", ".hidden", "a..b", "%C3%A9", "a%20b",
            String(repeating: "x", count: 101),
        ])
    func badNames(name: String) async throws {
        let fixture = try ServerFixture()
        try await fixture.run { client in
            for (method, path) in [
                (HTTPRequest.Method.get, ""), (.put, ""), (.delete, ""), (.get, "/items"), (.get, "/plan"),
            ] {
                let answer = try await client.ask(method, "/collections/\(name)\(path)")
                #expect(
                    (answer.status == 400 && answer.code == "invalid_name") || answer.status == 404,
                    "\(name): \(answer.text)")
            }
            let searched = try await client.post("/collections/\(name)/search", #"{"text": "a"}"#)
            #expect([400, 404].contains(searched.status))
            #expect(
                [400, 404].contains(
                    try await client.ask(.put, "/aliases/\(name)", #"{"collection": "a"}"#).status))
        }
        #expect(fixture.store.names.isEmpty)
    }

    @Test(
        "a collection may be dropped, made again and replaced while it is searched: no answer is of 500 or above"
    )
    func dropping() async throws {
        try await ServerFixture().run { client in
            let settings = #"{"dimensions": 2, "plan": "SQ8"}"#
            let items = #"{"items": [{"id": 1, "vector": [1, 2]}, {"id": 2, "vector": [2, 1]}]}"#
            _ = try await client.ask(.put, "/collections/a", settings)
            _ = try await client.post("/collections/a/items", items)
            _ = try await client.post("/collections/a/snapshot", #"{"name": "s"}"#)
            try await withThrowingTaskGroup(of: Set<String>.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        var failed: Set<String> = []
                        for _ in 0..<60 {
                            for (path, body) in [("search", #"{"vector": [1, 1]}"#), ("items", items)] {
                                let answer = try await client.post("/collections/a/\(path)", body)
                                if ![200, 404].contains(answer.status) {
                                    failed.insert("\(path): \(answer.status) \(answer.text)")
                                }
                            }
                        }
                        return failed
                    }
                }
                group.addTask {
                    var failed: Set<String> = []
                    for _ in 0..<12 {
                        for (method, path, body) in [
                            (HTTPRequest.Method.delete, "", String?.none), (.put, "", settings),
                            (.post, "/compact", "{}"),
                            (.post, "/restore", #"{"snapshot": "s", "replace": true}"#),
                        ] {
                            let answer = try await client.ask(method, "/collections/a\(path)", body)
                            if ![200, 201].contains(answer.status) {
                                failed.insert("\(method)\(path): \(answer.status) \(answer.text)")
                            }
                        }
                    }
                    return failed
                }
                for try await failed in group { #expect(failed.isEmpty) }
            }
        }
    }

    @Test("an alias answers for its collection, moves, and is in the way of dropping it")
    func aliases() async throws {
        try await ServerFixture().run { client in
            for name in ["a", "b"] {
                _ = try await client.ask(.put, "/collections/\(name)", #"{"dimensions": 2}"#)
            }
            #expect(
                try await client.ask(.put, "/aliases/now", #"{"collection": "a"}"#).object["collection"]
                    as? String == "a")
            #expect(try await client.get("/collections/now").object["name"] as? String == "a")
            _ = try await client.ask(.put, "/aliases/now", #"{"collection": "b"}"#)
            #expect(try await client.get("/collections/now").object["name"] as? String == "b")
            let list = try await client.get("/collections").object["aliases"] as? [String: String]
            #expect(list == ["now": "b"])
            let drop = try await client.ask(.delete, "/collections/b")
            #expect(drop.status == 409 && drop.code == "collection_has_alias")
            #expect(try await client.ask(.put, "/collections/now", #"{"dimensions": 2}"#).status == 409)
            #expect(try await client.ask(.put, "/aliases/a", #"{"collection": "b"}"#).status == 409)
            #expect(try await client.ask(.put, "/aliases/x", #"{"collection": "nothing"}"#).status == 404)
            #expect(try await client.ask(.put, "/aliases/x", "{}").status == 400)
            #expect(try await client.ask(.delete, "/aliases/now").status == 200)
            #expect(try await client.ask(.delete, "/aliases/now").status == 404)
            #expect(try await client.ask(.delete, "/collections/b").status == 200)
        }
    }

    @Test("a snapshot is kept and restored, under the old name only where that is said")
    func snapshots() async throws {
        let fixture = try ServerFixture()
        try await fixture.run { client in
            _ = try await client.ask(.put, "/collections/a", #"{"dimensions": 2}"#)
            _ = try await client.post("/collections/a/items", #"{"items": [{"id": 1, "vector": [1, 2]}]}"#)
            let made = try await client.post("/collections/a/snapshot", #"{"name": "monday"}"#)
            #expect(made.status == 201 && made.object["snapshot"] as? String == "monday")
            #expect(try await client.post("/collections/a/snapshot", #"{"name": "monday"}"#).status == 409)
            #expect(try await client.post("/collections/a/snapshot", #"{"name": "../x"}"#).status == 400)
            #expect(try await client.get("/snapshots").object["snapshots"] as? [String] == ["monday"])
            _ = try await client.post("/collections/a/delete", #"{"ids": [1]}"#)
            let body = #"{"snapshot": "monday"}"#
            #expect(try await client.post("/collections/a/restore", body).status == 409)
            let other = try await client.post("/collections/b/restore", body)
            #expect(other.status == 201 && other.object["count"] as? Int == 1)
            let replaced = try await client.post(
                "/collections/a/restore", #"{"snapshot": "monday", "replace": true}"#)
            #expect(replaced.status == 201 && replaced.object["count"] as? Int == 1)
            #expect(try await client.get("/collections/a/items/1").status == 200)
            #expect(try await client.post("/collections/c/restore", #"{"snapshot": "no"}"#).status == 404)
            #expect(try await client.post("/collections/c/restore", #"{"snapshot": "../a"}"#).status == 400)
        }
        // Beside the store: a folder in it would be no part of its layout.
        #expect(
            FileManager.default.fileExists(
                atPath: fixture.folder.url.appending(path: "data.snapshots/monday/kukla.sqlite").path))
    }

    @Test("an index is made on request and described with its reason")
    func plan() async throws {
        try await ServerFixture().run { client in
            _ = try await client.ask(.put, "/collections/a", #"{"dimensions": 4, "plan": "SQ8"}"#)
            let items = (0..<300).map { number in
                #"{"id": \#(number), "text": "item \#(number)", "vector": [\#(number), 1, \#(number % 7), 2]}"#
            }
            _ = try await client.post(
                "/collections/a/items", #"{"items": [\#(items.joined(separator: ","))]}"#)
            #expect(try await client.get("/collections/a").object["fresh"] as? Int == 300)
            let compacted = try await client.post("/collections/a/compact", "{}").object
            #expect(compacted["count"] as? Int == 300 && compacted["configuration"] as? String == "SQ8")
            let info = try await client.get("/collections/a").object
            #expect(info["fresh"] as? Int == 0)
            #expect((info["index"] as? [String: Any])?["count"] as? Int == 300)
            let plan = try await client.get("/collections/a/plan").object
            #expect(plan["configuration"] as? String == "SQ8")
            #expect((plan["reason"] as? String)?.contains("SQ8") == true)
            let map = try await client.get("/collections/a/map?count=100").object
            #expect((map["points"] as? [Any])?.count == 100)
            let shares = map["explained_variance"] as? [Double] ?? []
            #expect(shares.count == 2 && shares[0] >= shares[1] && shares.reduce(0, +) <= 1.0001)
            #expect(try await client.get("/collections/a/map?count=0").status == 400)
        }
    }
}
