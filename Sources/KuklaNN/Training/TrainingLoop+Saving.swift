import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTensor

/// What a run does now and then: log, evaluate, save.
extension TrainingLoop {
    mutating func logTraining() throws(KuklaError) {
        let means = MetricsLine.TrainingMeans(
            loss: state.window.mean, losses: state.window.means, learningRate: Double(learningRate),
            gradientNorm: gradientNorm, examplesPerSecond: state.window.examplesPerSecond)
        try append(.training(means))
        lastLoss = means.loss
        state.window = LossWindow()
    }

    /// Evaluates; returns whether the goal was better than ever before.
    mutating func evaluate() throws(KuklaError) -> Bool {
        let task = task
        lastMetrics = try withAverages { () throws(KuklaError) in
            try withoutGradient { () throws(KuklaError) in try task.evaluate() }
        }
        guard !lastMetrics.isEmpty else { return false }
        var isBest = false
        if let goal {
            guard let value = lastMetrics[goal.name] else {
                let nearest = EditDistance.nearest(to: goal.name, among: lastMetrics.keys.sorted()) ?? ""
                throw KuklaError(
                    .usage,
                    "Cannot keep the best weights by '\(goal.name)': evaluation gives "
                        + "\(lastMetrics.keys.sorted().joined(separator: ", ")); did you mean '\(nearest)'?")
            }
            let change = Double(settings.earlyStopping?.minimumChange ?? 0)
            isBest = value.isFinite && goal.isBetter(value, than: state.best?.value, by: change)
            if isBest {
                state.best = BestEvaluation(
                    step: state.step, metric: goal.name, value: value,
                    metrics: lastMetrics.filter { $0.value.isFinite })
            }
            state.evaluationsSinceBest = isBest ? 0 : state.evaluationsSinceBest + 1
        }
        try append(.evaluation(lastMetrics, isBest: isBest))
        let shown = lastMetrics.sorted { $0.key < $1.key }.map { "\($0.key) \(Self.short($0.value))" }
        progress.announce(
            "step \(state.step): \(shown.joined(separator: "  "))" + (isBest ? "  (best so far)" : ""))
        return isBest
    }

    mutating func append(_ content: MetricsLine.Content) throws(KuklaError) {
        let line = MetricsLine(step: state.step, epoch: epoch, content: content, seconds: seconds)
        try log.append(line)
        curve.add(line)
    }

    mutating func saveCheckpoint() throws(KuklaError) {
        state.seconds = seconds
        // The log first: it must reach at least as far as the checkpoint from which it is gone on with.
        log.flush()
        try run.saveCheckpoint(state, model: task.model, optimizer: optimizer, average: average)
        try AtomicFile.write(curve.svg, to: run.folder.chart)
    }

    /// Saves the weights that were evaluated, averages where there are some.
    mutating func saveBest() throws(KuklaError) {
        guard let best = state.best else { return }
        let (run, model) = (run, task.model)
        try withAverages { () throws(KuklaError) in try run.save(best, model) }
    }

    mutating func withAverages<Result>(
        _ body: () throws(KuklaError) -> Result
    ) throws(KuklaError) -> Result {
        guard average != nil else { return try body() }
        average?.swap()
        defer { average?.swap() }
        return try body()
    }

    /// Four digits, as the progress line shows numbers.
    static func short(_ value: Double) -> String {
        abs(value) >= 1000 ? String(format: "%.0f", value) : String(format: "%.4g", value)
    }
}

extension MetricsLine {
    var isEvaluation: Bool { if case .evaluation = content { true } else { false } }
}
