public import KuklaCodecs
public import KuklaNN
public import KuklaNumerics
import KuklaTensor

/// Training of recurrent binary codes from vectors alone, or from pairs of vectors.
///
/// Queries are both the float activations and the codes of a row, candidates are codes, as in use. With `compatible`, the same
/// queries must also find the codes that an older codec gave the same rows: new queries then search old codes.
///
/// *Source:* Gan et al. 2023, doi:10.1145/3580305.3599782, for the contrastive loss and for compatibility.
public struct BinaryTask: TrainingTask {
    /// An older codec, and what it codes of each row.
    public struct Compatible: Sendable {
        let codec: RecurrentBinaryCodec
        let vectors: Matrix

        /// - Parameter vectors: what `codec` takes, `[n, codec.dimensions]`, row i of what becomes example i (the partner, where there
        ///   are pairs); rows of length 1.
        public init(codec: RecurrentBinaryCodec, vectors: Matrix) {
            contract(
                vectors.columns == codec.dimensions,
                "BinaryTask: \(vectors.columns) columns, older codec of \(codec.dimensions)")
            self.codec = codec
            self.vectors = vectors
        }

        func selecting(_ rows: Range<Int>) -> Compatible {
            Compatible(codec: codec, vectors: vectors[rows: rows])
        }
    }

    /// Some rows of the examples.
    public struct Batch: Sendable {
        let vectors: Tensor
        let partners: Tensor?
        /// Codes by the older codec.
        let stored: Tensor?
    }

    public let model: RecurrentBinaryModule
    /// `[n, d]`, rows of length 1.
    let vectors: Matrix
    /// Partners of the rows, alike.
    let partners: Matrix?
    let compatible: Compatible?
    let options: BinaryOptions
    let judge: BinaryJudge?
    /// What the older codec takes of the judge's candidates.
    let judgedByOlder: Compatible?

    /// - Parameters:
    ///   - partners: `[n, d]`; what row i belongs together with.
    ///   - judge: how the codes are judged; nil where they are not.
    ///   - judgedByOlder: the older codec with the judge's candidates.
    public init(
        model: RecurrentBinaryModule, vectors: Matrix, partners: Matrix? = nil, compatible: Compatible? = nil,
        options: BinaryOptions = BinaryOptions(), judge: BinaryJudge? = nil,
        judgedByOlder: Compatible? = nil
    ) {
        contract(
            vectors.columns == model.dimensions && partners.map { $0.rows == vectors.rows } ?? true
                && compatible.map { $0.vectors.rows == vectors.rows } ?? true,
            "BinaryTask: \(vectors.rows) vectors of \(vectors.columns) dimensions for a model of \(model.dimensions), or as many others"
        )
        contract(
            options.loss != .contrastive || partners != nil, "BinaryTask: the contrastive loss needs partners"
        )
        self.model = model
        self.vectors = vectors
        self.partners = partners
        self.compatible = compatible
        self.options = options
        self.judge = judge
        self.judgedByOlder = judgedByOlder
    }

    private var loss: BinaryOptions.Loss {
        options.loss ?? (partners == nil ? .distillation : .contrastive)
    }

    public var exampleCount: Int { vectors.rows }
    public var goal: MetricGoal? {
        judge.map { MetricGoal(judgedByOlder == nil ? $0.name : "old_\($0.name)", .max) }
    }

    public func sampler(batchSize: Int, seed: UInt64) throws(KuklaError) -> any BatchSampler {
        guard batchSize > 1, exampleCount >= batchSize else {
            throw KuklaError(
                .usage,
                "Cannot train on \(exampleCount) vectors in batches of \(batchSize): rows of a batch are compared with each other. Give a --batch-size from 2 to \(exampleCount), or more vectors."
            )
        }
        return ShuffledSampler(count: exampleCount, batchSize: batchSize, seed: seed, droppingLast: true)
    }

    public func makeBatch(_ indices: [Int], random: inout RandomSource) -> Batch {
        Batch(
            vectors: Tensor(vectors.gathering(rows: indices)),
            partners: partners.map { Tensor($0.gathering(rows: indices)) },
            stored: compatible.map {
                Tensor($0.codec.wholeCodes(of: $0.vectors.gathering(rows: indices)))
            })
    }

    public func step(on batch: Batch, mode: ForwardMode) -> TrainingStep {
        let found = model(batch.vectors, mode: mode)
        let other = batch.partners ?? batch.vectors
        let partners = batch.partners.map { model($0, mode: mode) } ?? found
        func compared(with candidates: Tensor) -> Tensor {
            let columns = candidates.shape[1]
            let (activations, codes) = (found.activations, found.codes)
            return [activations, codes].map { queries in
                let queries = queries.slice(axis: 1, 0..<columns)
                switch loss {
                case .distillation:
                    return SimilarityDistillation(temperature: options.temperature)(
                        queries, candidates,
                        like: batch.vectors.matmul(other, transposingOther: true))
                case .contrastive:
                    let alike = other.matmul(other, transposingOther: true)
                    return HardestNegativesLoss(
                        temperature: options.temperature, negatives: options.hardNegatives)(
                            queries, candidates, twins: alike.map { $0 > 0.9999 ? 1 : 0 })
                }
            }.reduce(Tensor(0)) { $0 + $1 } / 2
        }
        var losses: [(name: String, value: Tensor, weight: Float)] = [
            (loss.rawValue, compared(with: partners.codes), 1),
            ("decoding", 1 - (found.decoded * batch.vectors).sum() / Float(batch.vectors.shape[0]), 1),
        ]
        if let stored = batch.stored { losses.append(("compatible", compared(with: stored), 1)) }
        return TrainingStep(losses)
    }

    /// The recall of float queries, and with an older codec that of float queries on its codes (`old_...`).
    public func evaluate() throws(KuklaError) -> [String: Double] {
        guard let judge else { return [:] }
        let codec = model.codec
        var metrics = [
            judge.name: judge.recall(
                storedBy: codec, judge.candidates, codec.scorer(for: judge.queries)),
            "symmetric_\(judge.name)": judge.recall(
                storedBy: codec, judge.candidates, codec.symmetricScorer(for: judge.queries)),
        ]
        if let older = judgedByOlder {
            metrics["old_\(judge.name)"] = judge.recall(
                storedBy: older.codec, older.vectors,
                codec.scorer(for: judge.queries, against: older.codec))
        }
        return metrics
    }
}
