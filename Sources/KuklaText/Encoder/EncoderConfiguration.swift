import CKernels
import Foundation
import KuklaNumerics

/// What a sentence-transformers folder says about its model, checked.
struct EncoderConfiguration: Sendable {
    var hiddenSize: Int
    var layers: Int
    var heads: Int
    var intermediateSize: Int
    var activation: kk_activation
    var layerNormEpsilon: Float
    var positions: Int
    var vocabulary: Int
    var tokenTypes: Int
    /// Shares of elements and of attention that training leaves out.
    var hiddenDropout, attentionDropout: Float
    /// The longest sequence, in tokens, that the model was made for.
    var maximumLength: Int
    /// Which tokens of its text a token attends to.
    var mask: AttentionMask
    /// Empty for models that keep a vector for every token.
    var pooling: [PoolingMode]
    /// The folder of the module that pools.
    var poolingFolder: URL
    /// Attention of the tokens to latents before they are pooled.
    var latent: LatentAttentionShape?
    /// Whether tokens of a prompt are pooled with the text's; they take part in attention in any case.
    var poolsPrompt: Bool
    /// What stands behind the pooling, or behind every token where there is none.
    var dense: [DenseConfiguration]
    var normalizes: Bool

    var headSize: Int { hiddenSize / heads }
    /// Whether the model gives a vector for every token (ColBERT) in place of one for a text.
    var isLateInteraction: Bool { pooling.isEmpty }

    /// Reads `modules.json` and the configuration of every module that it names.
    ///
    /// - Throws: `KuklaError` (`missingFile`, `badData`, `unsupported`).
    init(folder: URL) throws(KuklaError) {
        let modules = try ModelFile(folder, "modules.json").decode([ModuleEntry].self)
        guard let first = modules.first, first.kind == "Transformer" else {
            throw KuklaError(
                .unsupported,
                "Cannot load \(folder.path): modules.json begins with \(modules.first.map { "a \($0.kind)" } ?? "nothing"), and only folders that begin with a Transformer are supported."
            )
        }
        let base = try first.folder(in: folder)
        let bert = try ModelFile(base, "config.json")
        let values = try bert.decode(BertValues.self)
        try values.check(bert)
        hiddenSize = values.hidden_size
        layers = values.num_hidden_layers
        heads = values.num_attention_heads
        intermediateSize = values.intermediate_size
        activation = try values.activation(bert)
        layerNormEpsilon = Float(values.layer_norm_eps ?? 1e-12)
        positions = values.max_position_embeddings
        vocabulary = values.vocab_size
        tokenTypes = values.type_vocab_size ?? 2
        mask = values.is_decoder == true ? .causal : .bidirectional
        hiddenDropout = Float(values.hidden_dropout_prob ?? 0.1)
        attentionDropout = Float(values.attention_probs_dropout_prob ?? 0.1)

        maximumLength = positions
        if let sentence = try ModelFile(optional: base, "sentence_bert_config.json"),
            let length = try sentence.decode(SentenceValues.self).max_seq_length
        {
            guard length > 2 else { throw sentence.wrong("max_seq_length", "more than 2", length) }
            maximumLength = min(length, positions)
        }

        pooling = []
        poolingFolder = folder
        poolsPrompt = true
        dense = []
        normalizes = false
        var width = hiddenSize
        for module in modules.dropFirst() {
            let path = try module.folder(in: folder)
            switch module.kind {
            case "Pooling" where pooling.isEmpty && dense.isEmpty:
                let file = try ModelFile(path, "config.json")
                let values = try file.decode(PoolingValues.self)
                pooling = try values.modes(file)
                poolingFolder = path
                poolsPrompt = values.include_prompt ?? true
                width = hiddenSize * pooling.count
            case "LatentAttentionPooling" where pooling.isEmpty && dense.isEmpty:
                let values = try ModelFile(path, "config.json").decode(LatentPoolingValues.self)
                latent = try LatentAttentionShape(
                    latents: values.latents, heads: values.heads, headWidth: values.head_width)
                pooling = [.mean]
                poolingFolder = path
                poolsPrompt = values.include_prompt ?? true
            case "Dense" where !normalizes:
                let layer = try DenseConfiguration(folder: path, input: width)
                dense.append(layer)
                width = layer.outputs
            case "Normalize" where !pooling.isEmpty:
                normalizes = true
            default:
                throw KuklaError(
                    .unsupported,
                    "Cannot load \(folder.path): modules.json lists a \(module.kind) at this place. Supported are Transformer, Pooling or kukla's LatentAttentionPooling, then any Dense, then Normalize, or Transformer and any Dense for late interaction."
                )
            }
        }
        guard !pooling.isEmpty || !dense.isEmpty else {
            throw KuklaError(
                .unsupported,
                "Cannot load \(folder.path): modules.json lists neither a Pooling, for one vector a text, nor a Dense, for one a token."
            )
        }
        dimensions = width
        if pooling.isEmpty, let file = try ModelFile(optional: folder, "config_sentence_transformers.json") {
            try file.decode(LateInteractionValues.self).check(file)
        }
    }

