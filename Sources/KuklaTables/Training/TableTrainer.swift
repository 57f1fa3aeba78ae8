import KuklaNN
public import KuklaNumerics
import KuklaTensor

/// Trains a table of vectors and the network over them, through all stages of the table's method, and keeps what the validation
/// rows find best.
///
/// Test rows are looked at once, after the last stage. One thread gives the same bits again.
public final class TableTrainer {
    public let set: ExampleSet
    public let options: TrainerOptions
    private let progress: any ProgressReporter
    private var model: ClickNetwork
    private let training: [Int32]
    private let validation: [Int32]
    private var random: RandomSource
    private let stream: RandomStream
    private var regularizer: BatchAwareL2?
    /// Where the next batch of validation rows for searches begins.
    private var validationCursor = 0
    private var examplesSeen = 0
    private var checks: [TrainingReport.Check] = []

    /// - Parameter rows: rows of the training part to learn from; all of them where nil.
    /// - Throws: `KuklaError(.usage)` for options that make no sense.
    public init(
        _ set: ExampleSet, table: any EmbeddingTable, network: any CTRModel,
        options: TrainerOptions = TrainerOptions(), rows: [Int32]? = nil,
        progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) {
        try options.check()
        self.set = set
        self.options = options
        self.progress = progress
        model = ClickNetwork(table: table, network: network)
        training = rows ?? set.store.rows(.training)
        // Without validation rows, training goes on for all its epochs and the last weights are kept.
        validation = set.store.rows(.validation)
        random = RandomSource(seed: options.seed)
        stream = RandomStream(seed: options.seed ^ 0x5EED)
        if options.batchAwareL2 > 0 {
            regularizer = BatchAwareL2(strength: options.batchAwareL2, schema: table.schema)
        }
    }

