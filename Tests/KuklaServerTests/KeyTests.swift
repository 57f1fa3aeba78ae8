import Foundation
import HTTPTypes
import KuklaNumerics
import KuklaServer
import KuklaStore
import KuklaTestSupport
import Logging
import Testing

/// Who may ask.
@Suite struct KeyTests {
    @Test(
        "without a key, with a wrong one and with one that has expired nothing but the public paths answers")
    func authentication() async throws {
        let now = Date()
        let (good, secret) = APIKey.make(scopes: [.read], now: now)
        let (old, expired) = APIKey.make(scopes: [.admin], expires: now.addingTimeInterval(-1), now: now)
        try await ServerFixture(keys: [good, old]).run { client in
            #expect(try await client.get("/healthz").status == 200)
            #expect(try await client.get("/readyz").status != 401)
            for path in ["/status", "/metrics", "/v1/models", "/info", "/nothing"] {
                let answer = try await client.get(path)
                #expect(answer.status == 401, "\(path)")
                #expect(answer.headers[.wwwAuthenticate] == "Bearer")
                #expect(try await client.get(path, key: "kk-wrong").status == 401)
                let late = try await client.get(path, key: expired)
                #expect(late.status == 401)
                #expect(path == "/info" || late.code == "expired_api_key")
            }
            #expect(try await client.get("/status", key: secret).status == 200)
            let embedded = try await client.post(
                "/v1/embeddings", #"{"model": "tiny", "input": "a man"}"#, key: secret)
            #expect(embedded.status == 200)
        }
    }

    @Test("the file of keys holds no secret, is its owner's only, and is read again when it has changed")
    func file() async throws {
        let folder = try TemporaryFolder()
        let url = folder.url.appending(path: "keys.json")
        let ring = try KeyRing(url)
        let (key, secret) = APIKey.make(scopes: [.write], collections: ["notes"], label: "x", now: Date())
        try ring.add(key)
        let text = try String(contentsOf: url, encoding: .utf8)
        #expect(!text.contains(secret) && !text.contains(secret.dropFirst(3)))
        let mode = try FileManager.default.attributesOfItem(atPath: url.path)[.posixPermissions] as? NSNumber
        #expect(mode?.intValue == 0o600)
        #expect(try KeyRing(url).keys == ring.keys)
        #expect(try ring.remove(key.id))
        #expect(try !ring.remove(key.id))
        try Data("{".utf8).write(to: url)
        #expect(throws: KuklaError.self) { try KeyRing(url) }
    }

    @Test("two keys are never alike")
    func distinct() {
        let made = (0..<200).map { _ in APIKey.make(scopes: [.read], now: Date()) }
        #expect(Set(made.map(\.secret)).count == 200)
        #expect(Set(made.map(\.key.id)).count == 200)
        #expect(made.allSatisfy { $0.secret.count == 46 })
    }

    @Test("an address that others reach is refused without keys", arguments: ["0.0.0.0", "::", "192.0.2.1"])
    func publicAddress(host: String) throws {
        let folder = try TemporaryFolder()
        let store = try Store(folder.url.appending(path: "data"))
        defer { store.close() }
        var configuration = ServerConfiguration(threads: 1)
        configuration.host = host
        #expect(throws: KuklaError.self) {
            try APIServer(
                store: store, model: nil, keys: nil, configuration: configuration, version: "test",
                logger: Logger(label: "test"))
        }
    }

    @Test("a client that asks too often gets 429 and the seconds to wait")
    func rate() async throws {
        // One request at once, the next in a thousand seconds: nothing depends on how fast this machine is.
        try await ServerFixture(rate: 0.001).run { client in
            let first = try await client.get("/healthz")
            #expect(first.status == 200)
            let second = try await client.get("/healthz")
            #expect(second.status == 429)
            #expect(second.code == "rate_limit_exceeded")
            #expect(second.headers[.retryAfter].flatMap { Int($0) } ?? 0 > 900)
        }
    }
}
