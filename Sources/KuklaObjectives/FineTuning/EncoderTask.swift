import Foundation
public import KuklaNN
public import KuklaNumerics
import KuklaTensor
public import KuklaText

/// Fine-tuning of a text encoder with a loss over the embeddings of a batch.
public struct EncoderTask: TrainingTask {
    public let model: TextEncoderModule
    public let examples: TextExamples
    public let loss: any EmbeddingLoss
    /// Whether batches are full and no text stands twice in one: for in-batch negatives.
    public let needsDistinctTexts: Bool
    public let options: FineTuningOptions
    /// How the model is judged; nil where it is not.
    public let judge: EncoderJudge?

    public init(
        model: TextEncoderModule, examples: TextExamples, loss: any EmbeddingLoss, needsDistinctTexts: Bool,
        options: FineTuningOptions = FineTuningOptions(), judge: EncoderJudge? = nil
    ) {
        self.model = model
        self.examples = examples
        self.loss = loss
        self.needsDistinctTexts = needsDistinctTexts
        self.options = options
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
        if let size = options.microBatch, size < tokens.count {
            let found = GradCache(microBatch: size)(count: tokens.count, mode: mode) { texts in
                model(tokens.selecting(texts), mode: mode)
            } loss: {
                loss(of: $0, batch)
            }
            return TrainingStep(losses: [.init(loss.name, found.loss)], gradients: found.gradients)
        }
        return TrainingStep(loss.name, loss(of: model(tokens, mode: mode), batch))
    }

    private func loss(of embeddings: Tensor, _ batch: TextExampleBatch) -> Tensor {
        let columns = stride(from: 0, to: embeddings.shape[0], by: batch.rows).map {
            embeddings[rows: $0..<$0 + batch.rows]
        }
        return loss(columns, scores: batch.scores)
    }

    public func evaluate() throws(KuklaError) -> [String: Double] {
        try judge?.metrics(of: model) ?? [:]
    }

    public func parameterGroups(weightDecay: Float) -> [Optimizer.Group] {
        let all = model.trainableParameters
        return Dictionary(grouping: all) { layer(of: $0.path) }.sorted { $0.key < $1.key }.flatMap {
            layer, members in
            let factor = pow(options.layerDecay, Float(model.layerCount - layer))
            return [
                Optimizer.Group(
                    members.filter { $0.parameter.shape.count > 1 }, learningRateFactor: factor,
                    weightDecay: weightDecay),
                Optimizer.Group(members.filter { $0.parameter.shape.count <= 1 }, learningRateFactor: factor),
            ].filter { !$0.parameters.isEmpty }
        }
    }

    /// The layer that a parameter belongs to, from 1; 0 for the embeddings, the last for what stands behind the layers.
    private func layer(of path: String) -> Int {
        if path.hasPrefix("embeddings.") { return 0 }
        let parts = path.split(separator: ".")
        guard parts.first == "encoder", parts.count > 2, let index = Int(parts[2]) else {
            return model.layerCount
        }
        return index + 1
    }
}

/// How a model that is being trained is judged: a function of its embeddings.
public struct EncoderJudge: Sendable {
    /// The metric by which the best weights are kept; larger is better.
    public let goal: String
    let tokenizer: WordPieceTokenizer
    let maximumLength: Int?
    let judgement: @Sendable (_ embed: ([String]) throws -> Matrix) throws -> [String: Double]

    /// - Parameters:
    ///   - maximumLength: tokens that are read of a text; as many as the model reads where nil.
    ///   - judgement: metrics by name, the goal among them, of a function from texts to vectors.
    public init(
        goal: String, tokenizer: WordPieceTokenizer, maximumLength: Int? = nil,
        judgement: @escaping @Sendable (_ embed: ([String]) throws -> Matrix) throws -> [String: Double]
    ) {
        self.goal = goal
        self.tokenizer = tokenizer
        self.maximumLength = maximumLength
        self.judgement = judgement
    }

    /// - Throws: `KuklaError(.badData)` where the embeddings cannot be judged: they are all alike, or not finite.
    public func metrics(of model: TextEncoderModule) throws(KuklaError) -> [String: Double] {
        try Self.metrics {
            try judgement { model.embed($0, tokenizer: tokenizer, maximumLength: maximumLength) }
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
}
