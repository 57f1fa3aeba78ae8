public import Foundation
import KuklaFormats
import KuklaNN
public import KuklaNumerics
import KuklaTensor

/// A BERT that knows nothing yet, as a sentence-transformers folder: what pre-training from scratch, or a small language model,
/// begins with.
///
/// Its words come from another model's tokenizer, all of them or a list, or are its own. Weights are normal with a deviation of 0.02, those beyond two
/// deviations drawn again, and biases zero, as BERT begins (Devlin et al. 2019).
public struct NewEncoder: Sendable {
    public var layers: Int
    /// Components of a token's vector; the feed-forward layers have four times as many.
    public var width: Int
    public var heads: Int
    /// The longest sequence, in tokens.
    public var maximumLength: Int
    /// Whether a text's vector is that of its first token; else the mean of all.
    public var poolsFirstToken: Bool
    /// Whether its words begin as the principal components of the base's, which know what is alike: a start that saves many steps.
    public var inheritsWords: Bool
    public var mask = AttentionMask.bidirectional
    /// The share of numbers that training leaves out.
    public var dropout: Float = 0.1
    /// Whether a text's vector is of length 1.
    public var normalizes = true

    public init(
        layers: Int, width: Int, heads: Int, maximumLength: Int, poolsFirstToken: Bool,
        inheritsWords: Bool = false
    ) {
        self.layers = layers
        self.width = width
        self.heads = heads
        self.maximumLength = maximumLength
        self.poolsFirstToken = poolsFirstToken
        self.inheritsWords = inheritsWords
    }

    /// Writes the folder, whole or not at all, with words of another model.
    ///
    /// - Parameters:
    ///   - base: the model whose tokenizer it gets.
    ///   - vocabulary: its words where not all of the tokenizer's: `WordPieceTokenizer.vocabulary(of:count:)`.
    /// - Throws: `KuklaError`: `usage` where the heads do not divide the width; `missingFile`, `badData` and `unsupported` for the
    ///   base; `inputOutput`.
    public func write(
        to url: URL, tokenizerOf base: URL, vocabulary: [String]? = nil, seed: UInt64
    ) throws(KuklaError) {
        let tokenizer = try WordPieceTokenizer(folder: base)
        var words: Tensor?
        if inheritsWords {
            let ids = (vocabulary ?? tokenizer.tokens).map { tokenizer.id(of: $0) ?? tokenizer.unknownID }
            words = try inherited(ids, from: base)
        }
        let count = vocabulary?.count ?? tokenizer.vocabularySize
        try write(to: url, count, words, seed: seed) { staging throws(KuklaError) in
            if let vocabulary {
                return try write(vocabulary, tokenizer.normalization, to: staging)
            }
            for name in ModelFolder.tokenizerFiles { try ModelFolder.copy(name, from: base, to: staging) }
        }
    }

    /// Writes the folder, whole or not at all, with words of its own, of lower case and without accents.
    ///
    /// - Parameter vocabulary: tokens in the order of their ids, `[PAD]`, `[UNK]`, `[CLS]`, `[SEP]` and `[MASK]` among them.
    /// - Precondition: `inheritsWords` is false: there is nothing to inherit from.
    /// - Throws: `KuklaError`: `usage` where the heads do not divide the width; `inputOutput`.
    public func write(to url: URL, vocabulary: [String], seed: UInt64) throws(KuklaError) {
        contract(!inheritsWords, "NewEncoder: words to inherit, and no model that has them")
        try write(to: url, vocabulary.count, nil, seed: seed) { staging throws(KuklaError) in
            try write(vocabulary, BertNormalization(), to: staging)
        }
    }

    private func write(
        _ vocabulary: [String], _ normalization: BertNormalization, to staging: URL
    ) throws(KuklaError) {
        let settings = """
            {
              "tokenizer_class": "BertTokenizer",
              "do_lower_case": \(normalization.lowercases),
              "tokenize_chinese_chars": \(normalization.isolatesIdeographs),
              "strip_accents": \(normalization.stripsAccents),
              "model_max_length": \(maximumLength)
            }

            """
        try AtomicFile.write(settings, to: staging.appending(path: "tokenizer_config.json"))
        try AtomicFile.write(
            vocabulary.joined(separator: "\n") + "\n", to: staging.appending(path: "vocab.txt"))
    }

