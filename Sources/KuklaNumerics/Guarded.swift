import Foundation

/// A value that one thread at a time may touch.
///
/// As `Mutex` of `Synchronization`, but by a lock that the thread sanitizer sees: on Linux it takes what a `Mutex` orders
/// for a race, and what lies behind it (recycled memory, walkers of a graph) with it.
package final class Guarded<Value>: @unchecked Sendable {  // `value` is touched under `lock` only
    private let lock = NSLock()
    private var value: Value

    package init(_ value: sending Value) { self.value = value }

    package func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try body(&value)
    }
}
