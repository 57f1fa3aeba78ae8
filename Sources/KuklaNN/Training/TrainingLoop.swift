import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTensor

/// The steps of one run, from its newest checkpoint to its end.
struct TrainingLoop<Task: TrainingTask> {
    let task: Task
    let run: TrainingRun
    let progress: any ProgressReporter
    let goal: MetricGoal?
    let totalSteps: Int
    let schedule: Schedule

    var state: CheckpointState
    var optimizer: Optimizer
    var average: ExponentialMovingAverage?
    let randomness: RandomStream
    private let batches: Prefetcher<BatchFeed<Task>.Item>
    let log: MetricsLog
    var curve: LossCurve

    var epoch = 0.0
    var lastMetrics: [String: Double] = [:]
    var lastLoss: Double?
    /// When this part of the run began, less the seconds of the parts before.
    let start: ContinuousClock.Instant

    var settings: TrainingSettings { run.settings }

    init(_ task: Task, run: TrainingRun, progress: any ProgressReporter) throws(KuklaError) {
        self.task = task
        self.run = run
        self.progress = progress
        let settings = run.settings
        goal = try Self.goal(of: task, settings)
        try Self.adapt(task, settings)
        try Self.freeze(settings.freeze, in: task.model)
        switch settings.length {
        case .steps(let count): totalSteps = count
        case .epochs(let count):
            var first = try BatchFeed(task, settings: settings, from: DataPosition())
            totalSteps = max(1, first.batchesInEpoch * count / settings.accumulation)
        }
        schedule = settings.schedule.schedule(rate: settings.learningRate, total: totalSteps)
        optimizer = Optimizer(
            settings.optimizer.rule, task.parameterGroups(weightDecay: settings.weightDecay))
        let model = task.model
        average = settings.average.map { ExponentialMovingAverage(of: model, decay: $0.decay) }
        state = CheckpointState(random: RandomSource(seed: settings.seed, stream: 1 << 63))
        if let checkpoint = run.latestCheckpoint {
            state = try checkpoint.restore(into: task.model, optimizer: &optimizer, average: &average)
        }
        randomness = RandomStream(state.random)
        let feed = try BatchFeed(task, settings: settings, from: state.position)
        batches = Prefetcher(from: feed) { try $0.next() }
        let (log, lines) = try MetricsLog.open(run.folder.metrics, after: state.step)
        self.log = log
        curve = LossCurve(goal: goal)
        for line in lines { curve.add(line) }
        if case .evaluation(let metrics, _)? = lines.last(where: { $0.isEvaluation })?.content {
            lastMetrics = metrics
        }
        if case .training(let means)? = lines.last(where: { !$0.isEvaluation })?.content {
            lastLoss = means.loss
        }
        epoch = lines.last?.epoch ?? 0
        start = ContinuousClock.now - .seconds(state.seconds)
        // A kill may have come between the checkpoint of the best evaluation and its weights.
        if let best = state.best, best.step == state.step, run.best?.evaluation != best { try saveBest() }
    }

    /// Seconds of training, those before this part included.
    var seconds: Double { (ContinuousClock.now - start) / .seconds(1) }

    mutating func run(isCancelled: () -> Bool) throws(KuklaError) -> TrainingSummary {
        progress.resume("training", done: state.step, total: totalSteps, unit: "steps")
        defer { progress.end() }
        if state.step > 0 { progress.announce("going on at step \(state.step) of \(totalSteps)") }
        var reason = TrainingSummary.Reason.finished
        while state.step < totalSteps {
            if hasStoppedEarly {
                reason = .stoppedEarly
                break
            }
            let endsEpoch = try step()
            let isLast = state.step == totalSteps
            let isCancelled = isCancelled()
            if state.step.isMultiple(of: settings.logEvery) || isLast { try logTraining() }
            var isBest = false
            if isLast || (settings.evaluateEvery.map { state.step.isMultiple(of: $0) } ?? endsEpoch) {
                isBest = try evaluate()
            }
            let isDue = settings.checkpointEvery.map { state.step.isMultiple(of: $0) } ?? endsEpoch
            // The best weights are saved from a checkpoint, so that a run killed just here finds them there.
            if isDue || isLast || isBest || isCancelled || hasStoppedEarly {
                try saveCheckpoint()
                if isBest { try saveBest() }
            }
            if isCancelled && !isLast {
                reason = .cancelled
                break
            }
        }
        return TrainingSummary(
            reason: reason, step: state.step, epoch: epoch, loss: lastLoss, metrics: lastMetrics,
            best: state.best, seconds: state.seconds)
    }

