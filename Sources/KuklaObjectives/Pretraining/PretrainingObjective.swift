public import KuklaNN
public import KuklaNumerics
public import KuklaTensor
public import KuklaText

/// What is hidden of texts, and what a model loses by not telling it.
public protocol PretrainingObjective: Sendable {
    /// Texts with what was drawn for them.
    associatedtype Batch: Sendable

    /// What logs call it.
    var name: String { get }

    /// Draws what is hidden.
    func batch(_ texts: TokenBatch, _ masking: WordMasking, using random: inout RandomSource) -> Batch

    /// Scalars by name; what is minimised is their weighted sum.
    func losses(
        of batch: Batch, _ model: PretrainingModel, mode: ForwardMode
    ) -> [(name: String, value: Tensor, weight: Float)]
}

/// Words are hidden, and the encoder tells them: BERT's first objective.
///
/// *Source:* Devlin et al. 2019, doi:10.18653/v1/N19-1423.
public struct MaskedLanguageModeling: PretrainingObjective {
    /// The share of the words' tokens that are hidden.
    public let rate: Float

    public init(rate: Float = 0.15) { self.rate = rate }

    public var name: String { "mlm" }

    public struct Batch: Sendable { let texts: MaskedTexts }

    public func batch(
        _ texts: TokenBatch, _ masking: WordMasking, using random: inout RandomSource
    ) -> Batch {
        Batch(texts: MaskedTexts(texts, rate: rate, masking, using: &random))
    }

    public func losses(
        of batch: Batch, _ model: PretrainingModel, mode: ForwardMode
    ) -> [(name: String, value: Tensor, weight: Float)] {
        let states = model.encoder.tokenVectors(batch.texts.tokens, mode: mode)
        let hidden = batch.texts.hidden
        return [
            (
                "mlm",
                model.head.loss(
                    model.head.transform(states.gathered(rows: hidden.rows)),
                    words: model.encoder.wordTable, targets: hidden.ids), 1
            )
        ]
    }
}

/// What stands for a sentence where a decoder rebuilds it: its own vector, or another to see how much that one tells.
package enum SentenceVector: Sendable {
    case own, zero
    /// The next sentence's of the batch.
    case another

    /// *Shapes:* `[sentences, width]` in and out.
    func replacing(_ vectors: Tensor) -> Tensor {
        switch self {
        case .own: vectors
        case .zero: .zeros(vectors.shape)
        case .another:
            vectors.gathered(rows: (0..<Int32(vectors.shape[0])).map { ($0 + 1) % Int32(vectors.shape[0]) })
        }
    }
}

extension Tensor {
    /// Packed tokens with the first of each sequence replaced by a row of `vectors [sequences, width]`.
    func replacingFirst(_ lengths: SequenceLengths, by vectors: Tensor) -> Tensor {
        var rows = (0..<Int32(lengths.total)).map { $0 }
        for sequence in 0..<lengths.count where !lengths[sequence].isEmpty {
            rows[lengths.offsets[sequence]] = Int32(lengths.total + sequence)
        }
        return Tensor.concatenated([self, vectors], axis: 0).gathered(rows: rows)
    }

    /// The first row of each sequence.
    func firstRows(_ lengths: SequenceLengths) -> Tensor {
        gathered(rows: lengths.offsets.dropLast().map { Int32($0) })
    }
}
