import Foundation
import KuklaNumerics
import Synchronization

/// Draws how far the work has come on stderr: a bar with rate and time left on a terminal, one closing line a task
/// elsewhere. Tasks that end within half a second stay silent.
final class ProgressBar: ProgressReporter {
    private struct Task {
        let name: String
        let total: Int?
        let unit: String
        let start = ContinuousClock.now
        var done = 0
        var lastDrawn: ContinuousClock.Instant?
    }

    private let task = Mutex<Task?>(nil)
    private let isTerminal: Bool
    private let isQuiet: Bool

    init(isQuiet: Bool = false) {
        self.isQuiet = isQuiet
        isTerminal = isatty(STDERR_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
    }

    func begin(_ name: String, total: Int?, unit: String) {
        task.withLock { $0 = Task(name: name, total: total, unit: unit) }
    }

    func advance(by count: Int) {
        guard !isQuiet else { return }
        task.withLock {
            guard var task = $0 else { return }
            task.done += count
            let now = ContinuousClock.now
            let last = task.lastDrawn ?? task.start + .milliseconds(400)
            if isTerminal, now - last > .milliseconds(100) {
                task.lastDrawn = now
                write("\r\u{1B}[K" + line(for: task, elapsed: seconds(now - task.start)))
            }
            $0 = task
        }
    }

    func end() {
        task.withLock {
            guard let task = $0 else { return }
            $0 = nil
            let elapsed = seconds(ContinuousClock.now - task.start)
            guard !isQuiet, elapsed >= 0.5 || task.lastDrawn != nil else { return }
            let rate = task.done > 0 ? " (\(formatCount(Double(task.done) / elapsed)) \(task.unit)/s)" : ""
            write((isTerminal ? "\r\u{1B}[K" : "") + "\(task.name): \(formatDuration(elapsed))\(rate)\n")
        }
    }

    private func line(for task: Task, elapsed: Double) -> String {
        let rate = Double(task.done) / max(elapsed, 1e-9)
        let speed = "\(formatCount(rate)) \(task.unit)/s"
        guard let total = task.total, total > 0 else {
            return
                "\(task.name)  \(formatCount(Double(task.done))) \(task.unit)  \(speed)  \(formatDuration(elapsed))"
        }
        let share = min(Double(task.done) / Double(total), 1)
        let width = 24
        let filled = Int(share * Double(width))
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        let left = rate > 0 ? formatDuration(Double(max(total - task.done, 0)) / rate) + " left" : ""
        let percent = "\(Int(share * 100))%"
        return
            "\(task.name)  \(bar)  \(percent)  \(formatCount(Double(task.done)))/\(formatCount(Double(total)))  \(speed)  \(left)"
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

    private func seconds(_ duration: Duration) -> Double { duration / .seconds(1) }
}

/// `12,345`, or one digit after the point below ten.
func formatCount(_ value: Double) -> String {
    guard value >= 10 || value == value.rounded() else { return String(format: "%.1f", value) }
    var digits = String(Int(value.rounded()))
    var groups: [String] = []
    while digits.count > 3 {
        groups.insert(String(digits.suffix(3)), at: 0)
        digits.removeLast(3)
    }
    return ([digits] + groups).joined(separator: ",")
}

/// `0.8 s`, `42 s`, `3:07 min` or `1:02:09 h`.
func formatDuration(_ seconds: Double) -> String {
    if seconds < 10 { return String(format: "%.1f s", seconds) }
    let whole = Int(seconds.rounded())
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return String(format: "%d:%02d min", whole / 60, whole % 60) }
    return String(format: "%d:%02d:%02d h", whole / 3600, whole / 60 % 60, whole % 60)
}

/// `48 B`, `23.4 MB`: decimal units, three significant digits.
func formatBytes(_ bytes: Int) -> String {
    var value = Double(bytes)
    var unit = 0
    let units = ["B", "kB", "MB", "GB", "TB"]
    while value >= 999.5, unit < units.count - 1 {
        value /= 1000
        unit += 1
    }
    return String(
        format: unit == 0 ? "%.0f %@" : value < 10 ? "%.2f %@" : value < 100 ? "%.1f %@" : "%.0f %@", value,
        units[unit])
}
