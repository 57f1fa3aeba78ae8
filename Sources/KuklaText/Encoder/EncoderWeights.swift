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

    /// `LatentAttentionPooling`, with what does not depend on tokens multiplied out: for each head the latents' keys through the
    /// queries' projection, and their values through the output's.
    struct Latent: Sendable {
        let norm, feedForwardNorm: LayerNorm
        /// Scores of the latents, head by head, each head's padded: `[heads * padded, width]`.
        let keys: PackedLinear
        /// `[width, heads * padded]`.
        let values: PackedLinear
        let up, down: PackedLinear
        let scale: Float

        /// Columns of a head's scores: whole vectors of the softmax.
        static func padded(_ latents: Int) -> Int { (latents + 15) / 16 * 16 }
    }

    let latent: Latent?
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
        latent = try Latent(c)
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

extension EncoderWeights.Latent {
    /// Nil where the model has none.
    fileprivate init?(_ c: EncoderConfiguration) throws(KuklaError) {
        guard let shape = c.latent else { return nil }
        let (width, heads, count) = (c.hiddenSize, shape.heads, shape.latents)
        let (size, padded) = (shape.headWidth ?? width, Self.padded(count))
        let file = try WeightFile(c.poolingFolder.appending(path: "model.safetensors"))
        func norm(_ name: String) throws(KuklaError) -> EncoderWeights.LayerNorm {
            EncoderWeights.LayerNorm(
                gamma: AlignedStorage(try file.floats(name + ".weight", shape: [width])),
                beta: AlignedStorage(try file.floats(name + ".bias", shape: [width])), epsilon: 1e-5)
        }
        func matrix(_ name: String, _ rows: Int, _ columns: Int) throws(KuklaError) -> Matrix {
            Matrix(rows: rows, columns: columns, elements: try file.floats(name, shape: [rows, columns]))
        }
        func linear(_ name: String, _ outputs: Int, _ inputs: Int) throws(KuklaError) -> PackedLinear {
            PackedLinear(
                try file.floats(name + ".weight", shape: [outputs, inputs]),
                bias: try file.floats(name + ".bias", shape: [outputs]), inputs: inputs, outputs: outputs,
                precision: .float32)
        }
        let latents = Self.normalized(
            try matrix("latents", count, width), try file.floats("latent_norm.weight", shape: [width]),
            try file.floats("latent_norm.bias", shape: [width]))
        func projection(_ name: String) throws(KuklaError) -> Matrix {
            try matrix("attention.\(name).weight", heads * size, width)
        }
        let (query, output) = (
            try projection("query"), try matrix("attention.output.weight", width, heads * size).transposed()
        )
        let (key, value) = (
            latents.multiplied(by: try projection("key"), transposed: true),
            latents.multiplied(by: try projection("value"), transposed: true)
        )
        var (keys, values) = (
            [Float](repeating: 0, count: heads * padded * width),
            [Float](repeating: 0, count: heads * padded * width)
        )
        for head in 0..<heads {
            let columns = head * size..<(head + 1) * size
            for (source, other, isKey) in [(key, query, true), (value, output, false)] {
                let part = Self.columns(columns, of: source).multiplied(by: other.gathering(rows: columns))
                for (i, element) in part.elements.enumerated() {
                    let (latent, component) = i.quotientAndRemainder(dividingBy: width)
                    let row = head * padded + latent
                    if isKey {
                        keys[row * width + component] = element
                    } else {
                        values[component * heads * padded + row] = element
                    }
                }
            }
        }
        func packed(_ weights: [Float], _ outputs: Int, _ inputs: Int) -> PackedLinear {
            PackedLinear(
                weights, bias: [Float](repeating: 0, count: outputs), inputs: inputs, outputs: outputs,
                precision: .float32)
        }
        let inner = LatentAttentionPooling.innerWidth(width)
        self.init(
            norm: try norm("token_norm"), feedForwardNorm: try norm("feed_forward_norm"),
            keys: packed(keys, heads * padded, width), values: packed(values, width, heads * padded),
            up: try linear("feed_forward.up", inner, width),
            down: try linear("feed_forward.down", width, inner),
            scale: 1 / Float(size).squareRoot())
    }

    private static func columns(_ range: Range<Int>, of matrix: Matrix) -> Matrix {
        Matrix(
            rows: matrix.rows, columns: range.count,
            elements: (0..<matrix.rows).flatMap { matrix.row($0)[range] })
    }

    /// Layer norm of every row.
    private static func normalized(_ x: Matrix, _ gamma: [Float], _ beta: [Float]) -> Matrix {
        Matrix(
            rows: x.rows, columns: x.columns,
            elements: (0..<x.rows).flatMap { index -> [Float] in
                let row = x.row(index).map(Double.init)
                let mean = row.reduce(0, +) / Double(row.count)
                let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(row.count)
                let scale = 1 / (variance + 1e-5).squareRoot()
                return row.indices.map { Float((row[$0] - mean) * scale) * gamma[$0] + beta[$0] }
            })
    }
}
