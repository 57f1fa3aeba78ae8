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

    /// Of the last step.
    var gradientNorm = 0.0
    var learningRate: Float = 0
    var epoch = 0.0
    var lastMetrics: [String: Double] = [:]
    var lastLoss: Double?
    /// When this part of the run began, less the seconds of the parts before.
    let start: ContinuousClock.Instant
    private var lastShown: ContinuousClock.Instant?

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
        average?.swap()
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
            var result = try task.step(on: item.batch, mode: .training(randomness))
            try checkFinite(result, step: next)
            state.window.add(result, examples: item.examples)
            // One batch alone needs no weight; of several each example counts the same.
            let weight = settings.accumulation == 1 ? 1 : Float(item.examples)
            // Moved out: what `result` went on holding would be copied where it is scaled.
            let gradients = exchange(&result.gradients, with: Gradients())
            mean = accumulation.add(gradients, weight: weight)
            endsEpoch = endsEpoch || item.endsEpoch
            state.position = item.next
            epoch = item.epoch
        }
        var sum = mean ?? Gradients()
        // Each step, also where nothing is clipped: a NaN would otherwise be in the weights before it is seen.
        gradientNorm = Double(settings.clipNorm.map { sum.clip(toNorm: $0) } ?? sum.norm)
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
        // A line costs more than a small step.
        if lastShown.map({ ContinuousClock.now - $0 > .milliseconds(50) }) ?? true {
            lastShown = .now
            progress.show(line)
        }
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

    /// `loss 0.4312  kl 0.0210  1,240 examples/s`: means since the last line of the log.
    private var line: String {
        var parts = ["loss \(Self.short(state.window.mean))"]
        if state.window.losses.count > 1 {
            parts += state.window.means.sorted { $0.key < $1.key }.map { "\($0.key) \(Self.short($0.value))" }
        }
        parts.append("\(Self.short(state.window.examplesPerSecond)) examples/s")
        return parts.joined(separator: "  ")
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
        KuklaError(
            .badData,
            "Training in \(run.url.path) stopped at step \(step): \(reason). \(TrainingRun.kept(run.latestCheckpoint)). "
                + "Try a lower learning_rate, a clip_norm or more warm-up; KUKLA_CHECK_FINITE=1 names the operation at fault."
        )
    }
}
