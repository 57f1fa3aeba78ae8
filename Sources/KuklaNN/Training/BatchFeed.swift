import KuklaNumerics

/// The batches of a run one after the other, epoch after epoch, from any position on.
struct BatchFeed<Task: TrainingTask> {
    struct Item: Sendable {
        let batch: Task.Batch
        let examples: Int
        /// Where the feed is after it.
        let next: BatchPosition
        /// Passes over the examples after it.
        let epoch: Double
        let endsEpoch: Bool
    }

    private let task: Task
    private let settings: TrainingSettings
    private var position: BatchPosition
    private var order: [[Int]]

    init(_ task: Task, settings: TrainingSettings, from position: BatchPosition) throws(KuklaError) {
        self.task = task
        self.settings = settings
        self.position = position
        order = try Self.batches(task, settings, epoch: position.epoch)
        guard position.batch < order.count else {
            throw KuklaError(
                .badData,
                "Cannot go on with the run: its checkpoint is at batch \(position.batch) of epoch \(position.epoch), "
                    + "but there are \(order.count): are these the examples it was begun with?")
        }
    }

    /// The number of batches of the first epoch.
    static func batchesPerEpoch(_ task: Task, _ settings: TrainingSettings) throws(KuklaError) -> Int {
        try batches(task, settings, epoch: 0).count
    }

    mutating func next() throws(KuklaError) -> Item {
        let indices = order[position.batch]
        // The order took the streams from 0 on.
        var random = RandomSource(
            seed: settings.seed &+ 0x5DEE_CE66_D1CE_4E5B,
            stream: UInt64(position.epoch) << 32 | UInt64(position.batch))
        let batch = try task.makeBatch(indices, random: &random)
        let count = order.count
        let epoch = Double(position.epoch) + Double(position.batch + 1) / Double(count)
        let endsEpoch = position.batch + 1 == count
        if endsEpoch {
            position = BatchPosition(epoch: position.epoch + 1, batch: 0)
            order = try Self.batches(task, settings, epoch: position.epoch)
        } else {
            position.batch += 1
        }
        return Item(
            batch: batch, examples: indices.count, next: position, epoch: epoch, endsEpoch: endsEpoch)
    }

    private static func batches(
        _ task: Task, _ settings: TrainingSettings, epoch: Int
    ) throws(KuklaError) -> [[Int]] {
        let batches = try task.batches(epoch: epoch, size: settings.batchSize, seed: settings.seed)
        guard !batches.isEmpty else {
            throw KuklaError(
                .badData, "Cannot train: epoch \(epoch) of \(task.exampleCount) examples has no batch.")
        }
        return batches
    }
}
