import CKernels
import Foundation
import KuklaNumerics

/// All parameters of an encoder, packed for the kernels.
struct EncoderWeights: Sendable {
    struct LayerNorm: Sendable {
        let gamma, beta: AlignedStorage<Float>
        let epsilon: Float
        var kernel: kk_layer_norm {
            kk_layer_norm(gamma: gamma.pointer, beta: beta.pointer, epsilon: epsilon)
        }
    }

    struct Layer: Sendable {
        /// Query, key and value in one product: `[3 * hidden, hidden]`.
        let attention: PackedLinear
        let attentionOutput: PackedLinear
        let attentionNorm: LayerNorm
        let up, down: PackedLinear
        let outputNorm: LayerNorm
    }

    let words: Matrix
    let positions: Matrix
    let tokenType: AlignedStorage<Float>
    let embeddingNorm: LayerNorm
    let layers: [Layer]
    let dense: [PackedLinear]

    /// Reads and packs the weights under `folder`; a tensor that is missing or of another shape is named.
    ///
    /// - Parameter changes: what is added to the weights of linear layers, row-major, by the layers' paths.
    init(
        folder: URL, configuration c: EncoderConfiguration, precision: TextEncoder.Precision,
        changes: [String: [Float]] = [:]
    ) throws(KuklaError) {
        let file = try WeightFile(folder.appending(path: "model.safetensors"))
        let width = c.hiddenSize

        func norm(_ name: String) throws(KuklaError) -> LayerNorm {
            LayerNorm(
                gamma: AlignedStorage(try file.floats(name + ".weight", shape: [width])),
                beta: AlignedStorage(try file.floats(name + ".bias", shape: [width])),
                epsilon: c.layerNormEpsilon)
        }
        func linear(_ names: [String], _ outputs: Int, _ inputs: Int) throws(KuklaError) -> PackedLinear {
            var weights: [Float] = []
            var bias: [Float] = []
            for name in names {
                var part = try file.floats(name + ".weight", shape: [outputs, inputs])
                if let change = changes[name] {
                    contract(change.count == part.count, "EncoderWeights: a change of another shape: \(name)")
                    for i in part.indices { part[i] += change[i] }
                }
                weights = weights.isEmpty ? part : weights + part
                bias += try file.floats(name + ".bias", shape: [outputs])
            }
            return PackedLinear(
                weights, bias: bias, inputs: inputs, outputs: outputs * names.count, precision: precision)
        }

        words = try file.matrix("embeddings.word_embeddings.weight", rows: c.vocabulary, columns: width)
        positions = try file.matrix(
            "embeddings.position_embeddings.weight", rows: c.positions, columns: width)
        let types = try file.floats(
            "embeddings.token_type_embeddings.weight", shape: [c.tokenTypes, width])
        tokenType = AlignedStorage(Array(types.prefix(width)))
        embeddingNorm = try norm("embeddings.LayerNorm")
        var layers: [Layer] = []
        for index in 0..<c.layers {
            let base = "encoder.layer.\(index)."
            layers.append(
                Layer(
                    attention: try linear(
                        ["query", "key", "value"].map { base + "attention.self." + $0 }, width, width),
                    attentionOutput: try linear([base + "attention.output.dense"], width, width),
                    attentionNorm: try norm(base + "attention.output.LayerNorm"),
                    up: try linear([base + "intermediate.dense"], c.intermediateSize, width),
                    down: try linear([base + "output.dense"], width, c.intermediateSize),
                    outputNorm: try norm(base + "output.LayerNorm")))
        }
        self.layers = layers
        file.releasePages()

        var dense: [PackedLinear] = []
        for layer in c.dense {
            let file = try WeightFile(layer.folder.appending(path: "model.safetensors"))
            let weights = try file.floats("linear.weight", shape: [layer.outputs, layer.inputs])
            let bias =
                layer.hasBias
                ? try file.floats("linear.bias", shape: [layer.outputs])
                : [Float](repeating: 0, count: layer.outputs)
            dense.append(
                PackedLinear(
                    weights, bias: bias, inputs: layer.inputs, outputs: layer.outputs, precision: .float32))
        }
        self.dense = dense
    }
}
