import Foundation

/// Lets in whoever comes until it is closed; closing waits for those who are inside.
///
/// SQLite's connections must not be closed under somebody who uses them.
final class UseGate: @unchecked Sendable {  // what varies is touched under `condition` only
    private let condition = NSCondition()
    private var inside = 0
    private var isClosed = false

    /// Whether it was open; whoever was let in says when they `leave`.
    func enter() -> Bool {
        condition.lock()
        defer { condition.unlock() }
        guard !isClosed else { return false }
        inside += 1
        return true
    }

    func leave() {
        condition.lock()
        defer { condition.unlock() }
        inside -= 1
        if inside == 0, isClosed { condition.broadcast() }
    }

    /// Lets nobody in any more, and waits until nobody is inside. Not to be called from inside.
    func close() {
        condition.lock()
        defer { condition.unlock() }
        isClosed = true
        while inside > 0 { condition.wait() }
    }
}
