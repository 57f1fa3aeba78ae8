import Foundation
import KuklaTestSupport
import Testing

/// `kukla serve` and `kukla keys`: the built binary, asked over HTTP.
@Suite struct ServeCommandTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try TinyModel.write(to: folder.url.appending(path: "tiny"))
    }

    @Test("it serves until a signal, then ends well and lets go of the store", arguments: [SIGTERM, SIGINT])
    func ends(signal: Int32) async throws {
        let server = try RunningServer(["--model", "tiny"], in: folder.url)
        #expect(server.port > 0, "\(server.text)")
        let answer = try await server.ask(
            path: "/v1/embeddings", #"{"model": "tiny", "input": "a man"}"#)
        #expect(answer.status == 200)
        #expect(answer.body.contains("\"embedding\""))
        #expect(server.end(signal) == 0, "\(server.text)")
        #expect(try Command.run("collection", "info", "data", in: folder.url).status == 0)
    }

    @Test("a second server on a folder says who holds it")
    func second() throws {
        let server = try RunningServer(["--no-model"], in: folder.url)
        let second = try Command.run("serve", "--data", "data", "--no-model", "--port", "0", in: folder.url)
        #expect(second.failed(2, "\(server.process.processIdentifier)", "holds it"), "\(second.errors)")
        let command = try Command.run(
            "collection", "create", "data", "x", "--dimensions", "4", in: folder.url)
        #expect(command.failed(2, "holds it"))
        #expect(server.end() == 0)
    }

    @Test("keys are made, work at once, and stop to work when they are removed")
    func keys() async throws {
        let made = try Command.run("keys", "add", "data", "--scope", "read", in: folder.url)
        #expect(made.status == 0)
        let secret = made.output.trimmingCharacters(in: .newlines)
        let server = try RunningServer(["--model", "tiny"], in: folder.url)
        let stranger = try await server.ask(path: "/status")
        #expect(stranger.status == 401)
        let headers = ["Authorization": "Bearer \(secret)"]
        let known = try await server.ask(path: "/status", headers: headers)
        #expect(known.status == 200)
        let listed = try Command.run("keys", "list", "data", in: folder.url).output
        #expect(!listed.contains(secret))
        let id = String(listed.split(separator: " ").first ?? "")
        #expect(try Command.run("keys", "remove", "data", id, in: folder.url).status == 0)
        #expect(try Command.run("keys", "remove", "data", id, in: folder.url).status == 64)
        var status = 200
        for _ in 0..<40 where status == 200 {
            try await Task.sleep(for: .milliseconds(100))
            status = try await server.ask(path: "/status", headers: headers).status
        }
        #expect(status == 401)
        #expect(server.end() == 0)
    }

    @Test("wrong usage is told in a sentence")
    func usage() throws {
        func run(_ arguments: String...) throws -> Command {
            try Command.run(["serve", "--data", "data", "--no-model"] + arguments, in: folder.url)
        }
        #expect(try run("--host", "0.0.0.0").failed(64, "keys"))
        #expect(try run("--port", "70000").status == 64)
        #expect(try run("--tls-key", "key.pem").status == 64)
        #expect(try run("--keys", "none.json").failed(64, "none.json"))
        #expect(try run("--tls-key", "k.pem", "--tls-certificate", "c.pem").failed(2, "PEM"))
        let missing = try Command.run("serve", "--data", "d", "--model", "absent", in: folder.url)
        #expect(missing.status == 2)
    }

    @Test("log lines are JSON where that is asked for")
    func log() async throws {
        let server = try RunningServer(["--no-model", "--log-format", "json"], in: folder.url)
        _ = try await server.ask(path: "/healthz", headers: ["x-request-id": "mine"])
        #expect(server.end() == 0)
        let lines = server.text.split(separator: "\n").filter { $0.hasPrefix("{") }
        let entries = lines.compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
        #expect(entries.count == lines.count)
        let request = entries.first { $0["request_id"] as? String == "mine" }
        #expect(request?["status"] as? Int == 200)
        #expect(request?["path"] as? String == "/healthz")
    }

    @Test("openai's own client gets the vectors that the command line makes")
    func client() throws {
        // Scripts/install-clients.sh makes this environment; where it is not, there is nothing to ask with.
        guard let python = ProcessInfo.processInfo.environment["KUKLA_CLIENTS_PYTHON"],
            FileManager.default.isExecutableFile(atPath: python)
        else {
            print("skipped: KUKLA_CLIENTS_PYTHON names no Python with the openai package")
            return
        }
        let server = try RunningServer(["--model", "tiny", "--allow-unmeasured-dimensions"], in: folder.url)
        let script = """
            import sys, numpy, openai
            from openai import OpenAI
            client = OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0)
            texts = ["a man plays", "two dogs", "the sea"]
            found = client.embeddings.create(model="tiny", input=texts)
            expected = numpy.load(sys.argv[2])
            vectors = numpy.array([d.embedding for d in found.data])
            assert [d.index for d in found.data] == [0, 1, 2]
            assert numpy.abs(vectors - expected).max() < 1e-5
            assert found.usage.prompt_tokens == 5 + 4 + 4
            plain = client.embeddings.create(model="tiny", input=texts[0], encoding_format="float")
            assert numpy.abs(numpy.array(plain.data[0].embedding) - expected[0]).max() < 1e-5
            short = client.embeddings.create(model="tiny", input=texts, dimensions=8)
            assert all(len(d.embedding) == 8 for d in short.data)
            assert [m.id for m in client.models.list()] == ["tiny"]
            try:
                client.embeddings.create(model="other", input="a")
                raise SystemExit("an unknown model was served")
            except openai.NotFoundError as error:
                assert error.code == "model_not_found"
            try:
                client.embeddings.create(model="tiny", input="a", dimensions=99)
                raise SystemExit("99 dimensions were served")
            except openai.BadRequestError as error:
                assert error.param == "dimensions"
            """
        try Data(script.utf8).write(to: folder.url.appending(path: "client.py"))
        try Data("a man plays\ntwo dogs\nthe sea\n".utf8).write(to: folder.url.appending(path: "texts.txt"))
        let embedded = try Command.run(
            "embed", "texts.txt", "--model", "tiny", "-o", "own.npy", in: folder.url)
        #expect(embedded.status == 0)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = ["client.py", "http://127.0.0.1:\(server.port)/v1", "own.npy"]
        process.currentDirectoryURL = folder.url
        let errors = Pipe()
        process.standardError = errors
        try process.run()
        let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(said)")
        #expect(server.end() == 0)
    }
}