    private var hasStoppedEarly: Bool {
        settings.earlyStopping.map { state.evaluationsSinceBest >= $0.patience } ?? false
    }

    // MARK: - One step

    /// One update of the weights; returns whether an epoch ended in it.
    private mutating func step() throws(KuklaError) -> Bool {
        let began = ContinuousClock.now
        let next = state.step + 1
        var accumulation = GradientAccumulation(batches: settings.accumulation)
        var mean: Gradients?
        var endsEpoch = false
        for _ in 0..<settings.accumulation {
            let item = try nextBatch()
            let result = try task.step(on: item.batch, mode: .training(randomness))
            try checkFinite(result, step: next)
            state.window.add(result, examples: item.examples)
            // One batch alone needs no weight; of several each example counts the same.
            let weight = settings.accumulation == 1 ? 1 : Float(item.examples)
            mean = accumulation.add(result.gradients, weight: weight)
            endsEpoch = endsEpoch || item.endsEpoch
            state.position = item.next
            epoch = item.epoch
        }
        var sum = mean ?? Gradients()
        let isLogged = next.isMultiple(of: settings.logEvery) || next == totalSteps
        if let limit = settings.clipNorm {
            gradientNorm = Double(sum.clip(toNorm: limit))
        } else if isLogged {
            gradientNorm = Double(sum.norm)
        }
        guard gradientNorm.isFinite else {
            throw stopped(
                at: next, "the gradient is not finite (norm \(gradientNorm)) although all losses are numbers")
        }
        learningRate = schedule.rate(at: state.step)
        optimizer.update(sum, learningRate: learningRate)
        average?.update()
        task.didUpdate(step: next)
        state.step = next
        state.random = randomness.state
        state.window.seconds += (ContinuousClock.now - began) / .seconds(1)
        progress.advance(by: 1)
        progress.show(line)
        return endsEpoch
    }

    private func nextBatch() throws(KuklaError) -> BatchFeed<Task>.Item {
        do {
            guard let item = try batches.next() else {
                throw KuklaError(.badData, "Cannot train on: the examples have come to an end.")
            }
            return item
        } catch let error as KuklaError {
            throw error
        } catch {
            throw KuklaError(.inputOutput, "Cannot make the next batch.", cause: error)
        }
    }

    private var gradientNorm = 0.0
    private var learningRate: Float = 0

    /// `loss 0.4312  kl 0.0210  1,240 examples/s`: means since the last line of the log.
    private var line: String {
        var parts = ["loss \(Self.short(state.window.mean))"]
        if state.window.losses.count > 1 {
            parts += state.window.means.sorted { $0.key < $1.key }.map { "\($0.key) \(Self.short($0.value))" }
        }
        parts.append("\(Self.short(state.window.examplesPerSecond)) examples/s")
        return parts.joined(separator: "  ")
    }

    static func short(_ value: Double) -> String {
        abs(value) >= 1000 ? String(format: "%.0f", value) : String(format: "%.4g", value)
    }

    private func checkFinite(_ result: TrainingStep, step: Int) throws(KuklaError) {
        let bad = result.losses.filter { !$0.value.isFinite }
        guard let first = bad.first else { return }
        let others = result.losses.filter { $0.value.isFinite }.map { "\($0.name) is \($0.value)" }
        throw stopped(
            at: step,
            "the loss '\(first.name)' is \(first.value)"
                + (bad.count > 1 ? ", and so are \(bad.dropFirst().map(\.name).joined(separator: ", "))" : "")
                + (others.isEmpty ? "" : " (\(others.joined(separator: ", ")))"))
    }

