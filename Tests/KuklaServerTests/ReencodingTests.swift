import Foundation
import HTTPTypes
import KuklaFormats
import KuklaIndex
import KuklaNumerics
import KuklaServer
import KuklaStore
import KuklaTestSupport
import KuklaText
import Testing

/// Bringing collections over to the server's model.
@Suite struct ReencodingTests {
    /// A plan's fitter that waits until it may go on: what happens meanwhile can be looked at.
    private final class WaitingFitter: PlanFitter {
        private let gate = DispatchSemaphore(value: 0)

        func open() { gate.signal() }

        func fit(
            _ vectors: Matrix, count: Int, bytesPerVector: Double, metric: Metric
        ) throws(KuklaError) -> FittedPlan {
            gate.wait()
            gate.signal()
            return FittedPlan(configuration: try IndexConfiguration(parsing: "SQ8"))
        }
    }

    /// A folder of the same form as the server's model with other weights, and what it makes of texts.
    private func other(_ fixture: ServerFixture) throws -> (identity: ModelIdentity, model: EmbeddingModel) {
        let folder = fixture.folder.url.appending(path: "other")
        try TinyModel.write(to: folder, inside: 32)
        return (try ModelIdentity(folder: folder), try EmbeddingModel(folder: folder))
    }

    private func tiny(_ fixture: ServerFixture) throws -> ModelIdentity {
        try ModelIdentity(folder: fixture.folder.url.appending(path: "tiny"))
    }

    /// A collection whose vectors another model made.
    @discardableResult
    private func fill(
        _ fixture: ServerFixture, count: Int = 60, plan: CollectionSettings.Plan = .exact
    ) throws -> StoredCollection {
        let (identity, model) = try other(fixture)
        let notes = try fixture.store.create(
            "notes", CollectionSettings(dimensions: 16, plan: plan, model: "other"), vectorsBy: identity)
        let texts = TinyModel.sentences(count)
        try notes.upsert(
            ItemBatch(
                ids: (0..<count).map { .number(UInt64($0)) }, vectors: try model.embed(texts).vectors,
                texts: texts))
        return notes
    }