    /// Components of an embedding, or of a token's vector where there is no pooling.
    private(set) var dimensions: Int

    /// The same model with another pooling, which leaves a prompt's tokens out.
    ///
    /// - Throws: `KuklaError.unsupported` where dense layers are made for a wider pooling.
    func pooled(_ pooling: TextPooling) throws(KuklaError) -> EncoderConfiguration {
        var changed = self
        if let first = dense.first, first.inputs != hiddenSize {
            throw KuklaError(
                .unsupported,
                "Cannot pool by \(pooling): the model's dense layer takes \(first.inputs) components, and a token has \(hiddenSize)."
            )
        }
        if dense.isEmpty { changed.dimensions = hiddenSize }
        changed.pooling = [pooling == .last ? .lastToken : .mean]
        changed.latent = nil
        if case .latent(let shape) = pooling {
            // As folders write it, so that a shape is equal to what was written of it.
            changed.latent = try LatentAttentionShape(
                latents: shape.latents, heads: shape.heads, headWidth: shape.headWidth ?? hiddenSize)
        }
        changed.poolsPrompt = false
        return changed
    }

    /// Throws unless the model has that many dimensions and layers.
    func check(dimensions wanted: Int? = nil, layers wantedLayers: Int? = nil) throws(KuklaError) {
        if let wanted, !(1...dimensions).contains(wanted) {
            throw KuklaError(
                .usage,
                "Cannot make vectors of \(wanted) dimensions: the model has \(dimensions). Ask for 1 to \(dimensions)."
            )
        }
        if let wantedLayers, !(1...layers).contains(wantedLayers) {
            throw KuklaError(
                .usage,
                "Cannot run \(wantedLayers) layers: the model has \(layers). Ask for 1 to \(layers).")
        }
    }
}

/// How the token vectors of a text become one vector.
enum PoolingMode: Sendable {
    case firstToken, lastToken, maximum, mean
    /// The sum over the tokens divided by the root of their number.
    case meanRootLength
}

/// A linear layer behind the pooling.
struct DenseConfiguration: Sendable {
    let folder: URL
    let inputs: Int
    let outputs: Int
    let hasBias: Bool
    let activation: kk_activation

    init(folder: URL, input: Int) throws(KuklaError) {
        struct Values: Decodable {
            var in_features: Int
            var out_features: Int
            var bias: Bool?
            var activation_function: String?
            var use_residual: Bool?
        }
        let file = try ModelFile(folder, "config.json")
        let values = try file.decode(Values.self)
        guard values.in_features == input else {
            throw file.wrong("in_features", "\(input), the width of the layer before", values.in_features)
        }
        guard (1...1 << 20).contains(values.out_features) else {
            throw file.wrong("out_features", "1 to 1048576", values.out_features)
        }
        if values.use_residual == true { throw file.unsupported("use_residual", "true", "false") }
        self.folder = folder
        inputs = input
        outputs = values.out_features
        hasBias = values.bias ?? true
        let name = values.activation_function ?? "torch.nn.modules.activation.Tanh"
        switch name.split(separator: ".").last {
        case "Identity": activation = kk_activation_none
        case "Tanh": activation = kk_activation_tanh
        case "ReLU": activation = kk_activation_relu
        case "GELU": activation = kk_activation_gelu
        default: throw file.unsupported("activation_function", name, "Identity, Tanh, ReLU and GELU")
        }
    }
}

