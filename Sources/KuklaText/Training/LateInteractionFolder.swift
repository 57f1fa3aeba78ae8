public import Foundation
import KuklaFormats
public import KuklaNumerics

/// A model folder for late interaction as PyLate has it: the files of a transformer, and in `1_Dense` the linear layer behind
/// every token.
///
/// `modules.json` names the Transformer and a `pylate.models.Dense.Dense`; there is no pooling. The configuration says that
/// queries are read as documents are: no prefix, no padding with masks, no word left out. `TextEncoder` reads such folders.
public enum LateInteractionFolder {
    /// Writes the folder `url`, whole or not at all.
    ///
    /// - Parameters:
    ///   - base: the folder whose transformer it is; its weights are copied as they are.
    ///   - weight: `[dimensions, hidden size]`, of a layer `weight x + bias`.
    ///   - maximumLength: what the new folder gives as the longest sequence.
    /// - Throws: `KuklaError` (`missingFile` where the folder around it or a source file is not there, `inputOutput`).
    /// - Precondition: as many numbers in `bias` as rows in `weight`.
    public static func write(
        to url: URL, base: URL, weight: Matrix, bias: [Float], maximumLength: Int, card: ModelCard
    ) throws(KuklaError) {
        contract(
            bias.count == weight.rows,
            "LateInteractionFolder: a bias of \(bias.count) for \(weight.rows) outputs")
        let folder = try AtomicFolder(url)
        for name in ModelFolder.transformerFiles + ["model.safetensors"] {
            try ModelFolder.copy(name, from: base, to: folder.staging)
        }
        try ModelFolder.write(maximumLength: maximumLength, to: folder.staging)
        func write(_ text: String, _ name: String) throws(KuklaError) {
            try AtomicFile.write(text + "\n", to: folder.staging.appending(path: name))
        }
        try write(
            """
            [
              {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
              {"idx": 1, "name": "1", "path": "1_Dense", "type": "pylate.models.Dense.Dense"}
            ]
            """, "modules.json")
        try write(
            """
            {
              "similarity_fn_name": "MaxSim",
              "query_prefix": "",
              "document_prefix": "",
              "query_length": \(maximumLength),
              "document_length": \(maximumLength),
              "do_query_expansion": false,
              "attend_to_expansion_tokens": false,
              "skiplist_words": []
            }
            """, "config_sentence_transformers.json")
        try ModelFolder.make("1_Dense", in: folder.staging)
        try write(
            """
            {
              "in_features": \(weight.columns),
              "out_features": \(weight.rows),
              "bias": true,
              "activation_function": "torch.nn.modules.linear.Identity",
              "use_residual": false
            }
            """, "1_Dense/config.json")
        var weights = SafetensorsWriter(metadata: ["format": "pt"])
        weights.add(weight, named: "linear.weight")
        weights.add(
            Matrix(rows: 1, columns: bias.count, elements: bias), named: "linear.bias", shape: [bias.count])
        try weights.write(to: folder.staging.appending(path: "1_Dense/model.safetensors"))
        try AtomicFile.write(
            card.markdown(
                name: url.lastPathComponent, dimensions: weight.rows, maximumLength: maximumLength,
                isLateInteraction: true), to: folder.staging.appending(path: "README.md"))
        try folder.commit()
    }
}
