import KuklaNumerics

/// The batches of a run one after the other, epoch after epoch, from any position on.
struct BatchFeed<Task: TrainingTask> {
    struct Item: Sendable {
        let batch: Task.Batch
        let examples: Int
        /// Where the feed is after it.
        let next: DataPosition
        /// Passes over the examples after it.
        let epoch: Double
        let endsEpoch: Bool
    }

    private let task: Task
    private let seed: UInt64
    private var stream: BatchStream

    init(_ task: Task, settings: TrainingSettings, from position: DataPosition) throws(KuklaError) {
        self.task = task
        seed = settings.seed
        let sampler = try task.sampler(batchSize: settings.batchSize, seed: settings.seed)
        stream = BatchStream(sampler, at: position)
        let count = stream.batchesInEpoch
        guard count > 0 else {
            throw KuklaError(.badData, "Cannot train: \(task.exampleCount) examples make no batch.")
        }
        guard position.batch <= count else {
            throw KuklaError(
                .badData,
                "Cannot go on with the run: its checkpoint is at batch \(position.batch) of epoch \(position.epoch), "
                    + "but there are \(count): are these the examples it was begun with?")
        }
    }

    /// The number of batches of the epoch that is going on.
    var batchesInEpoch: Int { mutating get { stream.batchesInEpoch } }

    mutating func next() throws(KuklaError) -> Item {
        guard let indices = stream.next() else {
            throw KuklaError(
                .badData,
                "Cannot train on: epoch \(stream.position.epoch) has no batch of \(task.exampleCount) examples."
            )
        }
        let position = stream.position
        let count = stream.batchesInEpoch
        // Another stream than that of the order, which has the same seed.
        var random = RandomSource(
            seed: seed &+ 0x5DEE_CE66_D1CE_4E5B, stream: UInt64(position.epoch) << 32 | UInt64(position.batch)
        )
        return Item(
            batch: try task.makeBatch(indices, random: &random), examples: indices.count, next: position,
            epoch: Double(position.epoch) + Double(position.batch) / Double(count),
            endsEpoch: position.batch == count)
    }
}
