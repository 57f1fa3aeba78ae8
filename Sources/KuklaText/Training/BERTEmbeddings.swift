import KuklaNN
import KuklaNumerics
import KuklaTensor

/// What BERT makes of a token before its first layer: the sum of its word's, its place's and its segment's vector, normalised.
///
/// All tokens belong to the first segment: texts are encoded one by one.
struct BERTEmbeddings: Module {
    let words, positions, tokenTypes: Embedding
    let norm: LayerNorm
    let dropout: Dropout

    /// All zeros, to be loaded.
    init(_ c: EncoderConfiguration, dropout rate: Float) {
        words = Embedding(weight: .zeros([c.vocabulary, c.hiddenSize]))
        positions = Embedding(weight: .zeros([c.positions, c.hiddenSize]))
        tokenTypes = Embedding(weight: .zeros([c.tokenTypes, c.hiddenSize]))
        norm = LayerNorm(c.hiddenSize, epsilon: c.layerNormEpsilon)
        dropout = Dropout(rate)
    }

    func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("word_embeddings", words)
        visitor.visit("position_embeddings", positions)
        visitor.visit("token_type_embeddings", tokenTypes)
        visitor.visit("LayerNorm", norm)
    }

    /// The vectors of packed sequences, `[ids.count, hidden]`.
    func callAsFunction(_ ids: [Int32], lengths: SequenceLengths, mode: ForwardMode) -> Tensor {
        self(words(ids), at: lengths.positions(), mode: mode)
    }

    /// The same of any vectors in place of words': `vectors [n, hidden]`, each at its position.
    func callAsFunction(_ vectors: Tensor, at places: [Int32], mode: ForwardMode) -> Tensor {
        dropout(
            norm(vectors + (positions(places) + tokenTypes.weight.tensor[rows: 0..<1])), mode: mode)
    }
}
