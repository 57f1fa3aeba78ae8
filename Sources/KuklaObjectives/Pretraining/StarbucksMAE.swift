public import KuklaNN
public import KuklaNumerics
public import KuklaTensor
public import KuklaText

/// Masked auto-encoding at several sizes at once: what prepares a model for being cut to any of them.
///
/// At each size the state after the size's layers, cut to its dimensions, tells the hidden words through the shared head, and its first
/// token's, read by the head's transform, stands before a sentence of which more is hidden, which a decoder of one ordinary layer then
/// tells. `mean over sizes of (mlm + mae) / 2`. What the encoder does not see, the decoder does not see either.
/// *Source:* Zhuang et al. 2024, "Starbucks: improved training for 2D Matryoshka embeddings", arXiv:2410.13230.
public struct StarbucksMAE: PretrainingObjective {
    public let sizes: [ModelSize]
    /// Shares of the words' tokens that encoder and decoder do not see.
    public let encoderMask, decoderMask: Float

    /// - Precondition: there is a size; the decoder's share is not below the encoder's.
    public init(sizes: [ModelSize], encoderMask: Float = 0.2, decoderMask: Float = 0.4) {
        contract(
            !sizes.isEmpty && encoderMask <= decoderMask,
            "StarbucksMAE: \(sizes.count) sizes, masks of \(encoderMask) and \(decoderMask)")
        self.sizes = sizes
        self.encoderMask = encoderMask
        self.decoderMask = decoderMask
    }

    public var name: String { "smae" }

    public struct Batch: Sendable {
        let encoder, decoder: MaskedTexts
    }

    public func batch(
        _ texts: TokenBatch, _ masking: WordMasking, using random: inout RandomSource
    ) -> Batch {
        var inner: [[Bool]] = []
        var outer: [[Bool]] = []
        for text in 0..<texts.count {
            let (ids, words) = (texts[text], masking.words(of: texts[text]))
            let mask = WordMasking.mask(words, of: ids.count, rate: encoderMask, using: &random)
            inner.append(mask)
            outer.append(
                WordMasking.mask(words, of: ids.count, rate: decoderMask, including: mask, using: &random))
        }
        return Batch(
            encoder: MaskedTexts(texts, masks: inner, masking, using: &random),
            decoder: MaskedTexts(texts, masks: outer, masking, using: &random))
    }

    public func losses(
        of batch: Batch, _ model: PretrainingModel, mode: ForwardMode
    ) -> [(name: String, value: Tensor, weight: Float)] {
        let (encoder, words) = (model.encoder, model.encoder.wordTable)
        let states = encoder.hiddenStates(
            batch.encoder.tokens, layers: sizes.map(\.layers).max(), mode: mode)
        let hidden = batch.encoder.hidden
        let told = sizes.map { size in
            model.head.transform(
                states[size.layers].gathered(rows: hidden.rows).leading(size.dimensions))
        }
        let rebuilt = rebuilt(batch, states, model, .own, mode)
        func loss(_ parts: [Tensor], _ targets: [Int32]) -> Tensor {
            model.head.loss(
                Tensor.concatenated(parts, axis: 0), words: words,
                targets: parts.flatMap { _ in targets })
        }
        return [
            ("mlm", loss(told, hidden.ids), 0.5), ("mae", loss(rebuilt, batch.decoder.hidden.ids), 0.5),
        ]
    }

    /// What the decoder makes of the words that it does not see, for each size, through the head's transform.
    private func rebuilt(
        _ batch: Batch, _ states: [Tensor], _ model: PretrainingModel, _ sentence: SentenceVector,
        _ mode: ForwardMode
    ) -> [Tensor] {
        let tokens = batch.decoder.tokens
        let lengths = tokens.lengths
        let embedded = model.encoder.embedded(tokens.ids, lengths: lengths, mode: mode)
        return sizes.map { size in
            let vectors = model.head.transform(
                states[size.layers].firstRows(lengths).leading(size.dimensions))
            let x = embedded.replacingFirst(lengths, by: sentence.replacing(vectors))
            let out = model.decoder(x, AttentionContext(lengths: lengths, mode: mode))
            return model.head.transform(out.gathered(rows: batch.decoder.hidden.rows))
        }
    }

    /// The cross-entropy of the encoder's and the decoder's hidden words at each size, in nats.
    package func crossEntropies(
        of batch: Batch, _ model: PretrainingModel, sentence: SentenceVector = .own
    ) -> [(encoder: Double, decoder: Double)] {
        withoutGradient {
            let words = model.encoder.wordTable
            let states = model.encoder.hiddenStates(batch.encoder.tokens)
            let hidden = batch.encoder.hidden
            return zip(sizes, rebuilt(batch, states, model, sentence, .inference)).map { size, rebuilt in
                let told = model.head.transform(
                    states[size.layers].gathered(rows: hidden.rows).leading(size.dimensions))
                return (
                    Double(model.head.loss(told, words: words, targets: hidden.ids).item),
                    Double(
                        model.head.loss(rebuilt, words: words, targets: batch.decoder.hidden.ids).item)
                )
            }
        }
    }
}

extension Tensor {
    /// The leading components of each row.
    fileprivate func leading(_ count: Int) -> Tensor {
        count == shape[1] ? self : slice(axis: 1, 0..<count)
    }
}
