import Foundation
import KuklaTestSupport
import Testing

/// Clients that mean no good to `kukla serve`, over bare sockets.
@Suite struct ServeHostileTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try TinyModel.write(to: folder.url.appending(path: "tiny"))
    }

    private func server(_ arguments: String...) throws -> RunningServer {
        try RunningServer(["--model", "tiny"] + arguments, in: folder.url)
    }

    @Test("a body that does not come is answered 408, and the server goes on")
    func slowBody() async throws {
        let server = try server("--timeout", "0.5")
        let socket = try BareSocket(port: server.port)
        socket.send("POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"mod")
        let answer = socket.receive()
        #expect(answer.hasPrefix("HTTP/1.1 408"), "\(answer)")
        #expect(answer.contains("did not arrive"))
        let next = try await server.ask(path: "/healthz")
        #expect(next.status == 200)
    }

    @Test("a body cut by its client leaves nothing behind")
    func cutBody() async throws {
        let server = try server()
        for _ in 0..<50 {
            let socket = try BareSocket(port: server.port)
            socket.send("POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{\"model\": ")
            socket.close()
        }
        let answer = try await server.ask(
            path: "/v1/embeddings", #"{"model": "tiny", "input": "a man"}"#)
        #expect(answer.status == 200)
    }

    @Test(
        "what is no HTTP is answered 400 or cut off",
        arguments: [
            "nonsense\r\n\r\n", "GET /collections/%ff HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
            "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
            "POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nX: \(String(repeating: "a", count: 200_000))\r\n\r\n",
        ])
    func noHTTP(text: String) async throws {
        let server = try server()
        let socket = try BareSocket(port: server.port)
        socket.send(text)
        let answer = socket.receive()
        #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 4"), "\(answer.prefix(200))")
        let next = try await server.ask(path: "/healthz")
        #expect(next.status == 200)
    }

    @Test("texts that are no UTF-8, and numbers that are none, are refused by name")
    func badBytes() async throws {
        let server = try server()
        for (body, word) in [
            (Data(#"{"model": "tiny", "input": ""#.utf8) + [0xFF, 0xFE] + Data(#""}"#.utf8), "UTF-8"),
            (Data(#"{"model": "tiny", "input": [NaN]}"#.utf8), "input"),
        ] {
            let socket = try BareSocket(port: server.port)
            socket.send(
                Data("POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.count)\r\n\r\n".utf8)
                    + body)
            let answer = socket.receive()
            #expect(answer.hasPrefix("HTTP/1.1 400"))
            #expect(answer.contains(word), "\(answer)")
        }
    }

    @Test("idle connections stand in nobody's way")
    func idle() async throws {
        let server = try server()
        let sockets = try (0..<400).map { _ in try BareSocket(port: server.port) }
        let answer = try await server.ask(
            path: "/v1/embeddings", #"{"model": "tiny", "input": "a man"}"#)
        #expect(answer.status == 200)
        for socket in sockets { socket.close() }
        #expect(server.end() == 0)
    }

    @Test("a client that goes while its texts wait does not get them embedded")
    func departed() async throws {
        let server = try server("--max-batch-tokens", "16", "--queue", "100000")
        let texts = TinyModel.sentences(2000).map { "\"\($0)\"" }.joined(separator: ",")
        let body = #"{"model": "tiny", "input": [\#(texts)]}"#
        for _ in 0..<20 {
            let socket = try BareSocket(port: server.port)
            socket.send(
                "POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
            )
            socket.close()
        }
        var waiting = 1
        for _ in 0..<100 where waiting > 0 {
            try await Task.sleep(for: .milliseconds(100))
            let status = try await server.ask(path: "/status")
            let json = try JSONSerialization.jsonObject(with: Data(status.body.utf8)) as? [String: Any]
            waiting = (json?["queue"] as? [String: Any])?["waiting"] as? Int ?? 1
        }
        let metrics = try await server.ask(path: "/metrics").body.split(separator: "\n")
        let tokens = metrics.first { $0.hasPrefix("kukla_embedding_tokens_total") }
        let count = tokens.flatMap { Double($0.split(separator: " ")[1]) } ?? 0
        // All of them would be 20 * 2000 sentences of 8 tokens.
        #expect(waiting == 0)
        #expect(count < 20 * 2000 * 8 / 2, "\(count) tokens were embedded for nobody")
    }
}

/// A TCP connection to this machine.
final class BareSocket {
    private var descriptor: Int32

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        try #require(connected == 0, "connect: \(errno)")
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    func send(_ text: String) { send(Data(text.utf8)) }

    func send(_ data: Data) {
        data.withUnsafeBytes { bytes in
            var sent = 0
            while sent < bytes.count {
                let count = Glibc.send(
                    descriptor, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
                guard count > 0 else { return }
                sent += count
            }
        }
    }

    /// What comes until a pause or the end, once something has come.
    func receive() -> String {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            all += buffer[..<count]
            var limit = timeval(tv_sec: 0, tv_usec: 200_000)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        return String(decoding: all, as: UTF8.self)
    }

    func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }

    deinit { close() }
}
