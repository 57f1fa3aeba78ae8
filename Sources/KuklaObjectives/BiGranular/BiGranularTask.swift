public import KuklaNN
public import KuklaNumerics
package import KuklaTensor

/// Training of a head, with or without codes, to find the documents that answer queries among those of the batch.
///
/// The loss of a query is the cross-entropy of inner products over the positives and the negatives of the whole batch, without
/// those that also answer it; with codes the same once more over quantised documents.
/// *Source:* Xiao et al. 2022, arXiv:2201.05409.
public struct BiGranularTask: TrainingTask {
    public struct Batch: Sendable {
        let queries: Tensor
        /// Those of the positives, then of the negatives.
        let documents: Tensor
        /// 0, or far below everything where a document answers a query that it does not stand beside.
        package let mask: Tensor
    }

    public let model: BiGranularModel
    let queries: Matrix
    let documents: Matrix
    let graph: CandidateGraph
    let walk: LocalityCentricSampler.Walk
    let options: BiGranularOptions
    let judge: BiGranularJudge?

    /// - Parameters:
    ///   - queries: `[graph.queryCount, d]` of the frozen model.
    ///   - documents: `[graph.documentCount, d]` of the frozen model.
    public init(
        model: BiGranularModel, queries: Matrix, documents: Matrix, graph: CandidateGraph,
        walk: LocalityCentricSampler.Walk, options: BiGranularOptions, judge: BiGranularJudge? = nil
    ) {
        contract(
            queries.rows == graph.queryCount && documents.rows == graph.documentCount
                && queries.columns == documents.columns,
            "BiGranularTask: \(queries.rows) queries, \(documents.rows) documents for a graph of \(graph.queryCount) and \(graph.documentCount)"
        )
        self.model = model
        self.queries = queries
        self.documents = documents
        self.graph = graph
        self.walk = walk
        self.options = options
        self.judge = judge
    }

    public var exampleCount: Int { graph.queryCount }
    public var goal: MetricGoal? { judge.map { MetricGoal($0.name(for: model), .max) } }

    public func sampler(batchSize: Int, seed: UInt64) throws(KuklaError) -> any BatchSampler {
        guard batchSize > 1 else {
            throw KuklaError(
                .usage,
                "Cannot train in batches of \(batchSize): queries of a batch are compared with each other's documents. Give a --batch-size of at least 2."
            )
        }
        return LocalityCentricSampler(graph, batchSize: batchSize, walk: walk, seed: seed)
    }

    public func makeBatch(_ indices: [Int], random: inout RandomSource) -> Batch {
        let triples = indices.map(graph.triple(of:))
        let columns = triples.map(\.positive) + triples.map(\.negative)
        let mask = Tensor(shape: [triples.count, columns.count]) { out in
            for (row, triple) in triples.enumerated() {
                for (column, document) in columns.enumerated() {
                    let isOther = column != row && graph.answers(triple.query, document)
                    out[row * columns.count + column] = isOther ? -1e4 : 0
                }
            }
        }
        return Batch(
            queries: Tensor(queries.gathering(rows: triples.map(\.query))),
            documents: Tensor(documents.gathering(rows: columns)), mask: mask)
    }

    public func step(on batch: Batch, mode: ForwardMode) -> TrainingStep {
        let queries = model(batch.queries)
        let documents = model(batch.documents)
        let loss = MaskedRankingLoss(temperature: options.temperature)
        var losses: [(name: String, value: Tensor, weight: Float)] = [
            ("dense", loss(queries, documents, mask: batch.mask), 1)
        ]
        if let codes = model.codes {
            let turned = codes.turned(documents)
            let quantized = codes.quantized(turned)
            losses.append(("codes", loss(codes.turned(queries), quantized, mask: batch.mask), 1))
            let difference = turned - quantized
            losses.append(
                ("rate", (difference * difference).sum() / Float(documents.shape[0]), options.rateWeight))
        }
        return TrainingStep(losses)
    }

    public func evaluate() throws(KuklaError) -> [String: Double] {
        judge.map { [$0.name(for: model): $0.value(of: model)] } ?? [:]
    }
}

/// The cross-entropy of inner products, divided by `temperature` and the number of components: row i of `documents` answers
/// query i.
///
/// *Shapes:* `queries` `[n, d]`, `documents` `[m, d]` with `m >= n`, `mask` `[n, m]` is added to the logits; the result is a scalar.
/// A layer norm makes vectors of squared length d, so that the temperature is that of cosines.
package struct MaskedRankingLoss {
    let temperature: Float

    package init(temperature: Float) { self.temperature = temperature }

    package func callAsFunction(_ queries: Tensor, _ documents: Tensor, mask: Tensor) -> Tensor {
        let scale = 1 / (temperature * Float(queries.shape[1]))
        let logits = queries.matmul(documents, transposingOther: true) * scale + mask
        return logits.crossEntropy(targets: (0..<Int32(queries.shape[0])).map { $0 })
    }
}
