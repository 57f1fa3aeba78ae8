import CKernels
public import Foundation
import KuklaFormats
public import KuklaNN
public import KuklaNumerics
public import KuklaTensor

/// A sentence encoder of the BERT family as a module that can be trained: from packed token ids to one vector a text.
///
/// Loaded from a sentence-transformers folder, whose names the parameters keep (`encoder.layer.0.attention.self.query.weight`);
/// those of dense layers behind the pooling are `dense.0.linear.weight`. Forward it computes what `TextEncoder` does.
/// *Source:* Devlin et al. 2019, "BERT", doi:10.18653/v1/N19-1423; Reimers and Gurevych 2019, "Sentence-BERT",
/// doi:10.18653/v1/D19-1410.
public struct TextEncoderModule: Module {
    /// Where the model came from.
    public let folder: URL
    let configuration: EncoderConfiguration
    let embeddings: BERTEmbeddings
    let encoder: TransformerStack
    let latent: LatentAttentionPooling?
    let dense: [Linear]
    /// Whether mask or pooling are not the folder's.
    let isRebuilt: Bool

    /// Dropout while training, as shares of the elements; the folder's `config.json` decides where they are nil.
    public struct DropoutRates: Sendable, Equatable {
        public var hidden: Float?
        public var attention: Float?

        public init(hidden: Float? = nil, attention: Float? = nil) {
            self.hidden = hidden
            self.attention = attention
        }
    }

    /// Loads the model in `folder`; its numbers are copied, so the files may change afterwards.
    ///
    /// - Parameters:
    ///   - pooling: in place of the folder's; tokens of a prompt are then left out of it.
    ///   - mask: in place of the folder's.
    ///   - seed: of the pooling's numbers where the folder has none.
    /// - Throws: `KuklaError`: `missingFile`; `badData` for damaged files and for tensors that are missing or of another
    ///   shape than `config.json` says; `unsupported` for other architectures and modules.
    public init(
        folder: URL, dropout: DropoutRates = DropoutRates(), pooling: TextPooling? = nil,
        mask: AttentionMask? = nil, seed: UInt64 = 1
    ) throws(KuklaError) {
        let own = try EncoderConfiguration(folder: folder)
        var c = own
        if let pooling { c = try own.pooled(pooling) }
        if let mask { c.mask = mask }
        guard !c.isLateInteraction else {
            throw KuklaError(
                .unsupported,
                "Cannot train or merge \(folder.path): it gives a vector for every token. Take a model that gives one a text."
            )
        }
        self.init(
            c, folder: folder, dropout: dropout, isRebuilt: pooling != nil || c.mask != own.mask, seed: seed)
        let file = try WeightFile(folder.appending(path: "model.safetensors"))
        for named in parameters where !Self.hasOwnFile(named.path) {
            try file.read(named.path, into: named.parameter)
        }
        if let latent, own.latent == c.latent {
            let file = try WeightFile(own.poolingFolder.appending(path: "model.safetensors"))
            for named in latent.parameters { try file.read(named.path, into: named.parameter) }
        }
        for (layer, dense) in zip(c.dense, dense) {
            let file = try WeightFile(layer.folder.appending(path: "model.safetensors"))
            for named in dense.parameters { try file.read("linear.\(named.path)", into: named.parameter) }
        }
    }

    /// A model of these sizes whose numbers are still to be given.
    init(
        _ c: EncoderConfiguration, folder: URL, dropout: DropoutRates = DropoutRates(),
        isRebuilt: Bool = false,
        seed: UInt64 = 1
    ) {
        self.folder = folder
        self.isRebuilt = isRebuilt
        configuration = c
        let hidden = dropout.hidden ?? c.hiddenDropout
        embeddings = BERTEmbeddings(c, dropout: hidden)
        // Every number is replaced, but those of a pooling that the folder does not have.
        var random = RandomSource(seed: seed)
        latent = c.latent.map { LatentAttentionPooling($0, width: c.hiddenSize, using: &random) }
        encoder = TransformerStack(
            TransformerConfiguration(
                width: c.hiddenSize, layers: c.layers, heads: c.heads, innerWidth: c.intermediateSize,
                activation: Activation(c.activation), norm: .layer(epsilon: c.layerNormEpsilon),
                normPlacement: .after, pattern: c.mask.pattern,
                dropout: hidden, attentionDropout: dropout.attention ?? c.attentionDropout, names: .bert),
            using: &random)
        dense = c.dense.map { Linear($0.inputs, $0.outputs, bias: $0.hasBias, using: &random) }
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("embeddings", embeddings)
        visitor.visit("encoder", encoder)
        visitor.visit("pooling", latent)
        visitor.visit("dense", dense.map(DenseLayer.init))
    }

