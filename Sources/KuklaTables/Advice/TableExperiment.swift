public import KuklaNumerics

/// Trainings that differ in the table, its budget, its width and the seed only: what comparisons are made of.
public struct TableExperiment: Sendable {
    public let set: ExampleSet
    public let network: CTRConfiguration
    /// The seed is each training's own.
    public let options: TrainerOptions

    public init(_ set: ExampleSet, network: CTRConfiguration, options: TrainerOptions = TrainerOptions()) {
        self.set = set
        self.network = network
        self.options = options
    }

    /// Trains one model.
    ///
    /// - Parameters:
    ///   - budget: bytes that the table may take; nil: as the method is without a limit.
    ///   - rows: training rows to learn from; all where nil.
    ///   - epochs: passes over them at most; the options' where nil.
    /// - Throws: `KuklaError`: a budget below the method's floor, a network that the widths do not suit.
    public func train(
        _ table: TableConfiguration, width: Int, budget: Int?, seed: UInt64, rows: [Int32]? = nil,
        epochs: Int? = nil, progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> TrainedClickModel {
        var options = options
        options.seed = seed
        if let epochs { options.epochs = epochs }
        let made = try table.make(for: set.tableSchema(width: width), budget: budget, seed: seed)
        let network = try network.make(CTRShape(set.schema, widths: made.widths), seed: seed)
        return try TableTrainer(
            set, table: made, network: network, options: options, rows: rows, progress: progress
        ).run()
    }

    /// A number that differs where rows, labels, the network or the options differ: results of one file belong to one of them.
    public var fingerprint: String {
        let store = set.store
        var hash = ValueHash.hash(
            UnsafeRawBufferPointer(
                UnsafeBufferPointer(start: store.ids.pointer, count: store.ids.buffer.count)))
        hash = ValueHash.hash(
            UnsafeRawBufferPointer(
                UnsafeBufferPointer(start: store.labels.pointer, count: store.labels.buffer.count)),
            seed: hash)
        hash = ValueHash.hash(
            UnsafeRawBufferPointer(
                UnsafeBufferPointer(start: store.parts.pointer, count: store.parts.buffer.count)), seed: hash)
        hash = ValueHash.hash("\(set.schema.json) \(network) \(options)", seed: hash)
        return String(hash, radix: 16)
    }
}
