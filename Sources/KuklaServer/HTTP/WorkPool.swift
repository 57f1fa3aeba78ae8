import Dispatch
import KuklaNumerics

/// Threads for work that computes or waits for the disk, which the threads of Swift's own pool must not do.
struct WorkPool: Sendable {
    private let queue: DispatchQueue

    init(_ name: String) { queue = DispatchQueue(label: "kukla.server.\(name)", attributes: .concurrent) }

    /// What `body` returns; it runs on another thread.
    func run<Result: Sendable>(
        _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Swift.Result { try body() }) }
        }
    }
}
