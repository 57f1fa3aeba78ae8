import Dispatch
import Foundation
import Synchronization

/// What Ctrl-C and SIGTERM do. Output files are only ever renamed into place when they are complete, so most commands can
/// end at once, with a sentence and exit status 130; a command that trains finishes its step and saves first.
final class Interrupt: Sendable {
    /// The handler of this process; `main` sets it for the command that it runs.
    @TaskLocal static var current: Interrupt?

    private struct State {
        var isGraceful = false
        var isWanted = false
    }

    private let state = Mutex(State())
    /// Set up in `init` and not touched again.
    private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

    init() {
        let signals = [SIGINT, SIGTERM]
        sources = signals.map { number in
            signal(number, SIG_IGN)
            return DispatchSource.makeSignalSource(signal: number, queue: .global())
        }
        for (source, number) in zip(sources, signals) {
            source.setEventHandler { [unowned self] in handle(number) }
            source.resume()
        }
    }

    /// From now on the first signal only makes the result true, and the work ends by itself; the second ends it at once.
    static func waitingForTheStep() -> @Sendable () -> Bool {
        guard let current else { return { false } }
        current.state.withLock { $0.isGraceful = true }
        return { current.state.withLock { $0.isWanted } }
    }

    /// From now on signals are the affair of somebody else, who finishes what has begun: a server.
    static func handOver() {
        for source in current?.sources ?? [] { source.cancel() }
    }

    private func handle(_ number: Int32) {
        let waits = state.withLock { state in
            defer { state.isWanted = true }
            return state.isGraceful && !state.isWanted
        }
        if waits { return complain("stopping after this step; once more to stop at once.") }
        complain("interrupted; unfinished output was discarded.")
        fflush(nil)
        // Not `exit`: it takes apart what other threads are still working with.
        _exit(number == SIGTERM ? 143 : 130)
    }
}
