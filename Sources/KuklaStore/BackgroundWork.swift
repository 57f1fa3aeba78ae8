import Dispatch
import KuklaNumerics

/// Work that is done once more whenever it is asked for, on a thread of its own, never twice at a time.
final class BackgroundWork: Sendable {
    private struct State {
        var isWaiting = false
        var isStopped = false
    }

    private let state = Guarded(State())
    private let queue = DispatchQueue(label: "kukla.store.background", qos: .utility)

    /// Whether `stop` was called: what works looks here and gives up.
    var isStopped: Bool { state.withLock(\.isStopped) }

    /// Has `work` done soon, unless it is waiting to be done already.
    func request(_ work: @escaping @Sendable () -> Void) {
        let isNeeded = state.withLock { state in
            defer { state.isWaiting = true }
            return !state.isWaiting && !state.isStopped
        }
        guard isNeeded else { return }
        queue.async { [state] in
            let isStopped = state.withLock { state in
                state.isWaiting = false
                return state.isStopped
            }
            if !isStopped { work() }
        }
    }

    /// Waits until nothing is being done; nothing is begun afterwards.
    func stop() {
        state.withLock { $0.isStopped = true }
        queue.sync {}
    }

    /// Lets work be begun again after `stop`.
    func restart() { state.withLock { $0.isStopped = false } }

    /// Waits until all that was asked for is done.
    func wait() { queue.sync {} }
}
