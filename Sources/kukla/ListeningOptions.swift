public import ArgumentParser
import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaServer
public import Logging

/// Where a server listens, who may ask, what a client can hold, and how it logs.
struct ListeningOptions: ParsableArguments {
    /// How log lines look.
    enum LogFormat: String, CaseIterable, ExpressibleByArgument {
        case text, json
    }

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

    @Option(help: "How log lines look: text or json.")
    var logFormat = LogFormat.text

    @Option(help: "What is logged: trace, debug, info, notice, warning, error.")
    var logLevel = Logger.Level.info

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
        guard maxConnections >= 1 else { throw ValidationError("--max-connections is at least 1.") }
        guard rate.map({ $0 > 0 }) ?? true else { throw ValidationError("--rate is above 0.") }
    }

    /// A configuration that has what these options say.
    func configuration(_ threads: Int) -> ServerConfiguration {
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
        return configuration
    }

    /// Answers until a signal, and says where once it listens.
    ///
    /// - Parameter what: what is served, for people.
    func run(_ server: APIServer, saying what: String) async throws {
        try await server.run { host, port in
            let scheme = tlsKey == nil ? "http" : "https"
            note("Serving \(what) on \(scheme)://\(host.contains(":") ? "[\(host)]" : host):\(port)")
        }
    }

    /// What a process needs that serves: signals are the server's, and as many connections as the system allows.
    func prepareProcess() {
        ProcessMemory.holdLittle()
        // A client that goes away must not end the server.
        signal(SIGPIPE, SIG_IGN)
        Interrupt.handOver()
        Self.raiseFileLimit()
    }

    /// The keys, where there are any.
    ///
    /// - Parameter data: the store beside which keys lie where --keys names no file.
    func keyRing(beside data: String? = nil) throws(KuklaError) -> KeyRing? {
        guard let url = keys.map({ URL(fileURLWithPath: $0) }) ?? data.map(KeysCommand.file(beside:)) else {
            return nil
        }
        guard keys != nil || FileManager.default.fileExists(atPath: url.path) else { return nil }
        let ring = try KeyRing(url)
        guard !ring.keys.isEmpty else {
            throw KuklaError(
                .usage,
                "Cannot serve with the keys in \(url.path): there are none. Make one with `kukla keys add`.")
        }
        return ring
    }

    func makeLogger() -> Logger {
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