// MARK: - Files

/// One JSON file of the folder, with the errors that name it.
struct ModelFile {
    let url: URL
    private let data: Data

    init(_ folder: URL, _ name: String) throws(KuklaError) {
        url = folder.appending(path: name)
        let path = url.path
        data = try MappedFile(url).withBytes { (bytes) throws(KuklaError) in
            guard bytes.count <= 1 << 24 else {
                throw KuklaError(
                    .badData, "Cannot read \(path): expected a small JSON file, found \(bytes.count) bytes.")
            }
            return Data(bytes)
        }
    }

    init?(optional folder: URL, _ name: String) throws(KuklaError) {
        guard FileManager.default.fileExists(atPath: folder.appending(path: name).path) else { return nil }
        try self.init(folder, name)
    }

    func decode<Value: Decodable>(_ type: Value.Type) throws(KuklaError) -> Value {
        do { return try JSONDecoder().decode(type, from: data) } catch {
            let problem: String
            switch error {
            case DecodingError.keyNotFound(let key, _): problem = "\"\(key.stringValue)\" is missing"
            case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
                problem =
                    "\"\(context.codingPath.map(\.stringValue).joined(separator: "."))\" has the wrong type"
            default: problem = "it is not valid JSON of the expected form"
            }
            throw KuklaError(
                .badData, "Cannot read \(url.path): \(problem). Fetch the model folder again.", cause: error)
        }
    }

    func wrong(_ key: String, _ expected: String, _ found: some CustomStringConvertible) -> KuklaError {
        KuklaError(.badData, "Cannot load \(url.path): \"\(key)\" is \(found), expected \(expected).")
    }

    func unsupported(_ key: String, _ found: String, _ supported: String) -> KuklaError {
        KuklaError(.unsupported, "Cannot load \(url.path): \"\(key)\" is \(found); supported: \(supported).")
    }
}

/// An entry of `modules.json`.
struct ModuleEntry: Codable {
    var idx: Int?
    var name: String?
    var path: String
    var type: String

    /// The last part of the class's name: "Transformer" ...
    var kind: String { type.split(separator: ".").last.map(String.init) ?? type }

    func folder(in root: URL) throws(KuklaError) -> URL {
        let parts = path.split(separator: "/")
        guard !path.hasPrefix("/"), !parts.contains("..") else {
            throw KuklaError(
                .badData, "Cannot load \(root.path): modules.json points outside the folder (\(path)).")
        }
        return parts.isEmpty ? root : root.appending(path: path)
    }
}

private struct SentenceValues: Decodable {
    var max_seq_length: Int?
}

/// How PyLate reads texts for late interaction, where it would read queries otherwise than documents.
private struct LateInteractionValues: Decodable {
    var query_prefix: String?
    var document_prefix: String?
    var do_query_expansion: Bool?
    var skiplist_words: [String]?

    func check(_ file: ModelFile) throws(KuklaError) {
        for (key, prefix) in [("query_prefix", query_prefix), ("document_prefix", document_prefix)] {
            if let prefix, !prefix.isEmpty { throw file.unsupported(key, "'\(prefix)'", "no prefix") }
        }
        if do_query_expansion == true { throw file.unsupported("do_query_expansion", "true", "false") }
        if let words = skiplist_words, !words.isEmpty {
            throw file.unsupported("skiplist_words", "\(words.count) words", "an empty list")
        }
    }
}

