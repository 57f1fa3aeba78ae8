import KuklaNumerics

/// How far work in the background is, for those who ask.
final class WorkProgress: ProgressReporter {
    /// What is known of it.
    struct Figures: Sendable {
        let stage: String
        let done: Int
        let total: Int?
        let perSecond: Double
        let secondsLeft: Double?
    }

    private struct Task {
        let name: String
        let total: Int?
        let start = ContinuousClock.now
        var done = 0
        /// Done by a run before: no part of the rate.
        var doneBefore = 0
    }

    private let tasks = Guarded<[Task]>([])

    /// Of the outermost piece of work; nil between two.
    var figures: Figures? {
        guard let task = tasks.withLock({ $0.first }) else { return nil }
        let seconds = task.start.duration(to: .now) / .seconds(1)
        let rate = Double(task.done - task.doneBefore) / max(seconds, 1e-9)
        let left = task.total.flatMap { total in
            rate > 0 ? Double(max(total - task.done, 0)) / rate : nil
        }
        return Figures(
            stage: task.name, done: task.done, total: task.total, perSecond: rate, secondsLeft: left)
    }

    func begin(_ name: String, total: Int?, unit: String) {
        tasks.withLock { $0.append(Task(name: name, total: total)) }
    }

    func resume(_ name: String, done: Int, total: Int?, unit: String) {
        tasks.withLock { $0.append(Task(name: name, total: total, done: done, doneBefore: done)) }
    }

    func advance(by count: Int) {
        tasks.withLock { tasks in
            guard let last = tasks.indices.last else { return }
            tasks[last].done += count
        }
    }

    func end() { tasks.withLock { _ = $0.popLast() } }
}
