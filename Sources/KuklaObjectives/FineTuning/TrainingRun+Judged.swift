import Foundation
import KuklaNN
import KuklaNumerics
import KuklaTensor

extension TrainingRun {
    /// What came of a training that is judged before and after.
    struct Judged {
        let summary: TrainingSummary
        /// The judgement of the weights that training began with; empty without judge.
        let before: [String: Double]
        /// The judgement of the weights that the model has now, and the step that they are of.
        let after: [String: Double]
        let step: Int
    }

    /// Judges the task's model, trains it, and gives it the weights that were judged best.
    ///
    /// - Throws: as `train`; `cancelled` where it was stopped, with how to go on.
    func trainJudged<Task: TrainingTask>(
        _ task: Task, progress: any ProgressReporter, isCancelled: @escaping @Sendable () -> Bool
    ) throws(KuklaError) -> Judged {
        let before = try TensorThreads.limited(to: settings.threads ?? TensorThreads.count) {
            () throws(KuklaError) in
            try task.evaluate()
        }
        if !before.isEmpty {
            let shown = before.sorted { $0.key < $1.key }.map {
                "\($0.key) \(String(format: "%.4f", $0.value))"
            }
            progress.announce("before training: \(shown.joined(separator: "  "))")
        }
        let summary = try train(task, progress: progress, isCancelled: isCancelled)
        guard summary.reason != .cancelled else {
            throw KuklaError(
                .cancelled,
                "Training was stopped at step \(summary.step), and a checkpoint was written to \(url.path). Give the same command again to go on."
            )
        }
        let best = try loadBest(into: task.model)
        return Judged(
            summary: summary, before: before, after: best?.metrics ?? summary.metrics,
            step: best?.step ?? summary.step)
    }
}
