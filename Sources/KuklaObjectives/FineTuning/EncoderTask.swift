import Foundation
public import KuklaNN
public import KuklaNumerics
import KuklaTensor
public import KuklaText

/// Fine-tuning of a text encoder with a loss over the embeddings of a batch, of the whole model or of several of its layers.
public struct EncoderTask: TrainingTask {
    public let model: TextEncoderModule
    public let examples: TextExamples
    public let loss: any LayeredLoss
    /// Whether batches are full and no text stands twice in one: for in-batch negatives.
    public let needsDistinctTexts: Bool
    public let options: FineTuningOptions
    /// What multiplies the learning rate of a pooling with parameters.
    public let poolingRate: Float
    /// How the model is judged; nil where it is not.
    public let judge: EncoderJudge?

    public init(
        model: TextEncoderModule, examples: TextExamples, loss: any LayeredLoss, needsDistinctTexts: Bool,
        options: FineTuningOptions = FineTuningOptions(), poolingRate: Float = 1, judge: EncoderJudge? = nil
    ) {
        self.model = model
        self.examples = examples
        self.loss = loss
        self.needsDistinctTexts = needsDistinctTexts
        self.options = options
        self.poolingRate = poolingRate
        self.judge = judge
    }

    public var exampleCount: Int { examples.count }
    /// Queries and values, as Hu et al. 2021 adapt.
    public var adapterTargets: [String] { ["*.attention.self.query", "*.attention.self.value"] }
    public var goal: MetricGoal? { judge.map { MetricGoal($0.goal, .max) } }

    public func sampler(batchSize: Int, seed: UInt64) throws(KuklaError) -> any BatchSampler {
        guard !needsDistinctTexts else {
            return try DistinctTextSampler.checked(
                identities: examples.identities, batchSize: batchSize, seed: seed)
        }
        try DistinctTextSampler.checkCount(exampleCount, batchSize: batchSize)
        return ShuffledSampler(count: exampleCount, batchSize: batchSize, seed: seed)
    }

    public func makeBatch(_ indices: [Int], random: inout RandomSource) -> TextExampleBatch {
        examples.batch(indices)
    }

    public func step(on batch: TextExampleBatch, mode: ForwardMode) -> TrainingStep {
        let tokens = batch.tokens
        let objective = loss.objective(mode: mode)
        func embed(_ tokens: TokenBatch) -> Tensor {
            let vectors = model.embeddings(tokens, after: objective.layers, mode: mode)
            return vectors.count == 1 ? vectors[0] : Tensor.concatenated(vectors, axis: 1)
        }
        if let size = options.microBatch, size < tokens.count {
            let found = GradCache(microBatch: size)(count: tokens.count, mode: mode) { texts in
                embed(tokens.selecting(texts))
            } loss: {
                value(of: objective, $0, batch)
            }
            return TrainingStep(losses: [.init(loss.name, found.loss)], gradients: found.gradients)
        }
        return TrainingStep(loss.name, value(of: objective, embed(tokens), batch))
    }

    /// The loss of the model as it is on a batch, without gradient and dropout.
    package func loss(of batch: TextExampleBatch) -> Float {
        let objective = loss.objective(mode: .inference)
        return withoutGradient {
            let vectors = model.embeddings(batch.tokens, after: objective.layers)
            return value(of: objective, Tensor.concatenated(vectors, axis: 1), batch).item
        }
    }

    /// The loss of embeddings `[texts, layers * d]`: the layers' side by side, one column of texts behind the other.
    private func value(
        of objective: LayeredObjective, _ embeddings: Tensor, _ batch: TextExampleBatch
    ) -> Tensor {
        let width = model.dimensions
        let columns = objective.layers.indices.map { layer in
            stride(from: 0, to: embeddings.shape[0], by: batch.rows).map {
                embeddings[rows: $0..<$0 + batch.rows]
                    .slice(axis: 1, layer * width..<(layer + 1) * width)
            }
        }
        return objective.loss(columns, batch.scores)
    }

    public func evaluate() throws(KuklaError) -> [String: Double] {
        try judge?.metrics(of: model) ?? [:]
    }

