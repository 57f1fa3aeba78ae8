import Hummingbird
import KuklaNumerics

/// Lets each key, or each address where there are no keys, ask so often and no more: a bucket of tokens that fills at `rate`.
struct RateLimiting: RouterMiddleware {
    typealias Context = RequestScope

    private struct Bucket {
        var tokens: Double
        var filled: ContinuousClock.Instant
    }

    /// Requests a second.
    private let rate: Double
    private let buckets = Guarded([String: Bucket]())

    init(_ rate: Double) { self.rate = rate }

    /// How many may come at once.
    private var size: Double { max(rate, 1) }

    @concurrent func handle(
        _ request: Request, context: RequestScope,
        next: @concurrent (Request, RequestScope) async throws -> Response
    ) async throws -> Response {
        if let seconds = wait(for: context.principal.key ?? context.address, at: .now) {
            throw APIFailure(
                .rateLimited, "More than \(rate) requests a second: ask again in \(seconds) s.",
                code: "rate_limit_exceeded", retryAfter: seconds)
        }
        return try await next(request, context)
    }

    /// Takes a token; says in how many seconds there is one where there is none.
    func wait(for client: String, at now: ContinuousClock.Instant) -> Int? {
        buckets.withLock { buckets in
            // Full buckets are as good as none.
            if buckets.count > 10_000 {
                buckets = buckets.filter { $0.value.filled.duration(to: now) < .seconds(size / rate) }
            }
            var bucket = buckets[client] ?? Bucket(tokens: size, filled: now)
            let seconds = bucket.filled.duration(to: now) / .seconds(1)
            bucket.tokens = min(size, bucket.tokens + seconds * rate)
            bucket.filled = now
            defer { buckets[client] = bucket }
            guard bucket.tokens < 1 else {
                bucket.tokens -= 1
                return nil
            }
            return max(1, Int(((1 - bucket.tokens) / rate).rounded(.up)))
        }
    }
}
