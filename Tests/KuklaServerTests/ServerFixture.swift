import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import KuklaNumerics
import KuklaServer
import KuklaStore
import KuklaTestSupport
import Logging

/// A server over a new store with the tiny model, for one test.
final class ServerFixture: Sendable {
    let folder: TemporaryFolder
    let store: Store
    let server: APIServer

    init(
        keys: [APIKey] = [], truncates: Bool = false, allowsUnmeasured: Bool = false, rate: Double? = nil,
        capacity: Int = 4096, passTokens: Int = 8192, maximumBody: Int = 1 << 20, timeout: Double = 20,
        hasModel: Bool = true, hasStore: Bool = true, clickModels: [ServedClickModel] = [],
        maximumLine: Int = 4 << 20, fitter: (any PlanFitter)? = nil,
        preparing: (_ model: URL) throws -> Void = { _ in }
    ) throws {
        folder = try TemporaryFolder()
        try TinyModel.write(to: folder.url.appending(path: "tiny"))
        try preparing(folder.url.appending(path: "tiny"))
        var options = StoreOptions()
        options.fitter = fitter
        store = try Store(folder.url.appending(path: "data"), options: options)
        var configuration = ServerConfiguration(threads: 2)
        configuration.truncates = truncates
        configuration.allowsUnmeasuredDimensions = allowsUnmeasured
        configuration.rateLimit = rate
        configuration.batching.capacity = capacity
        configuration.batching.maximumTokens = passTokens
        configuration.maximumBody = maximumBody
        configuration.timeout = timeout
        configuration.maximumLine = maximumLine
        var ring: KeyRing?
        if !keys.isEmpty {
            let made = try KeyRing(folder.url.appending(path: "keys.json"))
            for key in keys { try made.add(key) }
            ring = made
        }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        server = try APIServer(
            store: hasStore ? store : nil,
            model: hasModel ? ServedModel(folder: folder.url.appending(path: "tiny")) : nil,
            clickModels: clickModels, keys: ring, configuration: configuration, version: "test",
            logger: logger)
    }

    deinit { store.close() }

    /// Runs `body` with a client of the running server.
    func run(_ body: @escaping @Sendable (Client) async throws -> Void) async throws {
        try await server.application().test(.ahc(.http)) { client in try await body(Client(client: client)) }
    }

    /// Asks for JSON.
    struct Client: Sendable {
        let client: any TestClientProtocol

        struct Answer {
            let status: Int
            let headers: HTTPFields
            let text: String

            var json: Any? {
                try? JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
            }
            var object: [String: Any] { json as? [String: Any] ?? [:] }
            /// The error of OpenAI's dialect.
            var error: [String: Any] { object["error"] as? [String: Any] ?? [:] }
            var code: String? { error["code"] as? String }
        }

        func ask(
            _ method: HTTPRequest.Method, _ path: String, _ body: String? = nil, key: String? = nil,
            headers: HTTPFields = [:]
        ) async throws -> Answer {
            var headers = headers
            if let key { headers[.authorization] = "Bearer \(key)" }
            return try await client.execute(
                uri: path, method: method, headers: headers, body: body.map { ByteBuffer(string: $0) }
            ) { response in
                Answer(
                    status: response.status.code, headers: response.headers,
                    text: String(buffer: response.body))
            }
        }

        func get(_ path: String, key: String? = nil) async throws -> Answer {
            try await ask(.get, path, key: key)
        }

        func post(_ path: String, _ body: String, key: String? = nil) async throws -> Answer {
            try await ask(.post, path, body, key: key)
        }
    }
}

/// Names of headers that tests look at.
enum HTTPFieldNames {
    static let requestID = HTTPField.Name("x-request-id")!
}
