import KuklaNumerics

/// Shares threads among those who work at a time: one alone has all of them, many have one each.
final class FairThreads: Sendable {
    private let working = Guarded(0)

    /// What `body` returns, which may use as many threads as it is given.
    func sharing<Result>(_ threads: Int, _ body: (Int) throws -> Result) rethrows -> Result {
        let others = working.withLock { count in
            count += 1
            return count
        }
        defer { working.withLock { $0 -= 1 } }
        return try body(max(1, threads / others))
    }
}
