public import KuklaNN
public import KuklaNumerics
import KuklaTensor
public import KuklaText

/// A pre-trained encoder that gives hybrid representations: the first token's vector through a linear layer, and the heaviest words of
/// the others.
///
/// Both parts are scaled to length 1, so that neither drowns the other and a score lies within -2...2: a choice of ours, where the paper
/// adds plain inner products.
public struct HybridEncoder: Module {
    public let model: PretrainingModel
    /// `[dimensions, hidden size]`; nil where the first token's vector is taken whole.
    public let projection: Linear?
    /// Words that are kept of a text; 0 for none.
    public let lexicalCount: Int

    /// - Parameter dimensions: of the dense part; the hidden size where nil.
    public init(
        _ model: PretrainingModel, dimensions: Int? = nil, lexicalCount: Int,
        using random: inout RandomSource
    ) {
        self.model = model
        self.lexicalCount = min(lexicalCount, model.encoder.vocabularySize)
        let width = model.encoder.hiddenSize
        projection = dimensions.map {
            Linear(
                weight: .normal([$0, width], deviation: 1 / Float($0).squareRoot(), using: &random))
        }
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("encoder", model.encoder)
        if lexicalCount > 0 { visitor.visit("head", model.head) }
        visitor.visit("projection", projection)
    }

    /// The dense part, and the words' weights `[texts, vocabulary]`, zero but for those that are kept.
    func parts(_ texts: TokenBatch, mode: ForwardMode) -> (dense: Tensor, words: Tensor?) {
        let lengths = texts.lengths
        let states = model.encoder.tokenVectors(texts, mode: mode)
        let first = states.firstRows(lengths)
        let dense = (projection.map { $0(first, mode: mode) } ?? first).normalized()
        guard lexicalCount > 0 else { return (dense, nil) }
        let bag = model.head.transform(states).maximumLogits(
            table: model.encoder.wordTable, bias: model.head.bias.tensor, lengths: lengths)
        let width = bag.shape[1]
        let kept = bag.detached.topK(lexicalCount).indices
        let mask = Tensor(shape: bag.shape) { out in
            out.update(repeating: 0)
            for (at, word) in kept.enumerated() { out[at / lexicalCount * width + Int(word)] = 1 }
        }
        return (dense, (bag * mask).normalized())
    }

    /// The scores of all queries with all documents, `[queries, documents]`.
    func scores(queries: TokenBatch, documents: TokenBatch, mode: ForwardMode) -> Tensor {
        let (asked, found) = (parts(queries, mode: mode), parts(documents, mode: mode))
        let dense = asked.dense.matmul(found.dense, transposingOther: true)
        guard let words = asked.words, let others = found.words else { return dense }
        return dense + words.matmul(others, transposingOther: true)
    }

    /// Texts in batches of about equal length, without recording.
    public func represent(
        _ texts: [String], tokenizer: WordPieceTokenizer, maximumLength: Int
    ) -> HybridRepresentation {
        let all = tokenizer.encode(texts, maxLength: maximumLength, threads: TensorThreads.count)
        let order = (0..<all.count).sorted { (all[$0].count, $0) < (all[$1].count, $1) }
        var rows = [[Float]](repeating: [], count: texts.count)
        var lexical = [LexicalVector](repeating: LexicalVector(ids: [], weights: []), count: texts.count)
        var rest = order[...]
        while !rest.isEmpty {
            var batch: [Int] = []
            var tokens = 0
            while let next = rest.first, batch.isEmpty || tokens + all[next].count <= 4_096 {
                batch.append(next)
                tokens += all[next].count
                rest.removeFirst()
            }
            let (dense, words) = withoutGradient { parts(all.selecting(batch), mode: .inference) }
            let matrix = dense.matrix
            for (row, text) in batch.enumerated() {
                rows[text] = Array(matrix.row(row))
                guard let words = words?.matrix else { continue }
                words.withUnsafeRow(row) { weights in
                    let ids = weights.indices.filter { weights[$0] != 0 }
                    lexical[text] = LexicalVector(
                        ids: ids.map { Int32($0) }, weights: ids.map { weights[$0] })
                }
            }
        }
        let dimensions = projection?.outputDimensions ?? model.encoder.hiddenSize
        return HybridRepresentation(
            dense: Matrix(rows: texts.count, columns: dimensions, elements: rows.flatMap { $0 }),
            lexical: lexical)
    }
}

/// Fine-tuning of a `HybridEncoder` on pairs of a query and its document, the batch's other documents against it.
public struct HybridTask: TrainingTask {
    public let model: HybridEncoder
    let examples: TextExamples
    let temperature: Float

    /// - Precondition: two texts in each row of the examples.
    public init(model: HybridEncoder, examples: TextExamples, temperature: Float = 0.05) {
        self.model = model
        self.examples = examples
        self.temperature = temperature
    }

    public var exampleCount: Int { examples.count }

    public func sampler(batchSize: Int, seed: UInt64) throws(KuklaError) -> any BatchSampler {
        try DistinctTextSampler.checked(
            identities: examples.identities, batchSize: batchSize, seed: seed)
    }

    public func makeBatch(_ indices: [Int], random: inout RandomSource) -> TextExampleBatch {
        examples.batch(indices)
    }

    public func step(on batch: TextExampleBatch, mode: ForwardMode) -> TrainingStep {
        let scores = model.scores(
            queries: batch.tokens.selecting(0..<batch.rows),
            documents: batch.tokens.selecting(batch.rows..<2 * batch.rows), mode: mode)
        return TrainingStep(
            "contrastive",
            (scores * (1 / temperature)).crossEntropy(targets: (0..<Int32(batch.rows)).map { $0 }))
    }
}