private struct PoolingValues: Decodable {
    var pooling_mode_cls_token: Bool?
    var pooling_mode_mean_tokens: Bool?
    var pooling_mode_max_tokens: Bool?
    var pooling_mode_mean_sqrt_len_tokens: Bool?
    var pooling_mode_weightedmean_tokens: Bool?
    var pooling_mode_lasttoken: Bool?
    var include_prompt: Bool?

    /// The modes in the order in which sentence-transformers concatenates them.
    func modes(_ file: ModelFile) throws(KuklaError) -> [PoolingMode] {
        if pooling_mode_weightedmean_tokens == true {
            throw file.unsupported(
                "pooling", "weightedmean", "cls, max, mean, mean_sqrt_len and lasttoken, or several of them")
        }
        var modes: [PoolingMode] = []
        if pooling_mode_cls_token == true { modes.append(.firstToken) }
        if pooling_mode_max_tokens == true { modes.append(.maximum) }
        if pooling_mode_mean_tokens == true { modes.append(.mean) }
        if pooling_mode_mean_sqrt_len_tokens == true { modes.append(.meanRootLength) }
        if pooling_mode_lasttoken == true { modes.append(.lastToken) }
        guard !modes.isEmpty else {
            throw file.wrong("pooling_mode_...", "at least one mode", "nowhere true")
        }
        return modes
    }
}

private struct LatentPoolingValues: Decodable {
    var latents: Int
    var heads: Int
    var head_width: Int?
    var include_prompt: Bool?
}

private struct BertValues: Decodable {
    var model_type: String?
    var is_decoder: Bool?
    var hidden_size: Int
    var num_hidden_layers: Int
    var num_attention_heads: Int
    var intermediate_size: Int
    var hidden_act: String?
    var layer_norm_eps: Double?
    var max_position_embeddings: Int
    var vocab_size: Int
    var type_vocab_size: Int?
    var position_embedding_type: String?
    var hidden_dropout_prob: Double?
    var attention_probs_dropout_prob: Double?

    /// Ranges far beyond any real model, so that no size computed from them can overflow.
    func check(_ file: ModelFile) throws(KuklaError) {
        guard model_type == "bert" else {
            throw file.unsupported("model_type", model_type ?? "missing", "bert")
        }
        if let type = position_embedding_type, type != "absolute" {
            throw file.unsupported("position_embedding_type", type, "absolute")
        }
        for (key, value, range) in [
            ("hidden_size", hidden_size, 1...1 << 16),
            ("num_hidden_layers", num_hidden_layers, 1...1 << 10),
            ("num_attention_heads", num_attention_heads, 1...1 << 10),
            ("intermediate_size", intermediate_size, 1...1 << 20),
            ("max_position_embeddings", max_position_embeddings, 3...1 << 20),
            ("vocab_size", vocab_size, 1...1 << 26), ("type_vocab_size", type_vocab_size ?? 2, 1...1 << 10),
        ] where !range.contains(value) {
            throw file.wrong(key, "\(range.lowerBound) to \(range.upperBound)", value)
        }
        guard hidden_size % num_attention_heads == 0 else {
            throw file.wrong(
                "num_attention_heads", "a divisor of hidden_size \(hidden_size)", num_attention_heads)
        }
        let epsilon = layer_norm_eps ?? 1e-12
        guard epsilon >= 0, epsilon < 1 else { throw file.wrong("layer_norm_eps", "0 to 1", epsilon) }
        for (key, rate) in [
            ("hidden_dropout_prob", hidden_dropout_prob ?? 0),
            ("attention_probs_dropout_prob", attention_probs_dropout_prob ?? 0),
        ] where !(0..<1).contains(rate) {
            throw file.wrong(key, "0 to below 1", rate)
        }
    }

    func activation(_ file: ModelFile) throws(KuklaError) -> kk_activation {
        switch hidden_act ?? "gelu" {
        case "gelu": return kk_activation_gelu
        case "gelu_new", "gelu_pytorch_tanh": return kk_activation_gelu_tanh
        case "relu": return kk_activation_relu
        case let other: throw file.unsupported("hidden_act", other, "gelu, gelu_new and relu")
        }
    }
}
