public import Foundation
public import KuklaFormats
import KuklaNN
public import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import KuklaText

/// A few examples of one task, by which merged models are judged: rows of texts that belong together, or pairs with scores.
///
/// Pairs with scores are judged by `CoSENTLoss`, all others by `MultipleNegativesRankingLoss`, both at temperature 0.05.
public struct MergeProbe: Sendable {
    public let name: String
    let rows: [[String]]
    /// One a row; empty where there are none.
    let scores: [Float]

    public init(name: String, rows: [[String]]) { (self.name, self.rows, scores) = (name, rows, []) }

    public init(name: String, scored pairs: [SentencePair]) {
        self.name = name
        rows = pairs.map { [$0.first, $0.second] }
        scores = pairs.map { Float($0.score) }
    }

    /// Reads scored pairs where the file has scores, else texts that belong together.
    ///
    /// - Throws: as `SentencePair.readAll` and `TextTuples.readAll`.
    public init(_ url: URL) throws(KuklaError) {
        let name = url.lastPathComponent
        if try SentencePair.hasScores(url) {
            self.init(name: name, scored: try SentencePair.readAll(url))
        } else {
            self.init(name: name, rows: try TextTuples.readAll(url).rows)
        }
    }

    /// The number of rows.
    public var count: Int { rows.count }
}

/// Probes as losses of a model: batches of each task in turn, so that each counts the same whatever its number of examples.
///
/// A task's loss is divided by that of the model when the objective was made (the base's): losses of different kinds become shares of
/// what was there before.
struct ProbeObjective {
    private struct Task {
        let task: EncoderTask
        let batches: [TextExampleBatch]
        var scale = 1.0
    }

    private var tasks: [Task] = []

    /// - Throws: `KuklaError`: `usage` where a probe has fewer rows than a batch; `badData` where too many share texts.
    init(
        _ probes: [MergeProbe], model: TextEncoderModule, tokenizer: WordPieceTokenizer, batchSize: Int,
        maximumTokens: Int?, seed: UInt64
    ) throws(KuklaError) {
        for probe in probes {
            guard probe.count >= batchSize else {
                throw KuklaError(
                    .badData,
                    "Cannot judge merges by \(probe.name): it has \(probe.count) rows, expected at least a batch of \(batchSize). Give more, or a smaller --batch-size."
                )
            }
            let loss: any EmbeddingLoss =
                probe.scores.isEmpty ? MultipleNegativesRankingLoss() : CoSENTLoss()
            let task = EncoderTask(
                model: model,
                examples: TextExamples(
                    rows: probe.rows, scores: probe.scores, tokenizer: tokenizer,
                    maximumLength: min(maximumTokens ?? .max, model.maximumLength),
                    threads: TensorThreads.count),
                loss: WholeModelLoss(loss, layers: model.layerCount),
                needsDistinctTexts: probe.scores.isEmpty)
            let rows = try task.sampler(batchSize: batchSize, seed: seed).batches(inEpoch: 0)
                .filter { $0.count == batchSize }
            var random = RandomSource(seed: seed)
            var found = Task(task: task, batches: rows.map { task.makeBatch($0, random: &random) })
            // A scale need not be exact.
            let first = found.batches.prefix(4)
            let before = first.reduce(0) { $0 + Double(task.loss(of: $1)) }
            // A loss of 0 has nothing to lose.
            if before > 0 { found.scale = Double(first.count) / before }
            tasks.append(found)
        }
    }

    /// The tasks, over which steps go in turn.
    var count: Int { tasks.count }

    /// Steps until every batch was seen, some of smaller tasks more than once.
    var batchCount: Int { tasks.count * (tasks.map(\.batches.count).max() ?? 0) }

    /// Runs the model over a step's batch, without gradient.
    func pass(_ step: Int) {
        let task = tasks[step % tasks.count]
        _ = task.task.loss(of: task.batches[step / tasks.count % task.batches.count])
    }

    /// The loss of a step's batch and its gradient.
    func callAsFunction(_ step: Int) -> (value: Double, gradients: Gradients) {
        let task = tasks[step % tasks.count]
        var found = task.task.step(
            on: task.batches[step / tasks.count % task.batches.count], mode: .inference)
        found.gradients.scale(by: Float(task.scale))
        return (found.total * task.scale, found.gradients)
    }
}
