import Foundation

/// Threads that take work from a line until they are told to end.
///
/// Whoever puts something into the line calls `wakeOne`; a thread calls `await` before it looks.
final class WorkerThreads: Sendable {
    let count: Int
    private let name: String
    private let arrivals = DispatchSemaphore(value: 0)
    private let ended = DispatchGroup()

    /// - Parameter name: what the system calls the threads, with a number behind it.
    init(_ name: String, count: Int) {
        self.name = name
        self.count = count
    }

    /// Starts the threads; `work` returns when there is no more to do. Called once.
    func start(_ work: @escaping @Sendable () -> Void) {
        for number in 0..<count {
            ended.enter()
            let thread = Thread { [ended] in
                work()
                ended.leave()
            }
            thread.name = "kukla.\(name).\(number)"
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    /// Lets one thread look.
    func wakeOne() { arrivals.signal() }

    /// Waits for a `wakeOne` that no other thread has heard.
    func await() { arrivals.wait() }

    /// Wakes all threads and waits until their work has returned. Whoever looks must find that the line is closed.
    func end() {
        for _ in 0..<count { arrivals.signal() }
        ended.wait()
    }
}