    private func write(
        to url: URL, _ wordCount: Int, _ words: Tensor?, seed: UInt64,
        addingTokenizer addTokenizer: (_ staging: URL) throws(KuklaError) -> Void
    ) throws(KuklaError) {
        guard layers > 0, heads > 0, width > 0, width % heads == 0 else {
            throw KuklaError(
                .usage,
                "Cannot make an encoder of \(layers) layers, width \(width) and \(heads) heads: expected heads that divide the width, and at least one of each."
            )
        }
        let folder = try AtomicFolder(url)
        func write(_ text: String, _ name: String) throws(KuklaError) {
            try AtomicFile.write(text + "\n", to: folder.staging.appending(path: name))
        }
        try addTokenizer(folder.staging)
        try write(
            """
            {
              "architectures": ["BertModel"],
              "model_type": "bert",
              "is_decoder": \(mask == .causal),
              "hidden_act": "gelu",
              "hidden_size": \(width),
              "num_hidden_layers": \(layers),
              "num_attention_heads": \(heads),
              "intermediate_size": \(4 * width),
              "vocab_size": \(wordCount),
              "max_position_embeddings": \(maximumLength),
              "type_vocab_size": 2,
              "pad_token_id": 0,
              "initializer_range": 0.02,
              "layer_norm_eps": 1e-12,
              "hidden_dropout_prob": \(dropout),
              "attention_probs_dropout_prob": \(dropout)
            }
            """, "config.json")
        try ModelFolder.write(maximumLength: maximumLength, to: folder.staging)
        var modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
        if normalizes { modules.append(("2_Normalize", "Normalize")) }
        let lines = modules.enumerated().map { index, module in
            #"  {"idx": \#(index), "name": "\#(index)", "path": "\#(module.0)", "type": "sentence_transformers.models.\#(module.1)"}"#
        }
        try write("[\n\(lines.joined(separator: ",\n"))\n]", "modules.json")
        for module in modules.dropFirst() { try ModelFolder.make(module.0, in: folder.staging) }
        try write(
            """
            {
              "word_embedding_dimension": \(width),
              "pooling_mode_cls_token": \(poolsFirstToken),
              "pooling_mode_mean_tokens": \(!poolsFirstToken),
              "pooling_mode_max_tokens": false,
              "pooling_mode_mean_sqrt_len_tokens": false
            }
            """, "1_Pooling/config.json")
        try weights(folder.staging, words: words, seed: seed).save(
            to: folder.staging.appending(path: "model.safetensors"), metadata: ["format": "pt"])
        try folder.commit()
    }

    /// The principal components of the base's words, as spread as BERT's words are: `[ids.count, width]`.
    private func inherited(_ ids: [Int32], from base: URL) throws(KuklaError) -> Tensor {
        let model = try TextEncoderModule(folder: base)
        guard width <= model.hiddenSize else {
            throw KuklaError(
                .usage,
                "Cannot begin with the words of \(base.path): they have \(model.hiddenSize) components, fewer than the new width of \(width). Make a narrower model, or begin with random words."
            )
        }
        return try withoutGradient { () throws(KuklaError) in
            let rows = model.wordTable.detached.gathered(rows: ids)
            let centred = rows - rows.mean(axes: [0], keepingAxes: true)
            // Rising: the last columns vary most.
            let directions = try centred.matmul(centred, transposingSelf: true).symmetricEigen().vectors
            let first = model.hiddenSize - width
            let kept = centred.matmul(directions.slice(axis: 1, first..<model.hiddenSize))
            return kept * (0.04 / (kept * kept).mean().item.squareRoot())
        }
    }

    private func weights(
        _ folder: URL, words: Tensor?, seed: UInt64
    ) throws(KuklaError) -> TextEncoderModule {
        let module = TextEncoderModule(try EncoderConfiguration(folder: folder), folder: folder)
        var random = RandomSource(seed: seed)
        for (path, parameter) in module.parameters.map({ ($0.path, $0.parameter) }) {
            if let words, path == "embeddings.word_embeddings.weight" {
                parameter.value = words
            } else if parameter.shape.count > 1 {
                parameter.value = .truncatedNormal(parameter.shape, deviation: 0.02, using: &random)
            } else if path.hasSuffix("bias") {
                parameter.value = .zeros(parameter.shape)
            }
        }
        return module
    }
}
