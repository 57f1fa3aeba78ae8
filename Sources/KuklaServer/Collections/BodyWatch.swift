import KuklaNumerics

/// Gives up on a body of which nothing arrives, however long the whole takes.
final class BodyWatch: Sendable {
    /// Since when the next part is awaited; nil while something else is done.
    private let waiting = Guarded<ContinuousClock.Instant?>(nil)

    /// A part is awaited from now on.
    func begins() { waiting.withLock { $0 = .now } }

    /// It is there, or there are no more.
    func ends() { waiting.withLock { $0 = nil } }

    /// What `body` returns, or what `failure` makes where it waits for a part for longer than `seconds`.
    func run<Result: Sendable>(
        stallingAfter seconds: Double, _ body: @escaping @Sendable () async throws -> Result,
        failure: @escaping @Sendable () -> APIFailure
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask { try await body() }
            group.addTask { [self] in
                while true {
                    try await Task.sleep(for: .seconds(min(seconds / 4, 1)))
                    let since = waiting.withLock { $0 }
                    if let since, since.duration(to: .now) > .seconds(seconds) { return nil }
                }
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let result = first else { throw failure() }
            return result
        }
    }
}
