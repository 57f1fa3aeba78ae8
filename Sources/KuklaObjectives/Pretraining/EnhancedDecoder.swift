package import KuklaNN
package import KuklaNumerics
package import KuklaTensor
package import KuklaText

/// Which tokens each query of the enhanced decoder sees: words drawn anew for each row, and never the token that it has to tell.
///
/// At most 256 draws are made for a text; each row takes one of them.
package struct RowMasks: Sendable {
    /// The rows that have to be told, among all tokens of the batch, with their ids and places in their texts.
    package private(set) var asked = HiddenTokens()
    package private(set) var places: [Int32] = []
    /// How many rows of each text are asked for.
    package let queries: SequenceLengths
    /// For each query, whether it sees each token of its text; text after text.
    package private(set) var isVisible: [Bool] = []

    /// - Parameters:
    ///   - rate: the share of the words' tokens that a row does not see.
    ///   - share: how many of the ordinary tokens are asked for; those are drawn. One at least.
    package init(
        _ texts: TokenBatch, rate: Float, share: Float = 1, _ masking: WordMasking,
        using random: inout RandomSource
    ) {
        var counts: [Int] = []
        for text in 0..<texts.count {
            let ids = texts[text]
            let length = ids.count
            let words = masking.words(of: ids)
            let masks = (0..<min(length, 256)).map { _ in
                WordMasking.mask(words, of: length, rate: rate, using: &random)
            }
            let ordinary = max(0, length - 2)
            let count = share < 1 ? min(ordinary, max(1, Int(share * Float(ordinary)))) : ordinary
            for place in random.sample(count, below: ordinary).sorted().map({ $0 + 1 }) {
                let mask = masks[random.sample(1, below: masks.count)[0]]
                asked.rows.append(Int32(texts.offsets[text] + place))
                asked.ids.append(ids[ids.startIndex + place])
                places.append(Int32(place))
                for token in 0..<length { isVisible.append(token != place && !mask[token]) }
            }
            counts.append(count)
        }
        queries = SequenceLengths(counts)
    }

    /// For each query the number of its text.
    var owners: [Int32] {
        (0..<queries.count).flatMap { [Int32](repeating: Int32($0), count: queries[$0].count) }
    }

    /// As attention takes it.
    var bias: AttentionBias {
        .bySequence(Tensor(isVisible.map { $0 ? 0 : -10_000 }))
    }
}

/// The one-layer decoder of RetroMAE: queries that carry the sentence's vector look at the sentence's own tokens, each through a
/// mask of its own.
///
/// Of an ordinary layer it takes the weights: queries and keys come from different vectors, what attention finds is added to the
/// queries. *Source:* Xiao et al. 2022, "RetroMAE", arXiv:2205.12035.
package struct EnhancedDecoder {
    let layer: TransformerBlock

    package init(layer: TransformerBlock) { self.layer = layer }

    /// *Shapes:* queries `[asked, width]`, memory `[tokens, width]`; the result `[asked, width]`.
    package func callAsFunction(
        queries: Tensor, memory: Tensor, lengths: SequenceLengths, masks: RowMasks, mode: ForwardMode
    ) -> Tensor {
        let attention = layer.attention
        let configuration = attention.configuration
        let projected = zip(attention.projections, [queries, memory, memory]).map { $0($1, mode: mode) }
        var options = AttentionOptions(bias: masks.bias)
        if configuration.dropout > 0, case .training(let stream) = mode {
            options.dropout = AttentionDropout(
                rate: configuration.dropout, seed: stream.draw { $0.next() })
        }
        let seen = Tensor.attention(
            query: projected[0], key: projected[1], value: projected[2], shape: configuration.shape,
            queries: masks.queries, keys: lengths, options: options)
        let dropout = Dropout(layer.configuration.dropout)
        let attended = layer.attentionNorm(
            dropout(attention.output(seen, mode: mode), mode: mode), adding: queries)
        return layer.feedForwardNorm(
            dropout(layer.feedForward(attended, mode: mode), mode: mode), adding: attended)
    }
}
