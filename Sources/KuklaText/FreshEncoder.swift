public import Foundation
import KuklaFormats
import KuklaNN
public import KuklaNumerics
import KuklaTensor

/// A new model as a folder of its own: a BERT stack with random weights, for a language model to begin with.
///
/// Embeddings and weights are drawn from N(0, 0.02), as BERT's and GPT's; texts are pooled by their mean and not normalised.
public struct FreshEncoder: Sendable {
    public var layers: Int
    /// Components of a token; a multiple of `heads`.
    public var width: Int
    public var heads: Int
    /// The longest sequence.
    public var positions: Int
    public var mask: AttentionMask
    /// Tokens in the order of their ids, [PAD], [UNK], [CLS], [SEP] and [MASK] among them.
    public var vocabulary: [String]

    /// - Precondition: sizes above 0; `heads` divides `width`; at least 3 positions.
    public init(
        layers: Int, width: Int, heads: Int, positions: Int, mask: AttentionMask, vocabulary: [String]
    ) {
        contract(
            layers > 0 && heads > 0 && width > 0 && width % heads == 0 && positions > 2,
            "FreshEncoder: \(layers) layers of \(width), \(heads) heads, \(positions) positions")
        self.layers = layers
        self.width = width
        self.heads = heads
        self.positions = positions
        self.mask = mask
        self.vocabulary = vocabulary
    }

    /// The special tokens, all single characters in ASCII, and the tokens that stand most often in `texts`, up to `count`, in the
    /// order of the tokenizer's ids. Rarer words are then spelled by shorter tokens.
    public static func frequentTokens(
        _ count: Int, of tokenizer: WordPieceTokenizer, in texts: TokenBatch
    ) -> [String] {
        var counts = [Int](repeating: 0, count: tokenizer.vocabularySize)
        for id in texts.ids { counts[Int(id)] += 1 }
        let special: Set<String> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        let all = counts.indices.compactMap { id in tokenizer.token(Int32(id)).map { (id: id, text: $0) } }
        func isCharacter(_ text: String) -> Bool {
            let bare = text.hasPrefix("##") ? text.dropFirst(2) : text[...]
            return bare.utf8.count == 1
        }
        let kept = all.filter { special.contains($0.text) || isCharacter($0.text) }
        let frequent = all.filter { !special.contains($0.text) && !isCharacter($0.text) && counts[$0.id] > 0 }
            .sorted { (counts[$0.id], $1.id) > (counts[$1.id], $0.id) }
        return (kept + frequent.prefix(max(0, count - kept.count))).sorted { $0.id < $1.id }.map(\.text)
    }

    /// Writes the folder, whole or not at all.
    ///
    /// - Throws: `KuklaError` (`missingFile` where the folder around it is not there, `inputOutput`).
    public func write(to url: URL, seed: UInt64) throws(KuklaError) {
        let folder = try AtomicFolder(url)
        func write(_ text: String, _ name: String) throws(KuklaError) {
            try AtomicFile.write(text + "\n", to: folder.staging.appending(path: name))
        }
        try write(
            """
            {
              "architectures": ["BertModel"],
              "model_type": "bert",
              "is_decoder": \(mask == .causal),
              "hidden_act": "gelu",
              "hidden_size": \(width),
              "intermediate_size": \(4 * width),
              "num_hidden_layers": \(layers),
              "num_attention_heads": \(heads),
              "vocab_size": \(vocabulary.count),
              "max_position_embeddings": \(positions),
              "type_vocab_size": 1,
              "layer_norm_eps": 1e-12,
              "hidden_dropout_prob": 0.0,
              "attention_probs_dropout_prob": 0.0
            }
            """, "config.json")
        try write(
            """
            [
              {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
              {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}
            ]
            """, "modules.json")
        try ModelFolder.make("1_Pooling", in: folder.staging)
        try write(
            "{\"word_embedding_dimension\": \(width), \"pooling_mode_mean_tokens\": true}",
            "1_Pooling/config.json")
        try write(vocabulary.joined(separator: "\n"), "vocab.txt")
        try write(
            "{\"tokenizer_class\": \"BertTokenizer\", \"do_lower_case\": true, \"model_max_length\": \(positions)}",
            "tokenizer_config.json")
        try ModelFolder.write(maximumLength: positions, to: folder.staging)
        try weights(seed: seed).write(to: folder.staging.appending(path: "model.safetensors"))
        try folder.commit()
    }

    private func weights(seed: UInt64) -> SafetensorsWriter {
        var writer = SafetensorsWriter(metadata: ["format": "pt"])
        var random = RandomSource(seed: seed)
        func linear(_ name: String, _ outputs: Int, _ inputs: Int) {
            writer.add(
                Tensor.normal([outputs, inputs], deviation: 0.02, using: &random), named: name + ".weight")
            writer.add(Tensor.zeros([outputs]), named: name + ".bias")
        }
        func norm(_ name: String) {
            writer.add(Tensor.ones([width]), named: name + ".weight")
            writer.add(Tensor.zeros([width]), named: name + ".bias")
        }
        for (name, rows) in [("word", vocabulary.count), ("position", positions), ("token_type", 1)] {
            writer.add(
                Tensor.normal([rows, width], deviation: 0.02, using: &random),
                named: "embeddings.\(name)_embeddings.weight")
        }
        norm("embeddings.LayerNorm")
        for layer in 0..<layers {
            let base = "encoder.layer.\(layer)."
            for part in ["query", "key", "value"] { linear(base + "attention.self.\(part)", width, width) }
            linear(base + "attention.output.dense", width, width)
            norm(base + "attention.output.LayerNorm")
            linear(base + "intermediate.dense", 4 * width, width)
            linear(base + "output.dense", width, 4 * width)
            norm(base + "output.LayerNorm")
        }
        return writer
    }
}
