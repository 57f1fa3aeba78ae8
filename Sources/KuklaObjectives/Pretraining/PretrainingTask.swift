public import KuklaNN
public import KuklaNumerics
import KuklaTensor
public import KuklaText

/// Pre-training of an encoder on pieces of text.
public struct PretrainingTask<Objective: PretrainingObjective>: TrainingTask {
    public let model: PretrainingModel
    public let objective: Objective
    /// The pieces to learn from.
    public let texts: TokenBatch
    let masking: WordMasking
    /// Batches of pieces that are judged by, always with the same words hidden.
    let judged: [(batch: Objective.Batch, count: Int)]

    /// - Parameter heldOut: pieces to judge by; none where it is empty.
    public init(
        model: PretrainingModel, objective: Objective, texts: TokenBatch, heldOut: TokenBatch,
        masking: WordMasking, seed: UInt64
    ) {
        self.model = model
        self.objective = objective
        self.texts = texts
        self.masking = masking
        var random = RandomSource(seed: seed ^ 0x7C0F_FEE5)
        var judged: [(batch: Objective.Batch, count: Int)] = []
        for start in stride(from: 0, to: heldOut.count, by: 32) {
            let range = start..<min(start + 32, heldOut.count)
            judged.append(
                (objective.batch(heldOut.selecting(range), masking, using: &random), range.count))
        }
        self.judged = judged
    }

    public var exampleCount: Int { texts.count }
    public var goal: MetricGoal? { judged.isEmpty ? nil : MetricGoal("loss", .min) }
    public var adapterTargets: [String] { ["*.attention.self.query", "*.attention.self.value"] }

    public func sampler(batchSize: Int, seed: UInt64) throws(KuklaError) -> any BatchSampler {
        ShuffledSampler(count: texts.count, batchSize: batchSize, seed: seed, droppingLast: true)
    }

    public func makeBatch(_ indices: [Int], random: inout RandomSource) -> Objective.Batch {
        objective.batch(texts.selecting(indices), masking, using: &random)
    }

    public func step(on batch: Objective.Batch, mode: ForwardMode) -> TrainingStep {
        TrainingStep(objective.losses(of: batch, model, mode: mode))
    }

    public func evaluate() -> [String: Double] {
        var sums: [String: Double] = [:]
        let total = Double(judged.reduce(0) { $0 + $1.count })
        for (batch, count) in judged {
            let share = Double(count) / total
            for loss in withoutGradient({ objective.losses(of: batch, model, mode: .inference) }) {
                sums["\(loss.name)_loss", default: 0] += share * Double(loss.value.item)
                sums["loss", default: 0] += share * Double(loss.weight) * Double(loss.value.item)
            }
        }
        return sums
    }
}
