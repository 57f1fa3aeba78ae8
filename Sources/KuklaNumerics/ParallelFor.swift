import Dispatch
import Foundation

/// How many threads to use where the caller does not say: one for each core that this process may run on.
public var defaultThreadCount: Int { ProcessInfo.processInfo.activeProcessorCount }

/// Runs `body` over blocks of `0..<count`, on at most `threads` threads, and waits for all of them.
///
/// Blocks are `grain` long (the last may be shorter), fixed by `count` and `grain` alone, so that results do
/// not depend on the number of threads. They are handed out in order. The first error stops further blocks
/// and is thrown.
public func parallelFor<Failure: Error>(
    _ count: Int, grain: Int, threads: Int = defaultThreadCount,
    _ body: @Sendable (Range<Int>) throws(Failure) -> Void
) throws(Failure) {
    contract(grain > 0 && threads > 0, "parallelFor: grain \(grain), threads \(threads)")
    let blocks = (count + grain - 1) / grain
    let counter = BlockCounter<Failure>(blocks: blocks)
    DispatchQueue.concurrentPerform(iterations: min(threads, blocks)) { _ in
        while let block = counter.take() {
            do throws(Failure) {
                try body(block * grain..<min(count, (block + 1) * grain))
            } catch {
                counter.fail(error)
            }
        }
    }
    if let error = counter.failure { throw error }
}

/// Hands out block numbers until they run out or one has failed.
private final class BlockCounter<Failure: Error>: @unchecked Sendable {  // every field is guarded by `lock`
    private let lock = NSLock()
    private let blocks: Int
    private var taken = 0
    private var error: Failure?

    init(blocks: Int) { self.blocks = blocks }

    var failure: Failure? { lock.withLock { error } }

    func take() -> Int? {
        lock.withLock {
            guard taken < blocks, error == nil else { return nil }
            taken += 1
            return taken - 1
        }
    }

    func fail(_ failure: Failure) {
        lock.withLock { if error == nil { error = failure } }
    }
}