    /// Trains all stages.
    ///
    /// - Throws: `KuklaError(.badData)` where a loss is no number, and what the table's method throws.
    public func run() throws(KuklaError) -> TrainedClickModel {
        let start = ContinuousClock.now
        let initial = model.network.parameterValues
        var stages = ["train"]
        try trainStage(named: "Training")
        while let stage = try model.table.nextStage(search()) {
            if stage.network == .initial { model.network.setParameters(to: initial) }
            model = ClickNetwork(table: stage.table, network: model.network)
            stages.append(stage.name)
            try trainStage(named: "Training (\(stage.name))")
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let served = try model.table.served()
        let scorer = ClickScorer(table: served, network: model.network)
        func measure(_ rows: [Int32]) -> ClickMetrics? {
            guard !rows.isEmpty else { return nil }
            return ClickMetrics(
                logits: scorer.logits(set.store, rows), labels: set.store.labels(of: rows),
                users: set.store.users(of: rows))
        }
        let report = TrainingReport(
            validation: measure(validation), test: measure(set.store.rows(.test)), stages: stages,
            tableBytes: served.byteCount, denseBytes: model.table.schema.denseByteCount,
            networkParameters: model.network.parameterCount, examples: examplesSeen, seconds: seconds,
            checks: checks)
        return TrainedClickModel(table: served, network: model.network, report: report)
    }

    /// Steps of the first stage one by one, over batches in an endless shuffled order, without looking at validation rows: each
    /// call takes one and returns its loss. For measuring speed.
    public func steps() -> () throws(KuklaError) -> Float {
        var optimizer = Optimizer(options.rule.update, for: model)
        var order = training
        var (start, step) = (order.count, 0)
        return { [self] () throws(KuklaError) in
            if start + options.batchSize > order.count {
                order.shuffle(using: &random)
                start = 0
            }
            let rows = order[start..<min(start + options.batchSize, order.count)]
            start += options.batchSize
            step += 1
            return try take(set.store.batch(rows), step: step, optimizer: &optimizer)
        }
    }

    // MARK: One stage

    private func trainStage(named name: String) throws(KuklaError) {
        let batches = max(1, (training.count + options.batchSize - 1) / options.batchSize)
        let interval = max(1, batches / options.checksPerEpoch)
        var optimizer = Optimizer(options.rule.update, for: model)
        var order = training
        var best: (score: Double, values: [(path: String, value: Tensor)])?
        var waited = 0
        var step = 0
        progress.begin(name, total: options.epochs * training.count, unit: "examples")
        defer { progress.end() }
        for epoch in 1...options.epochs {
            order.shuffle(using: &random)
            var (sum, count) = (0.0, 0)
            for b in 0..<batches {
                step += 1
                let rows = order[b * options.batchSize..<min((b + 1) * options.batchSize, order.count)]
                let batch = set.store.batch(rows)
                sum += Double(try take(batch, step: step, optimizer: &optimizer))
                count += 1
                examplesSeen += batch.count
                progress.advance(by: batch.count)
                // What a search was for is reached: better weights of it are not wanted.
                if model.table.wantsNextStage { return }
                guard step % interval == 0, !validation.isEmpty else { continue }
                let check = self.check(epoch: epoch, step: step, loss: sum / Double(count))
                (sum, count) = (0, 0)
                let score = check.auc ?? -check.logLoss
                guard model.table.isSettled else { continue }
                if score > best?.score ?? -.infinity {
                    // The snapshot shares memory until the next update.
                    best = (score, model.parameterValues)
                    waited = 0
                } else {
                    waited += 1
                }
                if waited >= options.patience { break }
            }
            if waited >= options.patience { break }
        }
        if let best { model.setParameters(to: best.values) }
    }

    private func take(
        _ batch: ExampleBatch, step: Int, optimizer: inout Optimizer
    ) throws(KuklaError) -> Float {
        let (loss, found) = try gradients(batch)
        var gradients = found
        let context = context(batch, step: step)
        try model.table.willUpdate(&gradients, context)
        optimizer.update(gradients, learningRate: options.learningRate)
        try model.table.didUpdate(context)
        return loss
    }

    private func gradients(_ batch: ExampleBatch) throws(KuklaError) -> (loss: Float, gradients: Gradients) {
        let (logits, input) = model.forward(batch, mode: .training(stream))
        let loss = logits.binaryCrossEntropy(targets: batch.labels)
        let value = loss.item
        guard value.isFinite else {
            throw KuklaError(
                .badData,
                "Training stopped: the loss is \(value) after \(examplesSeen) examples; lower the learning rate (\(options.learningRate))."
            )
        }
        var total = loss
        if let penalty = model.table.takePenalty() { total = total + penalty }
        if let penalty = penalty(batch, input) { total = total + penalty }
        if options.wholeTableL2 > 0 { total = total + wholeTablePenalty() }
        return (value, total.gradients())
    }

    private func penalty(_ batch: ExampleBatch, _ input: CTRInput) -> Tensor? {
        guard var regularizer else { return nil }
        self.regularizer = nil  // so that its scratch is not copied
        defer { self.regularizer = regularizer }
        let widths = model.table.widths
        let columns = Array(0..<set.store.categoryCount)
        var sum = regularizer.penalty(input.vectors, ids: batch.ids, fields: columns, widths: widths)
        for (list, vectors) in zip(batch.lists, input.lists) where list.eventCount > 0 {
            sum =
                sum
                + regularizer.penalty(
                    vectors.vectors, ids: list.ids, fields: list.fields, widths: widths)
        }
        return sum
    }

    private func wholeTablePenalty() -> Tensor {
        model.table.parameters.filter { $0.parameter.isTrainable }.reduce(Tensor(0)) { sum, named in
            let weights = named.parameter.tensor
            return sum + (weights * weights).sum() * (options.wholeTableL2 / 2)
        }
    }

    // MARK: What a table's method may ask for

    private func context(_ batch: ExampleBatch, step: Int) -> TableTraining {
        TableTraining(
            step: step, learningRate: options.learningRate,
            gradientsAgain: { [self] () throws(KuklaError) in try gradients(batch).gradients },
            validationGradients: { [self] () throws(KuklaError) in
                try gradients(nextValidationBatch()).gradients
            })
    }

    private func nextValidationBatch() throws(KuklaError) -> ExampleBatch {
        guard !validation.isEmpty else {
            throw KuklaError(
                .usage,
                "Cannot search: the method \(model.table.configuration.word) learns from validation rows, and there are none."
            )
        }
        let size = min(options.batchSize, validation.count)
        if validationCursor + size > validation.count { validationCursor = 0 }
        defer { validationCursor += size }
        return set.store.batch(validation[validationCursor..<validationCursor + size])
    }

    private func search() -> TableSearch {
        TableSearch(
            validationScore: { [self] () throws(KuklaError) in
                let logits = model.logits(set.store, validation)
                let labels = set.store.labels(of: validation)
                return ClickMetrics.areaUnderCurve(logits, labels)
                    ?? -ClickMetrics(logits: logits, labels: labels).logLoss
            },
            report: { [self] in progress.announce($0) })
    }

    private func check(epoch: Int, step: Int, loss: Double) -> TrainingReport.Check {
        let logits = model.logits(set.store, validation)
        let metrics = ClickMetrics(logits: logits, labels: set.store.labels(of: validation))
        let check = TrainingReport.Check(
            epoch: epoch, step: step, trainingLoss: loss, logLoss: metrics.logLoss, auc: metrics.auc)
        checks.append(check)
        progress.show(check.words)
        return check
    }
}
