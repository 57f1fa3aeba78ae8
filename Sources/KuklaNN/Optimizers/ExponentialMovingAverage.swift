public import KuklaNumerics
public import KuklaTensor

/// A moving average of the weights, which often generalises better than the last weights.
///
/// `average += (1 - d)(weight - average)` after each step, where `d` is `decay`, but at most `(1 + t) / (10 + t)` after `t`
/// updates, so that the start is soon forgotten. Buffers are not averaged.
/// *Source:* Polyak and Juditsky 1992, "Acceleration of stochastic approximation by averaging"; the start as in TensorFlow.
public struct ExponentialMovingAverage: Sendable {
    public let decay: Float
    /// Updates so far.
    public private(set) var step = 0
    /// Whether the model holds the averages now, and this value the trained weights.
    public private(set) var isSwappedIn = false
    private let parameters: [NamedParameter]
    private var averages: [Tensor]

    /// Starts from the weights as they are. Memory is shared with the model until the next step.
    ///
    /// - Precondition: `decay` in 0..<1.
    public init(of module: some Module, decay: Float = 0.999) {
        contract(decay >= 0 && decay < 1, "ExponentialMovingAverage: decay \(decay)")
        self.decay = decay
        parameters = module.parameters.filter { !$0.parameter.isBuffer }
        averages = parameters.map(\.parameter.value)
    }

    /// Takes the weights of this step in. Frozen parameters are passed over: they do not change.
    public mutating func update() {
        contract(!isSwappedIn, "ExponentialMovingAverage: updated while the model holds the averages")
        step += 1
        let take = 1 - min(decay, Float(1 + step) / Float(10 + step))
        for (i, named) in parameters.enumerated() where named.parameter.isTrainable {
            let weights = named.parameter.value
            let average = UpdateTarget(&averages[i])
            tensorFor(weights.count, grain: elementGrain) { block in
                let (to, from) = (average + 0, weights.pointer)
                for j in block { to[j] += take * (from[j] - to[j]) }
            }
        }
    }

    /// Exchanges the model's weights and the averages.
    public mutating func swap() {
        for (i, named) in parameters.enumerated() {
            let weights = named.parameter.value
            named.parameter.value = averages[i]
            averages[i] = weights
        }
        isSwappedIn.toggle()
    }

    /// Runs `body` while the model holds the averages: to evaluate or save it.
    public mutating func withAverages<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        swap()
        defer { swap() }
        return try body()
    }
}

// MARK: - Checkpoints

extension ExponentialMovingAverage {
    /// `average.step` and `average.<path>` for each parameter.
    public func exportState() -> [(name: String, tensor: Tensor)] {
        contract(!isSwappedIn, "ExponentialMovingAverage: exported while the model holds the averages")
        return [("average.step", Tensor(Float(step)))]
            + zip(parameters, averages).map { ("average.\($0.path)", $1) }
    }

    /// Takes over what `exportState` gave; nothing has changed where it throws. Names that do not begin with `average.`
    /// are left to others.
    ///
    /// - Throws: `KuklaError(.badData)` that names the first tensor that is missing or of another shape.
    public mutating func importState(_ tensors: [(name: String, tensor: Tensor)]) throws(KuklaError) {
        let given = Dictionary(tensors.map { ($0.name, $0.tensor) }) { first, _ in first }
        func find(_ name: String, _ shape: [Int]) throws(KuklaError) -> Tensor {
            guard let tensor = given[name] else {
                throw KuklaError(.badData, "Cannot restore the averaged weights: \"\(name)\" is missing.")
            }
            guard tensor.shape == shape else {
                throw KuklaError(
                    .badData,
                    "Cannot restore the averaged weights: \"\(name)\" has shape \(tensor.shape), and the model needs \(shape)."
                )
            }
            return tensor.detached
        }
        let count = try find("average.step", [])
        guard let step = Int(exactly: count.item), step >= 0 else {
            throw KuklaError(
                .badData, "Cannot restore the averaged weights: \"average.step\" is \(count.item).")
        }
        let averages = try parameters.map { named throws(KuklaError) in
            try find("average.\(named.path)", named.parameter.shape)
        }
        (self.step, self.averages) = (step, averages)
    }
}
