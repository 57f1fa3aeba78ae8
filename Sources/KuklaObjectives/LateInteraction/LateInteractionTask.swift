public import KuklaNN
public import KuklaNumerics
import KuklaTensor

/// Training of a late-interaction head on what a frozen text encoder gives for each token.
public struct LateInteractionTask: TrainingTask {
    /// Some rows of the examples: the states of their queries, and of the documents column by column.
    public struct Batch: Sendable {
        let queries, documents: VectorSets
    }

    public let model: LateInteractionHead
    /// What the encoder gives for the tokens of every different text.
    let states: VectorSets
    /// Numbers of texts among `states`: a query, its document, and maybe documents unlike it.
    let rows: [[Int32]]
    let loss: LateInteractionLoss
    /// How the head is judged; nil where it is not.
    let judge: Judge?

    /// Metrics of a head by name, the goal among them; larger is better.
    public typealias Judge = (
        goal: String, metrics: @Sendable (LateInteractionHead) throws(KuklaError) -> [String: Double]
    )

    /// - Precondition: the rows are alike in length, of two or more numbers of sets that are not empty.
    public init(
        model: LateInteractionHead, states: VectorSets, rows: [[Int32]], loss: LateInteractionLoss,
        judge: Judge? = nil
    ) {
        contract(
            rows.allSatisfy { $0.count == rows[0].count && $0.count >= 2 },
            "LateInteractionTask: rows of different length, or without document")
        self.model = model
        self.states = states
        self.rows = rows
        self.loss = loss
        self.judge = judge
    }

    public var exampleCount: Int { rows.count }
    public var goal: MetricGoal? { judge.map { MetricGoal($0.goal, .max) } }

    public func sampler(batchSize: Int, seed: UInt64) throws(KuklaError) -> any BatchSampler {
        try DistinctTextSampler.checked(identities: rows, batchSize: batchSize, seed: seed)
    }

    public func makeBatch(_ indices: [Int], random: inout RandomSource) -> Batch {
        func texts(_ column: Int) -> [Int] { indices.map { Int(rows[$0][column]) } }
        return Batch(
            queries: states.gathering(texts(0)),
            documents: states.gathering((1..<rows[0].count).flatMap(texts)))
    }

    public func step(on batch: Batch, mode: ForwardMode) -> TrainingStep {
        func embedded(_ sets: VectorSets) -> (Tensor, SequenceLengths) {
            (
                model(Tensor(sets.vectors), mode: mode),
                SequenceLengths((0..<sets.count).lazy.map { sets.rows(of: $0).count })
            )
        }
        let (queries, queryLengths) = embedded(batch.queries)
        let (documents, documentLengths) = embedded(batch.documents)
        return TrainingStep(
            "contrastive", loss(queries: queries, queryLengths, documents: documents, documentLengths))
    }

    public func evaluate() throws(KuklaError) -> [String: Double] { try judge?.metrics(model) ?? [:] }
}