    private func stopped(at step: Int, _ reason: String) -> KuklaError {
        let kept =
            run.latestCheckpoint.map { "The checkpoint of step \($0.step) is kept" }
            ?? "No checkpoint was written yet"
        return KuklaError(
            .badData,
            "Training in \(run.url.path) stopped at step \(step): \(reason). \(kept). Try a lower learning_rate, a "
                + "clip_norm or more warm-up; KUKLA_CHECK_FINITE=1 names the operation at fault.")
    }

    // MARK: - Now and then

    private mutating func logTraining() throws(KuklaError) {
        let means = MetricsLine.TrainingMeans(
            loss: state.window.mean, losses: state.window.means, learningRate: Double(learningRate),
            gradientNorm: gradientNorm, examplesPerSecond: state.window.examplesPerSecond)
        try append(.training(means))
        lastLoss = means.loss
        state.window = LossWindow()
    }

    /// Evaluates; returns whether the goal was better than ever before.
    private mutating func evaluate() throws(KuklaError) -> Bool {
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

    private mutating func append(_ content: MetricsLine.Content) throws(KuklaError) {
        let line = MetricsLine(step: state.step, epoch: epoch, content: content, seconds: seconds)
        try log.append(line)
        curve.add(line)
    }

    private mutating func saveCheckpoint() throws(KuklaError) {
        state.seconds = seconds
        // The log first: it must reach at least as far as the checkpoint from which it is gone on with.
        log.flush()
        try run.saveCheckpoint(state, model: task.model, optimizer: optimizer, average: average)
        try AtomicFile.write(curve.svg, to: run.folder.chart)
    }

    /// Saves the weights that were evaluated, averages where there are some.
    private mutating func saveBest() throws(KuklaError) {
        guard let best = state.best else { return }
        let (run, model) = (run, task.model)
        try withAverages { () throws(KuklaError) in try run.save(best, model) }
    }

    private mutating func withAverages<Result>(
        _ body: () throws(KuklaError) -> Result
    ) throws(KuklaError) -> Result {
        guard average != nil else { return try body() }
        average?.swap()
        defer { average?.swap() }
        return try body()
    }

    // MARK: - Before the first step

    /// Puts the recipe's low-rank adapters around the model, unless the task has done that.
    private static func adapt(_ task: Task, _ settings: TrainingSettings) throws(KuklaError) {
        guard let adapters = settings.adapters, task.model.adaptedLayers.isEmpty else { return }
        var random = RandomSource(seed: settings.seed, stream: 1 << 62)
        for pattern in adapters.targets.isEmpty ? task.adapterTargets : adapters.targets {
            try task.model.addLoRA(
                matching: pattern, rank: adapters.rank, alpha: adapters.alpha, dropout: adapters.dropout,
                using: &random)
        }
    }

    private static func goal(of task: Task, _ settings: TrainingSettings) throws(KuklaError) -> MetricGoal? {
        guard let stopping = settings.earlyStopping else { return task.goal }
        guard let name = stopping.metric ?? task.goal?.name else {
            throw KuklaError(
                .usage,
                "The recipe's early_stopping names no metric, and the method has no main one: give 'metric'.")
        }
        let own = task.goal.flatMap { $0.name == name ? $0.mode : nil }
        return MetricGoal(name, stopping.mode ?? own ?? (name.hasSuffix("loss") ? .min : .max))
    }

    private static func freeze(_ patterns: [String], in model: some Module) throws(KuklaError) {
        for pattern in patterns where model.setTrainable(false, matching: pattern) == 0 {
            let paths = model.parameters.map(\.path)
            let nearest = EditDistance.nearest(to: pattern, among: paths) ?? ""
            throw KuklaError(
                .usage,
                "The recipe's freeze pattern '\(pattern)' matches none of the model's \(paths.count) parameters; the "
                    + "nearest path is '\(nearest)'.")
        }
        guard !model.trainableParameters.isEmpty else {
            throw KuklaError(
                .usage, "Cannot train: all parameters are frozen; the recipe's 'freeze' leaves none.")
        }
    }
}

extension MetricsLine {
    var isEvaluation: Bool { if case .evaluation = content { true } else { false } }
}
