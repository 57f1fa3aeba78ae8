public import Foundation
import KuklaFormats
import KuklaNumerics

/// A sentence-transformers folder with a model of a few thousand random numbers that knows the words of `sentences`.
public enum TinyModel {
    public static let subjects = ["a man", "a woman", "two dogs", "the child", "a bird", "some people"]
    public static let verbs = ["plays", "eats", "watches", "carries", "paints"]
    public static let objects = ["a guitar", "an apple", "the sea", "a box", "the wall", "a ball"]

    /// Different sentences, always the same.
    public static func sentences(_ count: Int) -> [String] {
        (0..<count).map { i in
            "\(subjects[i % 6]) \(verbs[i / 6 % 5]) \(objects[i / 30 % 6]) \(["today", "again", "now", "slowly"][i / 180 % 4])"
        }
    }

    /// - Parameter inside: the width of the layers' inner part.
    public static func write(to folder: URL, inside: Int = 24) throws {
        let words = Set(
            (subjects + verbs + objects + ["today again now slowly one other"]).flatMap {
                $0.split(separator: " ")
            })
        let vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + words.sorted().map { String($0) }
        let (width, positions, layers) = (16, 20, 2)
        try FileManager.default.createDirectory(
            at: folder.appending(path: "1_Pooling"), withIntermediateDirectories: true)
        func write(_ text: String, _ name: String) throws {
            try Data(text.utf8).write(to: folder.appending(path: name))
        }
        try write(vocabulary.joined(separator: "\n") + "\n", "vocab.txt")
        try write(
            """
            {"model_type": "bert", "hidden_act": "gelu", "hidden_size": \(width), "num_hidden_layers": \(layers),
             "num_attention_heads": 2, "intermediate_size": \(inside), "vocab_size": \(vocabulary.count),
             "max_position_embeddings": \(positions), "type_vocab_size": 2, "layer_norm_eps": 1e-12}
            """, "config.json")
        try write("{\"max_seq_length\": 20, \"do_lower_case\": false}", "sentence_bert_config.json")
        try write("{\"do_lower_case\": true}", "tokenizer_config.json")
        try write(
            """
            [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
             {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
             {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]
            """, "modules.json")
        try write(
            "{\"word_embedding_dimension\": \(width), \"pooling_mode_mean_tokens\": true}",
            "1_Pooling/config.json")
        var weights = SafetensorsWriter(metadata: ["format": "pt"])
        var random = RandomSource(seed: 17)
        func add(_ name: String, _ shape: [Int], around mean: Float = 0, deviation: Float = 0.3) {
            let rows = shape.dropLast().reduce(1, *)
            let matrix = Matrix(rows: rows, columns: shape[shape.count - 1]) { out in
                for i in out.indices { out[i] = mean + deviation * random.normal() }
            }
            weights.add(matrix, named: name, shape: shape)
        }
        func norm(_ name: String) {
            add(name + ".weight", [width], around: 1, deviation: 0.05)
            add(name + ".bias", [width], deviation: 0.05)
        }
        func linear(_ name: String, _ outputs: Int, _ inputs: Int) {
            add(name + ".weight", [outputs, inputs])
            add(name + ".bias", [outputs], deviation: 0.05)
        }
        add("embeddings.word_embeddings.weight", [vocabulary.count, width])
        add("embeddings.position_embeddings.weight", [positions, width])
        add("embeddings.token_type_embeddings.weight", [2, width])
        norm("embeddings.LayerNorm")
        for layer in 0..<layers {
            let base = "encoder.layer.\(layer)."
            for part in ["query", "key", "value"] { linear(base + "attention.self." + part, width, width) }
            linear(base + "attention.output.dense", width, width)
            norm(base + "attention.output.LayerNorm")
            linear(base + "intermediate.dense", inside, width)
            linear(base + "output.dense", width, inside)
            norm(base + "output.LayerNorm")
        }
        linear("pooler.dense", width, width)
        try weights.write(to: folder.appending(path: "model.safetensors"))
    }
}
