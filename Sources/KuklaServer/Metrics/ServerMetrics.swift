import KuklaNumerics

/// What the server counts.
final class ServerMetrics: Sendable {
    let registry = MetricRegistry()
    let started = ContinuousClock.now
    private let recent = Guarded(RecentRate())

    private static let latencies = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
    ]

    init() {
        registry.declare("kukla_requests_total", .counter, "Requests answered.")
        registry.declare("kukla_requests_in_flight", .gauge, "Requests being answered.")
        registry.declare(
            "kukla_request_seconds", .histogram, "Seconds from a request's head to its answer.",
            bounds: Self.latencies)
        registry.declare(
            "kukla_embedding_batch_texts", .histogram, "Texts embedded in one pass.",
            bounds: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024])
        registry.declare(
            "kukla_embedding_batch_tokens", .histogram, "Tokens embedded in one pass.",
            bounds: [16, 64, 256, 1024, 4096, 16_384, 65_536])
        registry.declare(
            "kukla_embedding_batch_seconds", .histogram, "Seconds of one pass.", bounds: Self.latencies)
        registry.declare(
            "kukla_embedding_wait_seconds", .histogram, "Seconds that texts waited for their pass.",
            bounds: Self.latencies)
        registry.declare("kukla_embedding_queue_texts", .gauge, "Texts that wait to be embedded.")
        registry.declare(
            "kukla_embedding_refused_total", .counter, "Requests refused because the queue was full.")
        registry.declare("kukla_embedding_tokens_total", .counter, "Tokens embedded.")
        registry.declare(
            "kukla_search_seconds", .histogram, "Seconds of searches in a collection.", bounds: Self.latencies
        )
        registry.declare(
            "kukla_recall_check_seconds_total", .counter, "Seconds spent on checks of what searches find.")
        for (name, help) in [
            ("items", "Items of a collection."), ("index_items", "Items in the index, deleted ones too."),
            ("index_deleted", "Deleted items in the index."),
            ("index_file_bytes", "Bytes of the index file."),
            ("database_bytes", "Bytes of the database."),
            ("bytes_per_vector", "Bytes of memory of a vector in the index."),
            ("fresh_items", "Items that are compared from memory."),
            ("unheld_items", "Items that are compared from the database."),
            ("recall_estimate", "Share of the exact nearest that searches find, by sampled checks."),
        ] {
            registry.declare("kukla_collection_\(name)", .gauge, help)
        }
    }

    func requestBegins() { registry.add(1, to: "kukla_requests_in_flight") }

    func requestEnds(method: String, route: String, status: Int, seconds: Double) {
        registry.add(-1, to: "kukla_requests_in_flight")
        registry.add(
            1, to: "kukla_requests_total",
            [("method", method), ("route", route), ("status", String(status))])
        registry.observe(seconds, in: "kukla_request_seconds", [("route", route)])
        recent.withLock { $0.count(isError: status >= 500, at: started.duration(to: .now) / .seconds(1)) }
    }

    /// What is asked for and waited for. Imports and compactions take as long as they take, and say nothing of these.
    enum Quick: String, CaseIterable {
        case searches, embeddings

        fileprivate var routes: [String] {
            switch self {
            case .searches: ["/collections/{name}/search"]
            case .embeddings: ["/v1/embeddings", "/embed", "/rerank", "/similarity"]
            }
        }
    }

    /// The seconds within which `quantile` of such requests were answered since the start; nil where there was none.
    func latency(of kind: Quick, _ quantile: Double) -> Double? {
        registry.quantile(
            quantile, of: "kukla_request_seconds", under: kind.routes.map { [("route", $0)] })
    }

    /// Requests a second over the last minute, and answers of status 500 and above since the start.
    var rates: (perSecond: Double, errors: Int) {
        recent.withLock { recent in
            (recent.rate(at: started.duration(to: .now) / .seconds(1)), recent.errors)
        }
    }
}

/// Requests in each of the last sixty seconds.
private struct RecentRate {
    private var counts = [Int](repeating: 0, count: 60)
    private var second = 0
    private(set) var errors = 0

    mutating func count(isError: Bool, at time: Double) {
        advance(to: Int(time))
        counts[second % 60] += 1
        if isError { errors += 1 }
    }

    mutating func rate(at time: Double) -> Double {
        advance(to: Int(time))
        return Double(counts.reduce(0, +)) / max(1, min(60, time))
    }

    private mutating func advance(to now: Int) {
        guard now > second else { return }
        for passed in (second + 1)...min(now, second + 60) { counts[passed % 60] = 0 }
        second = now
    }
}