    /// Whether a parameter belongs to a module behind the transformer.
    static func hasOwnFile(_ path: String) -> Bool {
        path.hasPrefix("dense.") || path.hasPrefix("pooling.")
    }

    /// Components of an embedding.
    public var dimensions: Int { configuration.dimensions }
    /// The longest sequence, in tokens with the special ones, that the model was made for.
    public var maximumLength: Int { configuration.maximumLength }
    /// Which tokens of its text a token attends to.
    public var mask: AttentionMask { configuration.mask }
    /// The number of transformer layers.
    public var layerCount: Int { configuration.layers }
}

/// A dense layer under the path that its own file has, behind a number.
private struct DenseLayer: Module {
    let linear: Linear
    func visit(_ visitor: inout ModuleVisitor) { visitor.visit("linear", linear) }
}

// MARK: - Forward

extension TextEncoderModule {
    /// The vectors of all tokens after `layers` layers (all where nil), `[tokens, hidden]`, packed as they came.
    ///
    /// - Precondition: every id is of the vocabulary, no sequence longer than the model has positions: what a tokenizer of
    ///   the same folder gives with `maxLength: maximumLength`.
    public func tokenVectors(
        _ batch: TokenBatch, layers count: Int? = nil, mode: ForwardMode = .inference
    ) -> Tensor {
        let states = hiddenStates(batch, layers: count, mode: mode)
        return states[states.count - 1]
    }

    /// Scores of every word after token vectors, `[tokens, vocabulary]`: products with the words' vectors, the head of a language
    /// model that is tied to them.
    public func wordScores(_ vectors: Tensor) -> Tensor {
        vectors.linear(embeddings.words.weight.tensor, nil)
    }

    /// The embedded tokens and what comes out of each of `layers` layers (all where nil), each `[tokens, hidden]`.
    ///
    /// - Parameter adjust: changes what all layers share in this pass, such as the temperature of each token.
    /// - Precondition: as `tokenVectors`.
    public func hiddenStates(
        _ batch: TokenBatch, layers count: Int? = nil, mode: ForwardMode = .inference,
        adjusting adjust: (inout AttentionContext) -> Void = { _ in }
    ) -> [Tensor] {
        contract(
            count.map { (1...layerCount).contains($0) } ?? true,
            "TextEncoderModule: \(count ?? 0) layers of a model with \(layerCount)")
        let lengths = batch.lengths
        contract(
            lengths.longest <= configuration.positions,
            "TextEncoderModule: a sequence of \(lengths.longest) tokens, and \(configuration.positions) positions"
        )
        let x = embeddings(batch.ids, lengths: lengths, mode: mode)
        var context = encoder.context(lengths: lengths, mode: mode)
        adjust(&context)
        return encoder.hiddenStates(x, context, leavingAfter: count)
    }

    /// One vector for each text, `[batch.count, dimensions]`, in the order of the batch; of length 1 where the model
    /// normalises.
    ///
    /// - Parameters:
    ///   - layers: how many layers to run, from the first: the rest is left out, of the gradient too. All where nil.
    ///   - mode: dropout in training.
    /// - Precondition: as `tokenVectors`; no sequence is empty.
    /// - Complexity: O(tokens * parameters + the sum of squared lengths * hidden size), twice that for the gradient.
    public func callAsFunction(
        _ batch: TokenBatch, layers: Int? = nil, mode: ForwardMode = .inference
    ) -> Tensor {
        let vectors = embeddings(batch, after: [layers ?? layerCount], mode: mode)[0]
        return configuration.normalizes ? vectors.normalized() : vectors
    }

