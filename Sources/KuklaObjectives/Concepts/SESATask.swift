public import KuklaNN
public import KuklaNumerics
import KuklaTensor
public import KuklaText

/// Training of a `ConceptEncoder` on pairs of relevant texts and on texts with known concepts.
///
/// All other pairs of a batch count as not relevant, unless both texts are known to share a concept.
public struct SESATask: TrainingTask {
    public struct Batch: Sendable {
        let tokens: TokenBatch
        let rows: Int
        let relevant: Tensor
        /// Rows of all texts whose concepts are known, and these.
        let labelled: [Int32]
        let known: Tensor
    }

    public let model: ConceptEncoder
    let examples: ConceptExamples
    let tokens: TokenBatch
    let rows: [[Int]]
    let heldOut: [Int]
    let options: SESAOptions

    public var exampleCount: Int { rows.count }
    public var goal: MetricGoal? { heldOut.isEmpty ? nil : MetricGoal("auc", .max) }

    public func sampler(batchSize: Int, seed: UInt64) throws(KuklaError) -> any BatchSampler {
        guard batchSize > 1, exampleCount >= batchSize else {
            throw KuklaError(
                .usage,
                "Cannot train on \(exampleCount) texts and pairs in batches of \(batchSize): texts of a batch are compared with each other. Give a --batch-size from 2 to \(exampleCount), or more texts."
            )
        }
        return ShuffledSampler(count: exampleCount, batchSize: batchSize, seed: seed, droppingLast: true)
    }

    public func makeBatch(_ indices: [Int], random: inout RandomSource) -> Batch {
        let first = indices.map { rows[$0][0] }
        let second = indices.map { row in
            rows[row].count > 1 ? rows[row][1] : partner(of: rows[row][0], &random)
        }
        let sets = (first + second).map { Set(examples.known[$0]) }
        let n = indices.count
        let relevant = Tensor(shape: [n, n]) { out in
            for i in 0..<n {
                for j in 0..<n {
                    let isRelevant = i == j || !sets[i].isDisjoint(with: sets[n + j])
                    out[i * n + j] = isRelevant ? 1 : 0
                }
            }
        }
        let labelled = sets.indices.filter { !sets[$0].isEmpty }
        let width = examples.concepts.count
        let known = Tensor(shape: [labelled.count, width]) { out in
            out.update(repeating: 0)
            for (row, text) in labelled.enumerated() {
                for concept in sets[text] { out[row * width + concept] = 1 }
            }
        }
        return Batch(
            tokens: tokens.selecting(first + second), rows: n, relevant: relevant,
            labelled: labelled.map { Int32($0) }, known: known)
    }

    /// Another text of one of its concepts; the text itself where there is none.
    private func partner(of text: Int, _ random: inout RandomSource) -> Int {
        guard let concept = examples.known[text].randomElement(using: &random) else { return text }
        let others = examples.byConcept[concept]
        let kept = Set(heldOut)
        for _ in 0..<20 {
            let other = others[Int.random(in: others.indices, using: &random)]
            if other != text, !kept.contains(other) { return other }
        }
        return text
    }

    public func step(on batch: Batch, mode: ForwardMode) -> TrainingStep {
        let logits = model.logits(batch.tokens, mode: mode)
        let vectors = model.activations(logits)
        let n = batch.rows
        var losses: [(name: String, value: Tensor, weight: Float)] = [
            (
                "relevance",
                SESALoss.relevance(
                    vectors[rows: 0..<n], vectors[rows: n..<2 * n], relevant: batch.relevant,
                    relation: model.relevance.tensor), 1
            )
        ]
        if !options.isLatent {
            if !batch.labelled.isEmpty {
                losses.append(
                    (
                        "explicitness",
                        SESALoss.explicitness(logits.gathered(rows: batch.labelled), known: batch.known),
                        options.explicitness
                    ))
            }
            losses.append(("sparsity", SESALoss.sparsity(vectors), options.sparsity))
        }
        return TrainingStep(losses)
    }

    /// What stands behind a pretrained encoder begins from nothing: its rate is larger.
    public func parameterGroups(weightDecay: Float) -> [Optimizer.Group] {
        let factor: Float = if case .transformer = model.backbone { 20 } else { 1 }
        let (encoder, head) = (
            model.trainableParameters.filter { $0.path.hasPrefix("encoder.") },
            model.trainableParameters.filter { !$0.path.hasPrefix("encoder.") }
        )
        return [
            Optimizer.Group(encoder.filter { $0.parameter.shape.count > 1 }, weightDecay: weightDecay),
            Optimizer.Group(encoder.filter { $0.parameter.shape.count <= 1 }),
            Optimizer.Group(head, learningRateFactor: factor),
        ].filter { !$0.parameters.isEmpty }
    }

    /// The area under the ROC curve over all pairs of held-out texts, and the share of them whose largest concept is one of theirs.
    public func evaluate() -> [String: Double] {
        guard !heldOut.isEmpty else { return [:] }
        return Self.judge(
            model.vectors(tokens.selecting(heldOut)), known: heldOut.map { examples.known[$0] })
    }

    /// - Parameter vectors: need not be normalised.
    public static func judge(_ vectors: Matrix, known: [[Int]]) -> [String: Double] {
        var relevant: [Double] = []
        var others: [Double] = []
        let unit = withoutGradient { Tensor(vectors).normalized(epsilon: 1e-6) }.matrix
        let scores = unit.multiplied(by: unit, transposed: true)
        let sets = known.map { Set($0) }
        scores.withUnsafeBufferPointer { scores in
            for i in sets.indices {
                for j in sets.indices where j > i {
                    let score = Double(scores[i * sets.count + j])
                    if sets[i].isDisjoint(with: sets[j]) {
                        others.append(score)
                    } else {
                        relevant.append(score)
                    }
                }
            }
        }
        let best = Tensor(vectors).argmax()
        let named = zip(best, sets).count { $1.contains(Int($0)) }
        return [
            "auc": RankingArea.underROC(relevant: relevant, others: others),
            "top_concept": Double(named) / Double(max(sets.count, 1)),
        ]
    }
}
