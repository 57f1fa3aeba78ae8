import Dispatch
import Foundation
import KuklaEvaluation
import KuklaNumerics
import Synchronization

/// Draws how far the work has come on stderr: a bar with rate and time left on a terminal, one closing line a task
/// elsewhere. Tasks that end within half a second stay silent; a task inside another is drawn while it runs and
/// leaves no line of its own.
final class ProgressBar: ProgressReporter {
    private struct Task {
        let name: String
        let total: Int?
        let unit: String
        let start = ContinuousClock.now
        var done = 0
    }

    private let tasks = Mutex<[Task]>([])
    private let isQuiet: Bool
    /// Redraws on a terminal, so that work which reports rarely is seen to go on. Set up in `init`, cancelled in
    /// `deinit`, and not touched between.
    private nonisolated(unsafe) let timer: (any DispatchSourceTimer)?

    init(isQuiet: Bool = false) {
        self.isQuiet = isQuiet
        let isTerminal = isatty(STDERR_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
        timer = isTerminal && !isQuiet ? DispatchSource.makeTimerSource(queue: .global(qos: .utility)) : nil
        timer?.schedule(deadline: .now() + 0.4, repeating: 0.1)
        timer?.setEventHandler { [weak self] in self?.draw() }
        timer?.resume()
    }

    deinit { timer?.cancel() }

    func begin(_ name: String, total: Int?, unit: String) {
        tasks.withLock { $0.append(Task(name: name, total: total, unit: unit)) }
    }

    func advance(by count: Int) {
        tasks.withLock { tasks in
            guard let last = tasks.indices.last else { return }
            tasks[last].done += count
        }
    }

    func end() {
        tasks.withLock { tasks in
            guard let task = tasks.popLast(), tasks.isEmpty else { return }
            let elapsed = seconds(ContinuousClock.now - task.start)
            let clear = timer == nil ? "" : "\r\u{1B}[K"
            guard !isQuiet, elapsed >= 0.5 else { return write(clear) }
            let rate = task.done > 0 ? " (\(speed(of: task, elapsed: elapsed)))" : ""
            write("\(clear)\(task.name): \(formatDuration(elapsed))\(rate)\n")
        }
    }

    private func draw() {
        // Written under the lock, so that nothing is drawn after a task's closing line.
        tasks.withLock { tasks in
            guard let task = tasks.last else { return }
            let elapsed = seconds(ContinuousClock.now - task.start)
            guard elapsed >= 0.4 || tasks.count > 1 else { return }
            write("\r\u{1B}[K" + line(for: task, elapsed: elapsed))
        }
    }

    private func line(for task: Task, elapsed: Double) -> String {
        guard task.done > 0 else { return "\(task.name)  \(formatDuration(elapsed))" }
        let rate = Double(task.done) / max(elapsed, 1e-9)
        let speed = speed(of: task, elapsed: elapsed)
        guard let total = task.total, total > 0 else {
            return
                "\(task.name)  \(amount(task.done, of: task))\(task.unit == "bytes" ? "" : " " + task.unit)  \(speed)  \(formatDuration(elapsed))"
        }
        let share = min(Double(task.done) / Double(total), 1)
        let width = 24
        let filled = Int(share * Double(width))
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        let left = rate > 0 ? formatDuration(Double(max(total - task.done, 0)) / rate) + " left" : ""
        let percent = "\(Int(share * 100))%"
        return
            "\(task.name)  \(bar)  \(percent)  \(amount(task.done, of: task))/\(amount(total, of: task))  \(speed)  \(left)"
    }

    /// `1,520 texts/s`; bytes in their own units.
    private func speed(of task: Task, elapsed: Double) -> String {
        let rate = Double(task.done) / max(elapsed, 1e-9)
        return task.unit == "bytes"
            ? "\(Quantity.bytes(Int(rate)))/s" : "\(Quantity.rate(rate)) \(task.unit)/s"
    }

    /// How much of the work, in the task's unit.
    private func amount(_ count: Int, of task: Task) -> String {
        task.unit == "bytes" ? Quantity.bytes(count) : Quantity.count(count)
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

    private func seconds(_ duration: Duration) -> Double { duration / .seconds(1) }
}

/// `0.8 s`, `42 s`, `3:07 min` or `1:02:09 h`.
func formatDuration(_ seconds: Double) -> String {
    if seconds < 10 { return String(format: "%.1f s", seconds) }
    let whole = Int(seconds.rounded())
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return String(format: "%d:%02d min", whole / 60, whole % 60) }
    return String(format: "%d:%02d:%02d h", whole / 3600, whole / 60 % 60, whole % 60)
}
