import Foundation
import KuklaHub
import KuklaNumerics
import Synchronization
import Testing

@Suite struct ModelHubTests {
    static let model: ModelIdentifier = {
        guard let model = try? ModelIdentifier("acme/tiny") else { fatalError("acme/tiny is a name") }
        return model
    }()

    func hub(_ server: HubServer, token: String? = nil, idleTimeout: Double = 20) throws -> ModelHub {
        try ModelHub(
            cache: server.cache, endpoint: server.endpoint, token: token, firstDelay: 0.01,
            idleTimeout: idleTimeout)
    }

    /// Fetches, and holds the folder against what the server has.
    @discardableResult
    func expectFetched(_ server: HubServer, token: String? = nil, idleTimeout: Double = 20) async throws
        -> ModelHub.Model
    {
        let fetched = try await hub(server, token: token, idleTimeout: idleTimeout).get(Self.model)
        var contents = HubServer.contents(fetched.folder)
        #expect(contents.removeValue(forKey: ".kukla-model.json") != nil)
        #expect(contents == HubServer.files)
        #expect(!fetched.wasCached)
        #expect(fetched.fileCount == HubServer.files.count)
        #expect(fetched.totalBytes == HubServer.files.values.reduce(0) { $0 + $1.count })
        return fetched
    }

    /// Fetches in vain, leaves no model folder, and gives the error.
    func expectFailure(
        _ server: HubServer, _ code: KuklaError.Code, saying words: String, token: String? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let hub = try hub(server, token: token)
        do {
            _ = try await hub.get(Self.model)
            Issue.record("no error", sourceLocation: sourceLocation)
        } catch {
            #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
            #expect(error.message.contains(words), "\(error)", sourceLocation: sourceLocation)
            if let token { #expect(!"\(error)".contains(token), sourceLocation: sourceLocation) }
        }
        #expect(!FileManager.default.fileExists(atPath: server.folder.path), sourceLocation: sourceLocation)
    }

    // MARK: - The straight way

    @Test func `fetches the files that are needed and no others, and a second get fetches nothing`()
        async throws
    {
        let server = try HubServer()
        let first = try await expectFetched(server)
        #expect(first.folder.path == server.folder.path)
        let asked = try server.requests()
        #expect(asked.count == 1 + HubServer.files.count)
        #expect(asked.allSatisfy { $0.encoding == "identity" && $0.authorization == nil })
        let second = try await hub(server).get(Self.model)
        #expect(second.wasCached)
        #expect(second.commit == first.commit)
        #expect(try server.requests().count == asked.count)
    }

    @Test func `reports every byte once, also over a resumed transfer`() async throws {
        final class Counter: ProgressReporter {
            let state = Mutex((total: 0, done: 0, ends: 0))
            func begin(_ task: String, total: Int?, unit: String) {
                state.withLock { $0.total = total ?? -1 }
            }
            func advance(by count: Int) { state.withLock { $0.done += count } }
            func end() { state.withLock { $0.ends += 1 } }
        }
        let server = try HubServer(["model.safetensors": ["cut:150000", "no-range"]])
        let counter = Counter()
        _ = try await hub(server).get(Self.model, progress: counter)
        let (total, done, ends) = counter.state.withLock { $0 }
        #expect(total == HubServer.files.values.reduce(0) { $0 + $1.count })
        #expect(done == total)
        #expect(ends == 1)
    }

    @Test func `a damaged or missing file of a cached model is fetched again, alone`() async throws {
        let server = try HubServer()
        try await expectFetched(server)
        try Data("[PAX]\n".utf8).write(to: server.folder.appending(path: "vocab.txt"))
        try FileManager.default.removeItem(at: server.folder.appending(path: "1_Pooling/config.json"))
        let before = try server.requests().count
        try await expectFetched(server)
        #expect(
            try server.requests().dropFirst(before).map { ($0.path as NSString).lastPathComponent }.sorted()
                == ["config.json", "main", "vocab.txt"])
    }

    @Test func `a folder that somebody else made is left alone`() async throws {
        let server = try HubServer()
        try FileManager.default.createDirectory(at: server.folder, withIntermediateDirectories: true)
        let mine = server.folder.appending(path: "config.json")
        try Data("mine".utf8).write(to: mine)
        await #expect(throws: KuklaError.self) { _ = try await hub(server).get(Self.model) }
        #expect(try Data(contentsOf: mine) == Data("mine".utf8))
    }

    // MARK: - Broken and cut answers

