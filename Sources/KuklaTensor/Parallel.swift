import KuklaNumerics

/// How tensor operations use threads. Blocks are fixed by the shapes alone, so results do not depend on it.
public enum TensorThreads {
    /// Threads that the machine offers: what the pieces of large products are cut for, whatever `count` says.
    package static let machine = defaultThreadCount
    @TaskLocal package static var limit: Int?

    /// Threads that one operation may use.
    public static var count: Int { limit ?? machine }

    /// Runs `body` with at most `count` threads in each operation.
    public static func limited<Result, Failure: Error>(
        to count: Int, _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let outcome: Swift.Result<Result, Failure> = $limit.withValue(count) {
            do throws(Failure) { return .success(try body()) } catch { return .failure(error) }
        }
        return try outcome.get()
    }
}

/// Elements that one thread must have to do before another is worth waking.
package let elementGrain = 1 << 15

/// `parallelFor` for tensor operations: on the calling thread where one block holds everything.
package func tensorFor(_ count: Int, grain: Int, _ body: @Sendable (Range<Int>) -> Void) {
    let grain = max(grain, 1)
    if count <= grain {
        if count > 0 { body(0..<count) }
        return
    }
    parallelFor(count, grain: grain, threads: TensorThreads.count, body)
}
