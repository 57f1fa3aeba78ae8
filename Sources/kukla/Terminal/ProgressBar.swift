import Dispatch
import Foundation
import KuklaFormats
import KuklaNumerics
import Synchronization

/// Draws how far the work has come on stderr: a bar with rate and time left on a terminal, one closing line a task
/// elsewhere. Tasks that end within half a second stay silent; a task inside another is drawn while it runs and
/// leaves no line of its own. Work that says how it stands (training) is heard of elsewhere too: a line after ten seconds,
/// then ever more rarely, at last every ten minutes.
final class ProgressBar: ProgressReporter {
    private struct Task {
        let name: String
        let total: Int?
        let unit: String
        let start = ContinuousClock.now
        var done = 0
        /// Done by a run before this one: no part of the rate.
        var doneBefore = 0
        var state: String?
        /// Seconds after which the next plain line is due.
        var nextLine = 10.0
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

    func resume(_ name: String, done: Int, total: Int?, unit: String) {
        tasks.withLock {
            $0.append(Task(name: name, total: total, unit: unit, done: done, doneBefore: done))
        }
    }

    func show(_ state: String) {
        tasks.withLock { tasks in
            guard let last = tasks.indices.last else { return }
            tasks[last].state = state
            guard timer == nil, !isQuiet else { return }
            let elapsed = seconds(ContinuousClock.now - tasks[last].start)
            guard elapsed >= tasks[last].nextLine else { return }
            tasks[last].nextLine = elapsed + min(elapsed, 600)
            write(line(for: tasks[last], elapsed: elapsed, hasBar: false) + "\n")
        }
    }

    func announce(_ event: String) {
        // Under the lock, so that the bar is not drawn into the line.
        tasks.withLock { tasks in
            guard !isQuiet else { return }
            write("\(timer == nil ? "" : "\r\u{1B}[K")\(tasks.last.map { "\($0.name): " } ?? "")\(event)\n")
        }
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
            let rate = task.done > task.doneBefore ? " (\(speed(of: task, elapsed: elapsed)))" : ""
            write("\(clear)\(task.name): \(formatDuration(elapsed))\(rate)\n")
        }
    }

    private func draw() {
        // Written under the lock, so that nothing is drawn after a task's closing line.
        tasks.withLock { tasks in
            guard let task = tasks.last else { return }
            let elapsed = seconds(ContinuousClock.now - task.start)
            guard elapsed >= 0.4 || tasks.count > 1 else { return }
            // A line that the terminal breaks could not be drawn over.
            write("\r\u{1B}[K" + line(for: task, elapsed: elapsed).prefix(columns - 1))
        }
    }

    private func line(for task: Task, elapsed: Double, hasBar: Bool = true) -> String {
        guard task.done > task.doneBefore else { return "\(task.name)  \(formatDuration(elapsed))" }
        let rate = Double(task.done - task.doneBefore) / max(elapsed, 1e-9)
        let speed = speed(of: task, elapsed: elapsed)
        guard let total = task.total, total > 0 else {
            return
                "\(task.name)  \(amount(task.done, of: task))\(task.unit == "bytes" ? "" : " " + task.unit)  \(speed)  \(formatDuration(elapsed))"
        }
        let share = min(Double(task.done) / Double(total), 1)
        let width = task.state == nil ? 24 : 12
        let filled = Int(share * Double(width))
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        let left = rate > 0 ? formatDuration(Double(max(total - task.done, 0)) / rate) + " left" : ""
        let percent = "\(Int(share * 100))%"
        let head = hasBar ? "\(task.name)  \(bar)" : task.name
        let amounts = "\(amount(task.done, of: task))/\(amount(total, of: task))"
        // Work that says how it stands says its speed too, at the end, which a narrow terminal cuts off.
        return "\(head)  \(percent)  \(amounts)  "
            + (task.state.map { "\(left)  \($0)" } ?? "\(speed)  \(left)")
    }

    /// How wide the terminal is.
    private var columns: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else { return 160 }
        return Int(size.ws_col)
    }

    /// `1,520 texts/s`; bytes in their own units.
    private func speed(of task: Task, elapsed: Double) -> String {
        let rate = Double(task.done - task.doneBefore) / max(elapsed, 1e-9)
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