    @Test func `a cut body is resumed where it stopped`() async throws {
        let server = try HubServer(["model.safetensors": ["cut:70001", "cut:1", 503, "cut:100000"]])
        try await expectFetched(server)
        let asked = try server.requests("model.safetensors")
        #expect(asked.map(\.range) == [nil, "bytes=70001-", "bytes=70002-", "bytes=70002-", "bytes=170002-"])
        #expect(asked.dropFirst().allSatisfy { $0.if_range != nil })
    }

    @Test func `a fetch that failed goes on where it stopped in the next process`() async throws {
        let server = try HubServer(["model.safetensors": ["cut:90000", 500, 500, 500, 500]])
        try await expectFailure(server, .network, saying: "5 times in a row")
        let before = try server.requests().count
        try await expectFetched(server)
        let later = try server.requests().dropFirst(before)
        #expect(later.filter { $0.path.hasSuffix("safetensors") }.map(\.range) == ["bytes=90000-"])
        // The list, the weights, and the files that come after them in the list.
        #expect(later.count < 1 + HubServer.files.count)
    }

    @Test(
        arguments: [
            ["cut:70000", "no-range"], ["cut:70000", "wrong-range"], ["cut:70000", "new-etag"], ["cut:0"],
            [503, 429, 500, 502], ["corrupt"], ["cut:50000", "corrupt"], ["cut:70000", 416],
        ] as [[HubServer.Turn]])
    func `the right file arrives in spite of`(turns: [HubServer.Turn]) async throws {
        try await expectFetched(try HubServer(["model.safetensors": turns, "vocab.txt": [503]]))
    }

    @Test func `a server that says nothing is asked again`() async throws {
        let server = try HubServer(["vocab.txt": ["stall"]])
        try await expectFetched(server, idleTimeout: 1)
        #expect(try server.requests("vocab.txt").count == 2)
    }

    @Test func `a cancelled fetch stops, keeps what it has, and goes on later`() async throws {
        let server = try HubServer(["model.safetensors": ["cut:80000", "stall"]])
        let hub = try hub(server)
        let fetch = Task { try await hub.get(Self.model) }
        // The second request for the weights is the one that stalls.
        while try server.requests("model.safetensors").count < 2 {
            try await Task.sleep(for: .milliseconds(20))
        }
        fetch.cancel()
        let error = await #expect(throws: KuklaError.self) { _ = try await fetch.value }
        #expect(error?.code == .cancelled)
        #expect(!FileManager.default.fileExists(atPath: server.folder.path))
        try await expectFetched(server)
        #expect(try server.requests("model.safetensors").last?.range == "bytes=80000-")
    }

    @Test func `two processes do not fetch one model at once`() async throws {
        let server = try HubServer(["list": ["stall"]])
        let hub = try hub(server)
        let first = Task { try await hub.get(Self.model) }
        while try server.requests().isEmpty { try await Task.sleep(for: .milliseconds(20)) }
        let error = await #expect(throws: KuklaError.self) { _ = try await hub.get(Self.model) }
        #expect(error?.message.contains("another process is fetching") == true)
        first.cancel()
        _ = await first.result
        try await expectFetched(server)
    }

    @Test func `wrong content is refused, however often it comes`() async throws {
        let server = try HubServer(["model.safetensors": ["corrupt", "corrupt"]])
        try await expectFailure(server, .badData, saying: "model.safetensors arrived twice with a checksum")
        let small = try HubServer(["vocab.txt": ["corrupt", "corrupt"]])
        try await expectFailure(small, .badData, saying: "vocab.txt arrived twice")
        let long = try HubServer(["model.safetensors": ["longer"]])
        try await expectFailure(long, .badData, saying: "the server sends more")
    }

    @Test func `a server that keeps failing is given up with what to do`() async throws {
        let server = try HubServer(["list": [503, 503, 503, 503, 503]])
        try await expectFailure(server, .network, saying: "the server answered 503, 5 times in a row")
        let nobody = try ModelHub(
            cache: server.cache, endpoint: "http://127.0.0.1:1", token: nil, firstDelay: 0.01, idleTimeout: 5)
        await #expect(throws: KuklaError.self) { _ = try await nobody.get(Self.model) }
    }

    // MARK: - Refusals (a server for many cases, since starting one is what takes time)

    @Test func `a refusal says what to do and is not repeated`() async throws {
        let cases = [(401, "HF_TOKEN"), (403, "terms accepted"), (404, "spelling"), (418, "not expected")]
        let server = try HubServer(["list": cases.map { .status($0.0) }])
        for (_, says) in cases { try await expectFailure(server, .network, saying: says) }
        #expect(try server.requests().count == cases.count)
        let file = try HubServer(["config.json": cases.map { .status($0.0) }])
        for _ in cases { try await expectFailure(file, .network, saying: "The hub says: on order.") }
        #expect(try file.requests("config.json").count == cases.count + 1)
    }

