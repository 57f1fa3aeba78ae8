public import KuklaNN
public import KuklaNumerics
public import KuklaTensor
public import KuklaText

/// Duplex masked auto-encoding: the first token's vector must suffice to rebuild the sentence, and the other tokens' to tell its bag of
/// words.
///
/// `decoder + bowWeight * bow + mlm`: an enhanced decoder rebuilds every token through a mask of its own for each; the greatest logits
/// over the ordinary tokens, as a softmax over the vocabulary, are held against the sentence's distinct words, each weighing 1 / length
/// (repeats do not count); and the encoder tells the words that it does not see.
/// *Source:* Xiao and Liu 2022, "RetroMAE v2: duplex masked auto-encoder for pre-training retrieval-oriented language models",
/// arXiv:2211.08769.
public struct DupMAE: PretrainingObjective {
    /// Shares of the words' tokens that the encoder, and each row of the decoder, do not see.
    public let encoderMask, decoderMask: Float
    public let bowWeight: Float
    /// The share of the tokens whose rebuilding is computed in a step, drawn anew: an estimate of all at less cost.
    public let decoderShare: Float

    public init(
        encoderMask: Float = 0.3, decoderMask: Float = 0.5, bowWeight: Float = 0.1, decoderShare: Float = 1
    ) {
        self.encoderMask = encoderMask
        self.decoderMask = decoderMask
        self.bowWeight = bowWeight
        self.decoderShare = decoderShare
    }

    public var name: String { "dupmae" }

    public struct Batch: Sendable {
        /// Without anything hidden.
        let texts: TokenBatch
        let encoder: MaskedTexts
        let decoder: RowMasks
    }

    public func batch(
        _ texts: TokenBatch, _ masking: WordMasking, using random: inout RandomSource
    ) -> Batch {
        Batch(
            texts: texts, encoder: MaskedTexts(texts, rate: encoderMask, masking, using: &random),
            decoder: RowMasks(
                texts, rate: decoderMask, share: decoderShare, masking, using: &random))
    }

    public func losses(
        of batch: Batch, _ model: PretrainingModel, mode: ForwardMode
    ) -> [(name: String, value: Tensor, weight: Float)] {
        let words = model.encoder.wordTable
        let states = model.encoder.tokenVectors(batch.encoder.tokens, mode: mode)
        let transformed = model.head.transform(states)
        let bag = transformed.maximumLogits(
            table: words, bias: model.head.bias.tensor, lengths: batch.texts.lengths)
        let hidden = batch.encoder.hidden
        return [
            ("decoder", rebuilding(batch, states, model, .own, mode), 1),
            (
                "bow",
                bag.crossEntropy(
                    probabilities: Self.bags(batch.texts, vocabulary: model.encoder.vocabularySize)),
                bowWeight
            ),
            (
                "mlm",
                model.head.loss(
                    transformed.gathered(rows: hidden.rows), words: words, targets: hidden.ids), 1
            ),
        ]
    }

    /// What each word weighs in each text, `[texts, vocabulary]`: 1 / length for those that occur, special tokens left out.
    package static func bags(_ texts: TokenBatch, vocabulary: Int) -> Tensor {
        Tensor(shape: [texts.count, vocabulary]) { out in
            out.update(repeating: 0)
            for text in 0..<texts.count {
                let ordinary = texts[text].dropFirst().dropLast()
                for id in ordinary { out[text * vocabulary + Int(id)] = 1 / Float(ordinary.count) }
            }
        }
    }

    private func rebuilding(
        _ batch: Batch, _ states: Tensor, _ model: PretrainingModel, _ sentence: SentenceVector,
        _ mode: ForwardMode
    ) -> Tensor {
        let (lengths, masks) = (batch.texts.lengths, batch.decoder)
        let vectors = sentence.replacing(states.firstRows(lengths))
        let queries = model.encoder.embedded(
            vectors.gathered(rows: masks.owners), at: masks.places, mode: mode)
        // Not masked: what each row may not see, its mask hides.
        let memory = model.encoder.embedded(batch.texts.ids, lengths: lengths, mode: mode)
            .replacingFirst(lengths, by: vectors)
        let rebuilt = EnhancedDecoder(layer: model.decoder)(
            queries: queries, memory: memory, lengths: lengths, masks: masks, mode: mode)
        return model.head.loss(
            model.head.transform(rebuilt), words: model.encoder.wordTable, targets: masks.asked.ids)
    }

    /// The decoder's cross-entropy in nats, with something else in place of the sentence's vector.
    package func decoderCrossEntropy(
        of batch: Batch, _ model: PretrainingModel, sentence: SentenceVector
    ) -> Double {
        withoutGradient {
            Double(
                rebuilding(
                    batch, model.encoder.tokenVectors(batch.encoder.tokens), model, sentence, .inference
                ).item)
        }
    }
}
