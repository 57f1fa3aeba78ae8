public import KuklaNumerics

/// What a training run trains: a model, its examples, how they become losses, and how it is judged.
///
/// A method implements this once; `TrainingRun` does the rest: order, accumulation, clipping, schedule, averaging, logs,
/// checkpoints, resuming.
public protocol TrainingTask: Sendable {
    /// Examples as the model takes them.
    associatedtype Batch: Sendable
    associatedtype Model: Module

    /// What is trained. Its parameters and buffers are all that a checkpoint keeps of it: state that a method updates by
    /// itself (a codebook, a queue) belongs in buffers.
    var model: Model { get }
    /// The number of training examples.
    var exampleCount: Int { get }
    /// The metric of `evaluate` by which the best weights are kept, unless the recipe says otherwise.
    var goal: MetricGoal? { get }

    /// How examples are ordered and cut into batches. The default shuffles all of them and lets the last batch be smaller.
    func sampler(batchSize: Int, seed: UInt64) throws(KuklaError) -> any BatchSampler

    /// Makes a batch: reads, tokenizes, augments. Called on another thread, ahead of training.
    ///
    /// Must depend on its arguments only. `random` is seeded anew for each batch.
    func makeBatch(_ indices: [Int], random: inout RandomSource) throws(KuklaError) -> Batch

    /// One forward and backward pass: losses by name and the gradient of their sum.
    func step(on batch: Batch, mode: ForwardMode) throws(KuklaError) -> TrainingStep

    /// Judges the model as it is: metrics by name. Called without recording; empty where there is nothing to measure.
    func evaluate() throws(KuklaError) -> [String: Double]

    /// Patterns of the paths of linear layers that a recipe's `lora` puts adapters around, unless it names others. The
    /// default: all of them.
    var adapterTargets: [String] { get }

    /// The parameters in groups of the same settings. The default: all trainable ones, matrices decaying by `weightDecay`.
    func parameterGroups(weightDecay: Float) -> [Optimizer.Group]

    /// Called after each update of the weights, for what follows them: a codebook's moving average, a target network.
    func didUpdate(step: Int)
}

extension TrainingTask {
    public var goal: MetricGoal? { nil }

    public func sampler(batchSize: Int, seed: UInt64) throws(KuklaError) -> any BatchSampler {
        ShuffledSampler(count: exampleCount, batchSize: batchSize, seed: seed)
    }

    public func evaluate() throws(KuklaError) -> [String: Double] { [:] }

    public func parameterGroups(weightDecay: Float) -> [Optimizer.Group] {
        Optimizer(SGD(), for: model, weightDecay: weightDecay).groups
    }

    public var adapterTargets: [String] { ["*"] }

    public func didUpdate(step: Int) {}
}

extension RandomSource {
    /// One of many independent sources with the same seed.
    init(seed: UInt64, stream: UInt64) {
        var first = RandomSource(seed: seed ^ (stream &+ 1) &* 0x9E37_79B9_7F4A_7C15)
        self.init(seed: first.next())
    }
}