    /// The embeddings that are read after each of `layers`, from one pass: each `[batch.count, dimensions]`, pooled like the last
    /// layer's and not normalised.
    ///
    /// - Precondition: as `tokenVectors`; no sequence is empty; there is a layer.
    public func embeddings(
        _ batch: TokenBatch, after layers: [Int], mode: ForwardMode = .inference
    ) -> [Tensor] {
        contract(!layers.isEmpty, "TextEncoderModule: embeddings after no layer")
        let states = hiddenStates(batch, layers: layers.max(), mode: mode)
        let texts = configuration.poolsPrompt ? nil : batch.textRows
        let lengths = texts?.lengths ?? batch.lengths
        return layers.map { layer in
            var tokens = texts.map { states[layer].gathered(rows: $0.rows) } ?? states[layer]
            if let latent { tokens = latent(tokens, mode: mode) }
            let pooled = configuration.pooling.map { $0.pool(tokens, lengths: lengths) }
            let first = pooled.count == 1 ? pooled[0] : Tensor.concatenated(pooled, axis: 1)
            return zip(configuration.dense, dense).reduce(first) { x, step in
                step.1(x, activation: Activation(step.0.activation), mode: mode)
            }
        }
    }

    /// The vectors of texts, computed without recording in batches of about equal length: for judging a model that is being
    /// trained.
    ///
    /// *Shapes:* `[texts.count, dimensions]`.
    /// - Parameter prompt: what stands before a text; "" for nothing.
    public func embed(
        _ texts: [String], prompt: (String) -> String = { _ in "" }, tokenizer: WordPieceTokenizer,
        maximumLength: Int? = nil
    ) -> Matrix {
        embed(
            texts, prompt: prompt, tokenizer: tokenizer, maximumLength: maximumLength, after: [layerCount])[0]
    }

    /// As `embed(_:prompt:tokenizer:maximumLength:)`, after each of `layers`, from one pass.
    public func embed(
        _ texts: [String], prompt: (String) -> String = { _ in "" }, tokenizer: WordPieceTokenizer,
        maximumLength: Int? = nil, after layers: [Int]
    ) -> [Matrix] {
        let all = tokenizer.encode(
            texts, prompts: texts.map(prompt), maxLength: maximumLength ?? self.maximumLength,
            threads: TensorThreads.count)
        let lengths = (0..<all.count).map { all[$0].count }
        // 4,096 tokens keep both cores busy and their activations small.
        let order = lengths.indices.sorted { (lengths[$0], $0) < (lengths[$1], $1) }
        let width = dimensions
        var found = layers.map { _ in Tensor.zeros([texts.count, width]) }
        var start = 0
        while start < order.count {
            var end = start
            var tokens = 0
            while end < order.count, end == start || tokens + lengths[order[end]] <= 4_096 {
                tokens += lengths[order[end]]
                end += 1
            }
            let batch = order[start..<end]
            let vectors = withoutGradient {
                embeddings(all.selecting(batch), after: layers).map {
                    configuration.normalizes ? $0.normalized() : $0
                }
            }
            for (layer, rows) in vectors.enumerated() {
                found[layer].withUnsafeMutableBufferPointer { out in
                    rows.withUnsafeBufferPointer { from in
                        for (row, text) in batch.enumerated() {
                            for i in 0..<width { out[text * width + i] = from[row * width + i] }
                        }
                    }
                }
            }
            start = end
        }
        return found.map(\.matrix)
    }
}

// MARK: - Loading

extension WeightFile {
    /// Sets a parameter to the tensor of that name and shape.
    fileprivate func read(_ name: String, into parameter: Parameter) throws(KuklaError) {
        parameter.value = Tensor(
            shape: parameter.shape, elements: try floats(name, shape: parameter.shape))
    }
}

extension Activation {
    /// What the inference kernels call it.
    init(_ activation: kk_activation) {
        switch activation {
        case kk_activation_gelu: self = .gelu
        case kk_activation_gelu_tanh: self = .geluTanh
        case kk_activation_relu: self = .relu
        case kk_activation_tanh: self = .tanh
        default: self = .none
        }
    }
}