    public func parameterGroups(weightDecay: Float) -> [Optimizer.Group] {
        let all = model.trainableParameters
        return Dictionary(grouping: all) { layer(of: $0.path) }.sorted { $0.key < $1.key }.flatMap {
            layer, members in
            let factor =
                layer > model.layerCount
                ? poolingRate : pow(options.layerDecay, Float(model.layerCount - layer))
            return [
                Optimizer.Group(
                    members.filter { $0.parameter.shape.count > 1 }, learningRateFactor: factor,
                    weightDecay: weightDecay),
                Optimizer.Group(members.filter { $0.parameter.shape.count <= 1 }, learningRateFactor: factor),
            ].filter { !$0.parameters.isEmpty }
        }
    }

    /// The layer that a parameter belongs to, from 1; 0 for the embeddings, the last for what stands behind the layers, one more for
    /// the pooling.
    private func layer(of path: String) -> Int {
        if path.hasPrefix("embeddings.") { return 0 }
        if path.hasPrefix("pooling.") { return model.layerCount + 1 }
        let parts = path.split(separator: ".")
        guard parts.first == "encoder", parts.count > 2, let index = Int(parts[2]) else {
            return model.layerCount
        }
        return index + 1
    }
}

/// How a model that is being trained is judged: a function of its embeddings, of the whole model's or at several sizes.
public struct EncoderJudge: Sendable {
    /// The metric by which the best weights are kept; larger is better. With sizes: its mean over them.
    public let goal: String
    let metric: String
    let tokenizer: WordPieceTokenizer
    let maximumLength: Int?
    let sizes: [ModelSize]
    let prompt: @Sendable (_ text: String) -> String
    let judgement: @Sendable (_ embed: ([String]) throws -> Matrix) throws -> [String: Double]

    /// - Parameters:
    ///   - goal: the metric that decides.
    ///   - maximumLength: tokens that are read of a text; as many as the model reads where nil.
    ///   - sizes: where there are some, the goal is measured at each, as `goal_3x48`, and nothing else is.
    ///   - prompt: what stands before a text; "" for nothing.
    ///   - judgement: metrics by name, the goal among them, of a function from texts to vectors.
    public init(
        goal: String, tokenizer: WordPieceTokenizer, maximumLength: Int? = nil, sizes: [ModelSize] = [],
        prompt: @escaping @Sendable (_ text: String) -> String = { _ in "" },
        judgement: @escaping @Sendable (_ embed: ([String]) throws -> Matrix) throws -> [String: Double]
    ) {
        self.goal = sizes.isEmpty ? goal : goal + "_mean"
        metric = goal
        self.tokenizer = tokenizer
        self.maximumLength = maximumLength
        self.sizes = sizes
        self.prompt = prompt
        self.judgement = judgement
    }

    /// - Throws: `KuklaError(.badData)` where the embeddings cannot be judged: they are all alike, or not finite.
    public func metrics(of model: TextEncoderModule) throws(KuklaError) -> [String: Double] {
        try Self.metrics {
            guard !sizes.isEmpty else {
                return try judgement {
                    model.embed($0, prompt: prompt, tokenizer: tokenizer, maximumLength: maximumLength)
                }
            }
            return try metricsBySize(of: model)
        }
    }

    /// What `judgement` finds; what else it throws becomes a `KuklaError`.
    static func metrics(_ judgement: () throws -> [String: Double]) throws(KuklaError) -> [String: Double] {
        do { return try judgement() } catch let error as KuklaError {
            throw error
        } catch {
            throw KuklaError(.badData, "Cannot judge the model.", cause: error)
        }
    }

    private func metricsBySize(of model: TextEncoderModule) throws -> [String: Double] {
        let layers = Set(sizes.map(\.layers)).sorted()
        // A judgement asks for the same texts at every size.
        var embedded: [[String]: [Matrix]] = [:]
        var found: [String: Double] = [:]
        for size in sizes {
            let metrics = try judgement { texts in
                let all =
                    embedded[texts]
                    ?? model.embed(
                        texts, prompt: prompt, tokenizer: tokenizer, maximumLength: maximumLength,
                        after: layers)
                embedded[texts] = all
                return all[layers.firstIndex(of: size.layers) ?? 0].leadingComponents(size.dimensions)
            }
            found[Self.name(metric, at: size)] = metrics[metric]
        }
        found[goal] = found.values.reduce(0, +) / Double(sizes.count)
        return found
    }

    /// What a metric is called at a size.
    static func name(_ metric: String, at size: ModelSize) -> String { "\(metric)_\(size)" }
}