    @Test func `an answer that is no file list is refused`() async throws {
        let bodies = [
            "<html>Sign in to the hotel network</html>", "", "{", "[]", #"{"sha":"0123456789","siblings":7}"#,
            #"{"sha":"../../..","siblings":[]}"#,
        ]
        let server = try HubServer(["list": bodies.map { "body:\($0)" }])
        for _ in bodies {
            try await expectFailure(server, .network, saying: "/api/models/acme/tiny/revision/main")
        }
    }

    @Test func `a file name that leaves the folder is refused before anything is fetched`() async throws {
        let names = [
            "../evil", "/etc/passwd", "a/../../b", "a//b", #"a\\..\\b"#, ".", "1_Pooling/..", #"a\u0000b"#,
            #"a\nb"#,
            "",
        ]
        let server = try HubServer([
            "list": names.map {
                #"body:{"sha":"0123456789abcdef","siblings":[{"rfilename":"config.json"},{"rfilename":"\#($0)"}]}"#
            }
        ])
        for _ in names { try await expectFailure(server, .badData, saying: "outside of the model's folder") }
        #expect(try server.requests().count == names.count)
    }

    @Test func `a list that cannot be right is refused`() async throws {
        let weights = #""rfilename":"model.safetensors""#
        let cases: [(String, KuklaError.Code, String)] = [
            (#"{\#(weights),"size":-1}"#, .badData, "impossible size"),
            (#"{\#(weights),"lfs":{"sha256":"zz","size":1}}"#, .badData, "impossible size or checksum"),
            (#"{"rfilename":"config.json"}"#, .badData, "twice"),
            (#"{"rfilename":"pytorch_model.bin"}"#, .unsupported, "no weights as safetensors"),
            (#"{\#(weights),"size":9000000000000000000}"#, .inputOutput, "make room"),
            (
                #"{\#(weights),"size":9000000000000000000},{"rfilename":"vocab.txt","size":9000000000000000000}"#,
                .badData, "more bytes than can be counted"
            ),
        ]
        let server = try HubServer([
            "list": cases.map {
                .words(#"body:{"sha":"0123456789abcdef","siblings":[{"rfilename":"config.json"},\#($0.0)]}"#)
            }
        ])
        for (_, code, says) in cases { try await expectFailure(server, code, saying: says) }
    }

    // MARK: - The token

    @Test func `the token goes to the endpoint and to no other host`() async throws {
        let storage = try HubServer()
        let server = try HubServer([
            "model.safetensors": ["redirect:\(storage.endpoint)/storage/model.safetensors"]
        ])
        try await expectFetched(server, token: "hf_secret")
        #expect(try server.requests().allSatisfy { $0.authorization == "Bearer hf_secret" })
        let elsewhere = try storage.requests()
        #expect(elsewhere.count == 1)
        #expect(elsewhere.allSatisfy { $0.authorization == nil })
    }

    @Test func `a redirect on the endpoint itself keeps the token`() async throws {
        let server = try HubServer(["model.safetensors": ["redirect:/storage/model.safetensors"]])
        try await expectFetched(server, token: "hf_secret")
        #expect(try server.requests("storage/model.safetensors").map(\.authorization) == ["Bearer hf_secret"])
    }

    @Test func `a redirect to something else than http is refused`() async throws {
        let turns: [HubServer.Turn] = [
            "redirect:file:///etc/passwd", "redirect:", "redirect:ftp://127.0.0.1/x",
        ]
        let server = try HubServer(["config.json": turns])
        for _ in turns { try await expectFailure(server, .network, saying: "redirects to nowhere") }
    }

    @Test func `a redirect in circles ends`() async throws {
        let turns = [HubServer.Turn](repeating: "redirect:config.json", count: 30)
        try await expectFailure(try HubServer(["config.json": turns]), .network, saying: "in circles")
    }

    @Test func `no message and no description shows the token`() async throws {
        let server = try HubServer(["list": [401]])
        try await expectFailure(server, .network, saying: "the token was not accepted", token: "hf_secret")
        let hub = try hub(server, token: "hf_secret")
        var dumped = ""
        dump(hub, to: &dumped)
        #expect(!"\(hub) \(String(reflecting: hub)) \(dumped)".contains("hf_secret"))
        let cache = server.cache
        for (endpoint, token) in [
            ("http://example.org", "hf_secret"), ("https://example.org", "hf_secret\nHost: x"),
        ] {
            let error = #expect(throws: KuklaError.self) {
                _ = try ModelHub(cache: cache, endpoint: endpoint, token: token)
            }
            #expect(error.map { $0.code == .usage && !"\($0)".contains("hf_secret") } == true)
        }
    }
}
