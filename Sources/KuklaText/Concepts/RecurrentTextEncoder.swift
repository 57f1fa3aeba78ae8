public import Foundation
public import KuklaNN
public import KuklaNumerics
public import KuklaTensor

/// Words and a recurrent network over them: the mean of its states, one vector a text.
///
/// Words are those of a model's tokenizer and start as that model's word vectors. Sequences are packed: there is no padding.
/// *Differs from SESA's paper in:* gated recurrent units (`GRU`) in place of an LSTM.
public struct RecurrentTextEncoder: Module {
    let words: Embedding
    let network: GRU
    let dropout: Dropout

    /// Words of the model in `folder`, random units.
    ///
    /// - Throws: as `TextEncoder` for folders that cannot be loaded.
    public init(
        folder: URL, units: Int, isBidirectional: Bool = false, dropout: Float = 0,
        using random: inout RandomSource
    ) throws(KuklaError) {
        let c = try EncoderConfiguration(folder: folder)
        let file = try WeightFile(folder.appending(path: "model.safetensors"))
        let table = try file.matrix(
            "embeddings.word_embeddings.weight", rows: c.vocabulary, columns: c.hiddenSize)
        self.init(
            words: Tensor(table), units: units, isBidirectional: isBidirectional, dropout: dropout,
            using: &random)
    }

    /// - Parameter words: `[vocabulary, width]`.
    init(
        words: Tensor, units: Int, isBidirectional: Bool, dropout: Float, using random: inout RandomSource
    ) {
        self.words = Embedding(weight: words)
        network = GRU(words.shape[1], units, isBidirectional: isBidirectional, using: &random)
        self.dropout = Dropout(dropout)
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("words", words)
        visitor.visit("network", network)
    }

    public var vocabulary: Int { words.count }
    public var units: Int { network.width }
    public var isBidirectional: Bool { network.isBidirectional }
    /// Components of a text's vector.
    public var dimensions: Int { units * (isBidirectional ? 2 : 1) }

    /// `[batch.count, dimensions]`; no sequence is empty.
    public func callAsFunction(_ batch: TokenBatch, mode: ForwardMode = .inference) -> Tensor {
        let states = network(
            dropout(words(batch.ids), mode: mode), lengths: batch.lengths, mode: mode
        ).states
        return dropout(PoolingMode.mean.pool(states, lengths: batch.lengths), mode: mode)
    }
}
