public import Foundation
import KuklaFormats
import KuklaNN
public import KuklaNumerics
import KuklaTensor

/// A BERT that knows nothing yet, as a sentence-transformers folder: what pre-training from scratch begins with.
///
/// Its words come from another model's tokenizer, all of them or a list. Weights are normal with a deviation of 0.02, those beyond two
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

    /// Writes the folder, whole or not at all.
    ///
    /// - Parameters:
    ///   - base: the model whose tokenizer it gets.
    ///   - vocabulary: its words where not all of the tokenizer's: `WordPieceTokenizer.vocabulary(of:count:)`.
    /// - Throws: `KuklaError`: `usage` where the heads do not divide the width; `missingFile`, `badData` and `unsupported` for the
    ///   base; `inputOutput`.
    public func write(
        to url: URL, tokenizerOf base: URL, vocabulary: [String]? = nil, seed: UInt64
    ) throws(KuklaError) {
        guard layers > 0, heads > 0, width > 0, width % heads == 0 else {
            throw KuklaError(
                .usage,
                "Cannot make an encoder of \(layers) layers, width \(width) and \(heads) heads: expected heads that divide the width, and at least one of each."
            )
        }
        let tokenizer = try WordPieceTokenizer(folder: base)
        let folder = try AtomicFolder(url)
        func write(_ text: String, _ name: String) throws(KuklaError) {
            try AtomicFile.write(text + "\n", to: folder.staging.appending(path: name))
        }
        if let vocabulary {
            try write(vocabulary.joined(separator: "\n"), "vocab.txt")
            let words = tokenizer.normalization
            try write(
                """
                {
                  "tokenizer_class": "BertTokenizer",
                  "do_lower_case": \(words.lowercases),
                  "tokenize_chinese_chars": \(words.isolatesIdeographs),
                  "strip_accents": \(words.stripsAccents),
                  "model_max_length": \(maximumLength)
                }
                """, "tokenizer_config.json")
        } else {
            for name in ModelFolder.tokenizerFiles {
                try ModelFolder.copy(name, from: base, to: folder.staging)
            }
        }
        try write(
            """
            {
              "architectures": ["BertModel"],
              "model_type": "bert",
              "hidden_act": "gelu",
              "hidden_size": \(width),
              "num_hidden_layers": \(layers),
              "num_attention_heads": \(heads),
              "intermediate_size": \(4 * width),
              "vocab_size": \(vocabulary?.count ?? tokenizer.vocabularySize),
              "max_position_embeddings": \(maximumLength),
              "type_vocab_size": 2,
              "pad_token_id": 0,
              "initializer_range": 0.02,
              "layer_norm_eps": 1e-12,
              "hidden_dropout_prob": 0.1,
              "attention_probs_dropout_prob": 0.1
            }
            """, "config.json")
        try ModelFolder.write(maximumLength: maximumLength, to: folder.staging)
        try write(
            """
            [
              {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
              {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
              {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}
            ]
            """, "modules.json")
        for module in ["1_Pooling", "2_Normalize"] { try ModelFolder.make(module, in: folder.staging) }
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
        var words: Tensor?
        if inheritsWords {
            let ids = (vocabulary ?? tokenizer.tokens).map { tokenizer.id(of: $0) ?? tokenizer.unknownID }
            words = try inherited(ids, from: base)
        }
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
