package import KuklaNN
import KuklaNumerics
package import KuklaTensor

/// What pre-training shares with the encoder: the table of words, the embedding layer, the form of a layer.
extension TextEncoderModule {
    /// Components of a token's vector.
    package var hiddenSize: Int { configuration.hiddenSize }
    package var vocabularySize: Int { configuration.vocabulary }
    package var layerNormEpsilon: Float { configuration.layerNormEpsilon }
    /// `[vocabulary, hidden size]`.
    package var wordTable: Tensor { embeddings.words.weight.tensor }

    /// Tokens as the first layer gets them, `[ids.count, hidden size]`.
    package func embedded(_ ids: [Int32], lengths: SequenceLengths, mode: ForwardMode) -> Tensor {
        embeddings(ids, lengths: lengths, mode: mode)
    }

    /// Vectors in place of words' as the first layer would get them, each at its position.
    package func embedded(_ vectors: Tensor, at positions: [Int32], mode: ForwardMode) -> Tensor {
        embeddings(vectors, at: positions, mode: mode)
    }

    /// Another layer of the encoder's form, with the weights of its first one.
    package func copiedFirstLayer() -> TransformerBlock {
        var random = RandomSource(seed: 0)
        let layer = TransformerBlock(encoder.configuration, using: &random)
        layer.setParameters(to: encoder.blocks[0].parameterValues)
        return layer
    }
}