    /// How the re-encoding stands when it is over, after at most 20 seconds.
    private func end(_ client: ServerFixture.Client) async throws -> [String: Any] {
        for _ in 0..<400 {
            let state = try await client.get("/collections/notes/reencode").object
            if state["state"] as? String != "running" { return state }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record("it does not end")
        return [:]
    }

    private func digests(_ client: ServerFixture.Client) async throws -> [String] {
        let models = try await client.get("/collections/notes").object["models"] as? [[String: Any]]
        return (models ?? []).compactMap { $0["digest"] as? String }
    }

    @Test("texts are refused for another model's collection, with both names, until it was re-encoded")
    func life() async throws {
        let fixture = try ServerFixture()
        try fill(fixture)
        let (mine, theirs) = (try tiny(fixture), try other(fixture).identity)
        try await fixture.run { client in
            #expect(try await digests(client) == [theirs.digest])
            let item = #"{"items": [{"id": "new", "text": "a man plays"}]}"#
            let refused = try await client.post("/collections/notes/items", item)
            #expect(refused.status == 400 && refused.code == "no_model", "\(refused.text)")
            let sentence = refused.error["message"] as? String ?? ""
            for word in [mine.short, theirs.short, "POST /collections/notes/reencode"] {
                #expect(sentence.contains(word), "\(sentence)")
            }
            let line = try await client.post("/collections/notes/import", #"{"id": "new", "text": "a man"}"#)
            #expect(line.status == 400 && line.text.contains("reencode"), "\(line.text)")
            // By its words a text is searched all the same, and who asks hears why.
            let words = try await client.post(
                "/collections/notes/search", #"{"text": "guitar", "k": 3, "explain": true}"#)
            let hits = words.object["hits"] as? [[String: Any]] ?? []
            #expect(hits.count == 3 && hits.allSatisfy { $0["vector_rank"] is NSNull })
            let reason = (words.object["explain"] as? [String: Any])?["words_only"] as? String
            #expect(reason?.contains(theirs.short) == true, "\(words.text)")
            let vector = try await client.post("/collections/notes/search", #"{"text": "a", "by": "vector"}"#)
            #expect(vector.status == 400 && vector.code == "no_model")

            #expect(try await client.get("/collections/notes/reencode").object["state"] as? String == "none")
            _ = try await client.ask(.put, "/aliases/live", #"{"collection": "notes"}"#)
            let begun = try await client.post("/collections/live/reencode", #"{"plan": "SQ8"}"#)
            #expect(begun.status == 202, "\(begun.text)")
            #expect((begun.object["model"] as? [String: Any])?["digest"] as? String == mine.digest)
            let state = try await end(client)
            #expect(state["state"] as? String == "finished", "\(state)")
            #expect((state["message"] as? String)?.contains("60 items") == true)

            #expect(try await digests(client) == [mine.digest])
            let info = try await client.get("/collections/live").object
            #expect(info["plan"] as? String == "SQ8" && info["model"] as? String == "tiny")
            #expect(try await client.post("/collections/notes/items", item).status == 200)
            let found = try await client.post(
                "/collections/notes/search",
                #"{"text": "a man plays", "by": "vector", "k": 1, "explain": true}"#)
            let hit = (found.object["hits"] as? [[String: Any]])?.first
            #expect(hit?["id"] as? String == "new" && abs(hit?["distance"] as? Double ?? 1) < 1e-4)
            #expect((found.object["explain"] as? [String: Any])?["words_only"] == nil)
        }
    }

    @Test("a model that says it is compatible is taken, and noted with its first texts")
    func compatible() async throws {
        let other = Guarded<ModelIdentity?>(nil)
        let fixture = try ServerFixture { tiny in
            let folder = tiny.deletingLastPathComponent().appending(path: "other")
            try TinyModel.write(to: folder, inside: 32)
            let identity = try ModelIdentity(folder: folder)
            other.withLock { $0 = identity }
            let url = tiny.appending(path: "config.json")
            let text = try String(contentsOf: url, encoding: .utf8)
            try Data(
                text.replacingOccurrences(
                    of: "\"model_type\"",
                    with: "\"kukla_compatible_with\": [\"\(identity.digest)\"], \"model_type\""
                ).utf8
            ).write(to: url)
        }
        try fill(fixture)
        let (mine, theirs) = (try tiny(fixture).digest, try #require(other.withLock { $0?.digest }))
        try await fixture.run { client in
            let found = try await client.post("/collections/notes/search", #"{"text": "a man", "k": 1}"#)
            let hit = (found.object["hits"] as? [[String: Any]])?.first
            #expect(hit?["vector_rank"] as? Int != nil, "\(found.text)")
            #expect(try await digests(client) == [theirs])
            let written = try await client.post(
                "/collections/notes/items", #"{"items": [{"id": "new", "text": "a man plays"}]}"#)
            #expect(written.status == 200)
            #expect(try await digests(client) == [theirs, mine])
        }
    }

    @Test(
        "while one goes on, reads, writes and searches do, too; a second one, dropping and replacing get 409")
    func meanwhile() async throws {
        let fitter = WaitingFitter()
        let fixture = try ServerFixture(fitter: fitter)
        try fill(fixture)
        try await fixture.run { client in
            defer { fitter.open() }
            _ = try await client.post("/collections/notes/snapshot", #"{"name": "s"}"#)
            let body = #"{"plan": {"budget": 16, "fit_at": 20}}"#
            #expect(try await client.post("/collections/notes/reencode", body).status == 202)
            for (method, path, sent) in [
                (HTTPRequest.Method.post, "/collections/notes/reencode", body),
                (.delete, "/collections/notes", nil),
                (.post, "/collections/notes/restore", #"{"snapshot": "s", "replace": true}"#),
            ] as [(HTTPRequest.Method, String, String?)] {
                let answer = try await client.ask(method, path, sent)
                #expect(
                    answer.status == 409 && answer.code == "reencoding_running", "\(path): \(answer.text)")
            }
            let state = try await client.get("/collections/notes/reencode").object
            #expect(state["state"] as? String == "running")
            let vector = "[" + Array(repeating: "0.25", count: 16).joined(separator: ", ") + "]"
            let written = try await client.post(
                "/collections/notes/items",
                #"{"items": [{"id": "late", "text": "a bird paints", "vector": \#(vector)}]}"#)
            #expect(written.status == 200)
            #expect(try await client.post("/collections/notes/delete", #"{"ids": [7]}"#).status == 200)
            let search = try await client.post("/collections/notes/search", #"{"text": "bird", "k": 60}"#)
            let ids = (search.object["hits"] as? [[String: Any]] ?? []).map { "\($0["id"] ?? "")" }
            #expect(ids.contains("late"))
            fitter.open()
            #expect(try await end(client)["state"] as? String == "finished")
            let list = try await client.post("/collections/notes/count", "{}")
            #expect(list.object["count"] as? Int == 60)
            // Its vector was made of its text.
            let late = try await client.post(
                "/collections/notes/search", #"{"text": "a bird paints", "by": "vector", "k": 1}"#)
            let hit = (late.object["hits"] as? [[String: Any]])?.first
            #expect(hit?["id"] as? String == "late" && abs(hit?["distance"] as? Double ?? 1) < 1e-4)
            #expect(try await client.get("/collections/notes/items/7").status == 404)
        }
    }

    @Test("requests that run while collections change places are answered as ever")
    func concurrent() async throws {
        let fixture = try ServerFixture()
        let isDone = Guarded(false)
        try fill(fixture, count: 300)
        try await fixture.run { client in
            let vector = "[" + Array(repeating: "0.25", count: 16).joined(separator: ", ") + "]"
            let requests = [
                ("/collections/notes/search", #"{"vector": \#(vector), "k": 5}"#),
                ("/collections/notes/search", #"{"text": "guitar", "k": 5}"#),
                (
                    "/collections/notes/items",
                    #"{"items": [{"id": 1, "text": "a man", "vector": \#(vector)}]}"#
                ),
                ("/collections/notes/import", #"{"id": 2, "text": "a woman", "vector": \#(vector)}"#),
                ("/collections/notes/count", "{}"),
            ]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (path, body) in requests {
                    group.addTask {
                        var count = 0
                        while !isDone.withLock({ $0 }) || count < 10 {
                            let answer = try await client.post(path, body)
                            #expect(answer.status == 200, "\(path): \(answer.text)")
                            count += 1
                        }
                    }
                }
                group.addTask {
                    defer { isDone.withLock { $0 = true } }
                    for _ in 0..<6 {
                        let begun = try await client.post("/collections/notes/reencode", "{}")
                        #expect(begun.status == 202, "\(begun.text)")
                        #expect(try await end(client)["state"] as? String == "finished")
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await client.post("/collections/notes/count", "{}").object["count"] as? Int == 300)
        }
    }

    /// Begins a re-encoding and stops it after its first texts.
    private func begin(_ fixture: ServerFixture, _ folder: String) throws {
        let url = fixture.folder.url.appending(path: folder)
        let model = try EmbeddingModel(folder: url)
        var request = Reencoding(
            model: try ModelIdentity(folder: url), modelName: folder, dimensions: 16
        ) { texts throws(KuklaError) in try model.embed(texts).vectors }
        request.batch = 20
        let calls = Guarded(0)
        #expect(throws: KuklaError.self) {
            try fixture.store.reencode("notes", with: request) {
                calls.withLock {
                    $0 += 1; return $0 > 2
                }
            }
        }
    }

    @Test("a server goes on with what an earlier one began for its model")
    func goingOn() async throws {
        let fixture = try ServerFixture()
        try fill(fixture)
        try begin(fixture, "tiny")
        let mine = try tiny(fixture).digest
        try await fixture.run { client in
            // The collections are opened first.
            while try await client.get("/readyz").status != 200 {
                try await Task.sleep(for: .milliseconds(5))
            }
            while try await client.get("/collections/notes/reencode").object["state"] as? String
                == "unfinished"
            {
                try await Task.sleep(for: .milliseconds(5))
            }
            let state = try await end(client)
            #expect(state["state"] as? String == "finished", "\(state)")
            #expect(try await digests(client) == [mine])
        }
    }

    @Test("what was begun for another model is reported, in the way of another, and can be given up")
    func unfinished() async throws {
        let fixture = try ServerFixture()
        try fill(fixture)
        try TinyModel.write(to: fixture.folder.url.appending(path: "third"), inside: 40)
        try begin(fixture, "third")
        try await fixture.run { client in
            let state = try await client.get("/collections/notes/reencode").object
            #expect(state["state"] as? String == "unfinished")
            #expect((state["model"] as? [String: Any])?["name"] as? String == "third")
            let refused = try await client.post("/collections/notes/reencode", "{}")
            #expect(refused.status == 400 && refused.text.contains("third"), "\(refused.text)")
            #expect(try await client.ask(.delete, "/collections/notes/reencode").status == 200)
            let gone = try await client.ask(.delete, "/collections/notes/reencode")
            #expect(gone.status == 404 && gone.code == "no_reencoding")
            try begin(fixture, "third")
            let begun = try await client.post("/collections/notes/reencode", #"{"restart": true}"#)
            #expect(begun.status == 202, "\(begun.text)")
            #expect(try await end(client)["state"] as? String == "finished")
        }
    }

    @Test(
        "requests that make no sense are refused with the member at fault",
        arguments: [
            (#"{"dimensions": 99}"#, "dimensions"), (#"{"dimensions": 8}"#, "dimensions"),
            (#"{"dimensions": "8"}"#, "dimensions"), (#"{"metric": "dot"}"#, "metric"),
            (#"{"plan": "PQ3x9"}"#, "plan"), (#"{"plan": {"budget": 8, "fit_at": 1}}"#, "plan"),
            (#"{"restart": 1}"#, "restart"), (#"{"model": "../other"}"#, "model"),
            (#"{"plan": "PQ5"}"#, "name"),
        ])
    func badRequests(body: String, parameter: String) async throws {
        let fixture = try ServerFixture()
        try fill(fixture)
        try await fixture.run { client in
            let answer = try await client.post("/collections/notes/reencode", body)
            #expect(answer.status == 400, "\(answer.text)")
            #expect(answer.error["param"] as? String == parameter, "\(answer.text)")
            #expect(try await client.get("/collections/notes/reencode").object["state"] as? String == "none")
        }
    }

    @Test("items without text are named; without a model, and for keys that may not, nothing is done")
    func refusals() async throws {
        let fixture = try ServerFixture()
        let notes = try fill(fixture)
        try notes.upsert(
            ItemBatch(
                ids: [.text("bare")],
                vectors: Matrix(rows: 1, columns: 16, elements: .init(repeating: 1, count: 16))))
        try await fixture.run { client in
            let answer = try await client.post("/collections/notes/reencode", "{}")
            #expect(
                answer.status == 400 && answer.code == "cannot_reencode" && answer.text.contains("'bare'"))
            #expect(try await client.post("/collections/nothing/reencode", "{}").status == 404)
            #expect(try await client.get("/collections/nothing/reencode").status == 404)
        }
        try await ServerFixture(hasModel: false).run { client in
            _ = try await client.ask(.put, "/collections/notes", #"{"dimensions": 2}"#)
            let answer = try await client.post("/collections/notes/reencode", "{}")
            #expect(answer.status == 400 && answer.code == "no_model")
        }
        let keys = [APIKey.Scope.read, .write].map { APIKey.make(scopes: [$0], now: Date()) }
        try await ServerFixture(keys: keys.map(\.0)).run { client in
            for (_, secret) in keys {
                for method in [HTTPRequest.Method.post, .delete] {
                    let answer = try await client.ask(method, "/collections/notes/reencode", key: secret)
                    #expect(answer.status == 403 && answer.code == "missing_scope")
                }
            }
        }
    }
}
