public import Foundation
public import KuklaNumerics

/// How a server listens and what it lets requests do.
public struct ServerConfiguration: Sendable {
    /// A certificate chain and its key, both PEM.
    public struct TLS: Sendable {
        public var certificates: URL
        public var key: URL

        public init(certificates: URL, key: URL) {
            self.certificates = certificates
            self.key = key
        }
    }

    /// A name or address of this machine; only a loopback one may be listened on without keys.
    public var host = "127.0.0.1"
    /// `0...65535`; 0 takes a free one.
    public var port = 8080
    public var tls: TLS?
    /// Connections at a time; further ones wait to be accepted.
    public var maximumConnections = 16_384
    /// Bytes of a request's body, but for imports, which are streamed.
    public var maximumBody = 32 << 20
    /// Bytes of one line of an import.
    public var maximumLine = 4 << 20
    /// Seconds that a body may take to arrive, and that a request may wait for its turn.
    public var timeout = 60.0
    /// Seconds that a connection may say nothing.
    public var idleTimeout = 120.0
    /// Requests a second of one key, or of one address where there are no keys; `nil` for any number.
    public var rateLimit: Double?
    /// How texts of many requests are embedded together.
    public var batching = EmbeddingQueue.Options()
    /// Whether texts longer than the model reads are cut where a request does not say; they are refused otherwise.
    public var truncates = false
    /// Whether sizes are given whose quality nobody has recorded.
    public var allowsUnmeasuredDimensions = false
    /// Threads of searches and embeddings.
    public var threads: Int

    public init(threads: Int = defaultThreadCount) {
        self.threads = threads
        batching.workers = threads
    }
}
