public import KuklaNN
public import KuklaNumerics
import KuklaTensor
public import KuklaText

/// Training of a `RetrofitMap` on pairs of frozen vectors that are alike under an aspect.
///
/// Neighbours that must keep their distance are drawn from the nearest of another label: those of the pair's own label are no
/// negatives.
public struct RetrofitTask: TrainingTask {
    public struct Batch: Sendable { let original: RetrofittingLoss.Columns }

    public let model: RetrofitMap
    let vectors: Matrix
    let rows: [[Int]]
    /// The nearest texts of another label, for each text that stands in a row.
    private let others: [Int: [Int]]
    let options: AspectOptions
    /// Texts to judge by, with the labels of all.
    let heldOut: [Int]
    let labels: [Int32]

    /// - Parameters:
    ///   - vectors: of all texts, rows of length 1.
    ///   - labels: of all texts.
    ///   - rows: numbers of two texts each that are alike.
    ///   - heldOut: numbers of the texts to judge by.
    public init(
        model: RetrofitMap, vectors: Matrix, labels: [Int32], rows: [[Int]], heldOut: [Int] = [],
        options: AspectOptions = AspectOptions()
    ) {
        contract(
            labels.count == vectors.rows && vectors.columns == model.dimensions
                && rows.allSatisfy { $0.count == 2 },
            "RetrofitTask: \(labels.count) labels for \(vectors.rows) vectors, or rows that are no pairs")
        self.model = model
        self.vectors = vectors
        self.rows = rows
        self.heldOut = heldOut
        self.labels = labels
        self.options = options
        let used = Set(rows.joined()).sorted()
        let scores = LabelRetrieval(vectors.gathering(rows: used), count: 4 * options.neighbours)
        var others: [Int: [Int]] = [:]
        for (place, text) in used.enumerated() {
            let found = scores.neighbours[place].lazy.map { used[$0] }.filter { labels[$0] != labels[text] }
            others[text] = Array(found.prefix(options.neighbours))
        }
        self.others = others
    }

    public var exampleCount: Int { rows.count }
    public var goal: MetricGoal? { heldOut.isEmpty ? nil : MetricGoal(AspectTraining.goal, .max) }

    public func makeBatch(_ indices: [Int], random: inout RandomSource) -> Batch {
        func drawn(_ side: Int) -> Tensor {
            let texts = indices.flatMap { row in
                let text = rows[row][side]
                // A text among its own label only: any text of the batch keeps its distance.
                let near = others[text].flatMap { $0.isEmpty ? nil : $0 } ?? indices.map { rows[$0][side] }
                return (0..<options.negatives).map { _ in
                    near[Int.random(in: near.indices, using: &random)]
                }
            }
            return Tensor(vectors.gathering(rows: texts))
        }
        return Batch(
            original: .init(
                first: Tensor(vectors.gathering(rows: indices.map { rows[$0][0] })),
                second: Tensor(vectors.gathering(rows: indices.map { rows[$0][1] })),
                firstNeighbours: drawn(0), secondNeighbours: drawn(1)))
    }

    public func step(on batch: Batch, mode: ForwardMode) -> TrainingStep {
        TrainingStep(
            "retrofitting",
            RetrofittingLoss(regularization: options.regularization)(
                mapped: batch.original.map { model($0) }, original: batch.original))
    }

    public func evaluate() -> [String: Double] {
        guard !heldOut.isEmpty else { return [:] }
        return AspectTraining.judge(
            model.mapped(vectors.gathering(rows: heldOut)), labels: heldOut.map { labels[$0] })
    }
}
