import Foundation
package import Hummingbird
import HummingbirdCore
import HummingbirdTLS
public import KuklaNumerics
public import KuklaStore
import KuklaText
public import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import UnixSignals

/// A store of collections, a model of texts and models of clicks, over HTTP.
///
///     let server = try APIServer(store: store, model: model, keys: nil, configuration: ServerConfiguration(), logger: logger)
///     try await server.run()
public final class APIServer: Sendable {
    public let configuration: ServerConfiguration
    let store: Store?
    let served: ServedModel?
    let clickModels: [ServedClickModel]
    let keys: KeyRing?
    let metrics = ServerMetrics()
    let version: String
    /// Searches and whatever else reads; writes, which wait for the disk and for each other, have threads of their own.
    let reading = WorkPool("reading")
    let writing = WorkPool("writing")
    let searching = FairThreads()
    let searches: SearchQueue
    package let recall: RecallMonitor?
    let reencodings: ReencodingJobs?
    let queue: EmbeddingQueue?
    /// Whether all collections are open.
    let isReady = Guarded(false)
    private let departures = Departures()
    private let logger: Logger

    /// - Parameters:
    ///   - store: what `/collections` serves; it stays the caller's to close. nil for a server without collections.
    ///   - model: what embeds texts; nil for a server of vectors only.
    ///   - clickModels: what `/rank` scores rows with, under different names.
    ///   - keys: who may ask; nil where anybody who reaches the server may.
    ///   - version: what `/status` says.
    /// - Throws: `KuklaError.usage` where it would listen on an address that others reach, without keys, or two models have one name.
    public init(
        store: Store?, model: ServedModel?, clickModels: [ServedClickModel] = [], keys: KeyRing?,
        configuration: ServerConfiguration, version: String, logger: Logger
    ) throws(KuklaError) {
        for (place, model) in clickModels.enumerated()
        where clickModels[..<place].contains(where: { $0.name == model.name }) {
            throw KuklaError(
                .usage, "Cannot serve two click models as '\(model.name)': give each a name of its own.")
        }
        guard keys != nil || Self.isLoopback(configuration.host) else {
            throw KuklaError(
                .usage,
                "Cannot listen on \(configuration.host) without API keys: others reach that address. Make a key with `kukla keys add`, or listen on 127.0.0.1."
            )
        }
        self.store = store
        self.served = model
        self.clickModels = clickModels
        self.keys = keys
        self.configuration = configuration
        self.version = version
        self.logger = logger
        recall = store.map { [reading, metrics] in RecallMonitor($0, reading, metrics.registry) }
        reencodings = store.map { ReencodingJobs($0, model, configuration, logger) }
        searches = SearchQueue(threads: configuration.threads, capacity: 1024)
        queue = model.map { [metrics] in
            EmbeddingQueue($0.model.encoder, configuration.batching, metrics: metrics)
        }
    }

    deinit { searches.close() }

    /// Answers requests until the process is told to end (SIGTERM, SIGINT); requests in flight are finished first.
    ///
    /// - Parameter listening: hears the address once it is listened on.
    public func run(listening: @escaping @Sendable (_ host: String, _ port: Int) -> Void = { _, _ in })
        async throws
    {
        let application = try application(listening)
        defer {
            queue?.close()
            searches.close()
            reencodings?.stop()
        }
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = [.init(service: application)]
        if let recall { services.append(.init(service: recall)) }
        let group = ServiceGroup(
            configuration: .init(
                services: services,
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger))
        try await group.run()
    }

    /// Opens all collections beside the first requests; what cannot be opened is told, and told again to who asks for it.
    private func getReady() {
        Task {
            try await reading.run { [self] in
                for name in store?.names ?? [] {
                    do throws(KuklaError) { _ = try store?.collection(name.description) } catch {
                        logger.error("\(error.description)")
                    }
                }
                isReady.withLock { $0 = true }
                reencodings?.goOn()
            }
        }
    }

    /// What answers requests.
    package func application(
        _ listening: @escaping @Sendable (_ host: String, _ port: Int) -> Void = { _, _ in }
    ) throws -> some ApplicationProtocol {
        var http = HTTP1Channel.Configuration(
            additionalChannelHandlers: [self.departures.handler()],
            idleTimeout: .milliseconds(Int64(configuration.idleTimeout * 1000)))
        http.httpDecoder.maxHeaderListSize = 64 << 10
        var server = HTTPServerBuilder.http1(configuration: http)
        if let tls = configuration.tls { server = try Self.encrypted(server, by: tls) }
        return Application(
            router: try router(), server: server,
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port), serverName: "kukla",
                backlog: 4096,
                availableConnectionsDelegate: MaximumAvailableConnections(
                    configuration.maximumConnections, logger: logger)),
            onServerRunning: { [self] channel in
                getReady()
                listening(channel.localAddress?.ipAddress ?? "", channel.localAddress?.port ?? 0)
            },
            logger: logger)
    }

    func router() throws -> Router<RequestScope> {
        let router = Router(context: RequestScope.self, options: .autoGenerateHeadEndpoints)
        let methods = AllowedMethods()
        router.add(middleware: Observation(metrics: metrics))
        router.add(middleware: Authentication(keys: keys))
        if let rate = configuration.rateLimit { router.add(middleware: RateLimiting(rate)) }
        router.add(middleware: methods)
        StatusRoutes(server: self).add(to: router)
        if let store, let reencodings {
            ConsoleRoutes().add(to: router)
            CollectionRoutes(server: self, store: store, reencodings: reencodings).add(to: router)
        }
        if !clickModels.isEmpty { RankRoutes(server: self).add(to: router) }
        if let service = embeddingService {
            OpenAIRoutes(service: service).add(to: router)
            TextEmbeddingsInferenceRoutes(service: service, version: version).add(to: router)
        }
        OpenAPIDocument(self).add(to: router)
        methods.learn(from: router)
        return router
    }

    /// What embeds texts; nil where there is no model.
    var embeddingService: EmbeddingService? {
        guard let served, let queue else { return nil }
        return EmbeddingService(
            served: served, queue: queue, departures: departures, configuration: configuration)
    }

    static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }

    /// The same server behind TLS.
    ///
    /// - Throws: `KuklaError.badData` where the files are no certificate chain and its key: also where the key is another certificate's.
    private static func encrypted(
        _ server: HTTPServerBuilder, by files: ServerConfiguration.TLS
    ) throws(KuklaError) -> HTTPServerBuilder {
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(files.certificates.path)
            let key = try NIOSSLPrivateKey(file: files.key.path, format: .pem)
            let configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
            let encrypted = try HTTPServerBuilder.tls(server, tlsConfiguration: configuration)
            // Whether key and certificate go together comes out when a channel is made.
            _ = try TLSChannel(HTTP1Channel(responder: { _, _, _ in }), tlsConfiguration: configuration)
            return encrypted
        } catch {
            throw KuklaError(
                .badData,
                "Cannot serve TLS by \(files.certificates.path) and \(files.key.path): expected a certificate chain and its key in PEM.",
                cause: error)
        }
    }
}
