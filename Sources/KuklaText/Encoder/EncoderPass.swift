import CKernels
import KuklaNumerics

/// One batch through the model, on the calling thread, in scratch memory.
struct EncoderPass {
    let configuration: EncoderConfiguration
    let weights: EncoderWeights
    let kernels: UnsafePointer<kk_transformer_kernels>
    let scratch: EncoderScratch

    /// Runs `sequences` through the layers: their tokens' vectors lie in `scratch.hidden` then, one behind the other.
    func run(ids: [Int32], offsets: [Int], sequences: ArraySlice<Int>, layers: Int) {
        var lengths: [Int] = []
        lengths.reserveCapacity(sequences.count)
        var tokens = 0
        for sequence in sequences {
            let range = offsets[sequence]..<offsets[sequence + 1]
            embed(ids[range], into: scratch.hidden.pointer + tokens * configuration.hiddenSize)
            lengths.append(range.count)
            tokens += range.count
        }
        for layer in weights.layers.prefix(layers) {
            attend(layer, lengths: lengths, tokens: tokens)
            feedForward(layer, tokens: tokens)
        }
    }

    // MARK: - Layers

    private func embed(_ ids: ArraySlice<Int32>, into hidden: UnsafeMutablePointer<Float>) {
        let width = configuration.hiddenSize
        let norm = weights.embeddingNorm.kernel
        weights.words.withUnsafeBufferPointer { words in
            weights.positions.withUnsafeBufferPointer { positions in
                for (position, id) in ids.enumerated() {
                    kernels.pointee.sum3_layer_norm(
                        words.baseAddress! + Int(id) * width, weights.tokenType.pointer,
                        positions.baseAddress! + position * width, norm, width, hidden + position * width)
                }
            }
        }
    }

    private func attend(_ layer: EncoderWeights.Layer, lengths: [Int], tokens: Int) {
        let width = configuration.hiddenSize
        let qkv = scratch.intermediate.pointer
        if let bias = layer.attention.multiply(
            scratch.hidden.pointer, rows: tokens, into: qkv, scratch: scratch, kernels: kernels)
        {
            kernels.pointee.bias_activation_rows(qkv, bias, tokens, 3 * width, kk_activation_none)
        }
        var start = 0
        for length in lengths {
            for head in 0..<configuration.heads {
                let column = head * configuration.headSize
                attendHead(
                    qkv + start * 3 * width + column, length: length,
                    into: scratch.context.pointer + start * width + column)
            }
            start += length
        }
        let bias = layer.attentionOutput.multiply(
            scratch.context.pointer, rows: tokens, into: scratch.projected.pointer, scratch: scratch,
            kernels: kernels)
        kernels.pointee.add_layer_norm_rows(
            scratch.hidden.pointer, scratch.projected.pointer, bias, layer.attentionNorm.kernel, tokens, width
        )
    }

    /// `softmax(Q K^T / sqrt(d)) V` for one head of one sequence; `query` points at its first component.
    private func attendHead(
        _ query: UnsafePointer<Float>, length: Int, into context: UnsafeMutablePointer<Float>
    ) {
        let width = configuration.hiddenSize, size = configuration.headSize, stride = 3 * width
        let columns = (length + 31) / 32 * 32
        let scores = scratch.scores.pointer
        kk_pack_transposed_f32(query + width, stride, length, size, scratch.keys.pointer)
        let keys = kk_panels_f32(data: scratch.keys.pointer, panel_stride: size * 32, row_stride: 32)
        let values: kk_panels_f32
        if size % 32 == 0 {
            // Whole panels can be read where they are.
            values = kk_panels_f32(data: query + 2 * width, panel_stride: 32, row_stride: stride)
        } else {
            kk_pack_f32(query + 2 * width, stride, length, size, scratch.values.pointer)
            values = kk_panels_f32(data: scratch.values.pointer, panel_stride: length * 32, row_stride: 32)
        }
        let scale = 1 / Float(size).squareRoot()
        var first = 0
        while first < length {
            let rows = min(EncoderScratch.scoreRows, length - first)
            kernels.pointee.multiply_f32(
                query + first * stride, stride, keys, scores, columns, rows,
                min(columns, (length + 15) / 16 * 16), size)
            switch configuration.mask {
            case .bidirectional: kernels.pointee.softmax_rows(scores, columns, rows, length, scale)
            case .causal:
                for row in 0..<rows {
                    let visible = first + row + 1
                    kernels.pointee.softmax_rows(scores + row * columns, columns, 1, visible, scale)
                    for key in visible..<max(visible, length) { scores[row * columns + key] = 0 }
                }
            }
            kernels.pointee.multiply_f32(
                scores, columns, values, context + first * width, width, rows, size, length)
            first += rows
        }
    }

    private func feedForward(_ layer: EncoderWeights.Layer, tokens: Int) {
        let inside = scratch.intermediate.pointer
        let upBias = layer.up.multiply(
            scratch.hidden.pointer, rows: tokens, into: inside, scratch: scratch, kernels: kernels)
        kernels.pointee.bias_activation_rows(
            inside, upBias, tokens, configuration.intermediateSize, configuration.activation)
        let downBias = layer.down.multiply(
            inside, rows: tokens, into: scratch.projected.pointer, scratch: scratch, kernels: kernels)
        kernels.pointee.add_layer_norm_rows(
            scratch.hidden.pointer, scratch.projected.pointer, downBias, layer.outputNorm.kernel, tokens,
            configuration.hiddenSize)
    }

    // MARK: - From the tokens of the last run to vectors

    /// Writes the tokens' vectors: for each of `sequences` those in `tokens[sequence]`, which counts from the sequence's first
    /// token, to the rows of `out` from `rows[sequence]` on.
    ///
    /// - Parameter asStates: as the last layer gives them; else behind the dense layers of a model for late interaction, and
    ///   divided by their norms.
    func writeTokens(
        offsets: [Int], sequences: ArraySlice<Int>, tokens: [Range<Int>], rows: [Int], asStates: Bool,
        into out: UnsafeMutablePointer<Float>
    ) throws(KuklaError) {
        var vectors = UnsafePointer(scratch.hidden.pointer)
        var width = configuration.hiddenSize
        if !asStates && configuration.isLateInteraction {
            let count = sequences.reduce(0) { $0 + offsets[$1 + 1] - offsets[$1] }
            vectors = applyDense(to: vectors, rows: count)
            width = configuration.dimensions
        }
        var start = 0
        for sequence in sequences {
            let source = vectors + (start + tokens[sequence].lowerBound) * width
            for token in 0..<tokens[sequence].count {
                let target = out + (rows[sequence] + token) * width
                target.update(from: source + token * width, count: width)
                try normalize(target, count: width, isWanted: !asStates, sequence)
            }
            start += offsets[sequence + 1] - offsets[sequence]
        }
    }

    /// Writes the embedding of each of `sequences` to its row of `out`.
    ///
    /// - Parameter promptLengths: how many leading tokens of each sequence are a prompt's; empty for none.
    func pool(
        offsets: [Int], sequences: ArraySlice<Int>, promptLengths: [Int],
        into out: UnsafeMutablePointer<Float>
    ) throws(KuklaError) {
        let width = configuration.hiddenSize, dimensions = configuration.dimensions
        let pooledWidth = width * configuration.pooling.count
        if let latent = weights.latent {
            attendToLatents(latent, tokens: sequences.reduce(0) { $0 + offsets[$1 + 1] - offsets[$1] })
        }
        var start = 0
        for (position, sequence) in sequences.enumerated() {
            let length = offsets[sequence + 1] - offsets[sequence]
            let skipped =
                configuration.poolsPrompt || promptLengths.isEmpty ? 0 : promptLengths[sequence]
            let target =
                weights.dense.isEmpty
                ? out + sequence * dimensions : scratch.pooled.pointer + position * pooledWidth
            for (index, mode) in configuration.pooling.enumerated() {
                pool(
                    mode, scratch.hidden.pointer + (start + skipped) * width, length - skipped,
                    into: target + index * width)
            }
            start += length
        }
        if !weights.dense.isEmpty {
            let final = applyDense(to: scratch.pooled.pointer, rows: sequences.count)
            for (position, sequence) in sequences.enumerated() {
                (out + sequence * dimensions).update(from: final + position * dimensions, count: dimensions)
            }
        }
        for sequence in sequences {
            try normalize(
                out + sequence * dimensions, count: dimensions, isWanted: configuration.normalizes, sequence)
        }
    }

    private func pool(
        _ mode: PoolingMode, _ tokens: UnsafePointer<Float>, _ length: Int,
        into out: UnsafeMutablePointer<Float>
    ) {
        let width = configuration.hiddenSize
        out.update(from: mode == .lastToken ? tokens + (length - 1) * width : tokens, count: width)
        guard mode != .firstToken, mode != .lastToken else { return }
        for token in 1..<max(length, 1) {
            let row = tokens + token * width
            if mode == .maximum {
                for i in 0..<width { out[i] = max(out[i], row[i]) }
            } else {
                for i in 0..<width { out[i] += row[i] }
            }
        }
        guard mode != .maximum else { return }
        let factor = 1 / (mode == .mean ? Float(length) : Float(length).squareRoot())
        for i in 0..<width { out[i] *= factor }
    }

    /// What `LatentAttentionPooling` makes of the tokens in `scratch.hidden`, in their place.
    private func attendToLatents(_ latent: EncoderWeights.Latent, tokens: Int) {
        func multiply(
            _ layer: PackedLinear, _ x: AlignedStorage<Float>, into y: AlignedStorage<Float>
        ) -> UnsafePointer<Float>? {
            layer.multiply(x.pointer, rows: tokens, into: y.pointer, scratch: scratch, kernels: kernels)
        }
        normalizeHidden(latent.norm, tokens: tokens)
        _ = multiply(latent.keys, scratch.context, into: scratch.latent)
        let heads = configuration.latent?.heads ?? 0
        let padded = latent.keys.outputs / max(heads, 1)
        for head in 0..<heads {
            kernels.pointee.softmax_rows(
                scratch.latent.pointer + head * padded, latent.keys.outputs, tokens,
                configuration.latent?.latents ?? 0, latent.scale)
        }
        addToHidden(multiply(latent.values, scratch.latent, into: scratch.projected), tokens: tokens)
        normalizeHidden(latent.feedForwardNorm, tokens: tokens)
        let bias = multiply(latent.up, scratch.context, into: scratch.intermediate)
        kernels.pointee.bias_activation_rows(
            scratch.intermediate.pointer, bias, tokens, latent.up.outputs, kk_activation_gelu)
        addToHidden(multiply(latent.down, scratch.intermediate, into: scratch.projected), tokens: tokens)
    }

    /// `scratch.context` = the norm of `scratch.hidden`.
    private func normalizeHidden(_ norm: EncoderWeights.LayerNorm, tokens: Int) {
        let count = tokens * configuration.hiddenSize
        scratch.context.pointer.update(from: scratch.hidden.pointer, count: count)
        scratch.projected.pointer.update(repeating: 0, count: count)
        kernels.pointee.add_layer_norm_rows(
            scratch.context.pointer, scratch.projected.pointer, nil, norm.kernel, tokens,
            configuration.hiddenSize)
    }

    /// `scratch.hidden += scratch.projected + bias`.
    private func addToHidden(_ bias: UnsafePointer<Float>?, tokens: Int) {
        let (width, hidden) = (configuration.hiddenSize, scratch.hidden.pointer)
        for row in 0..<tokens {
            for i in 0..<width {
                hidden[row * width + i] += scratch.projected.pointer[row * width + i] + (bias?[i] ?? 0)
            }
        }
    }

    /// The dense layers, back and forth between two blocks of scratch, of which the second may hold `vectors`; where the
    /// result lies is returned.
    private func applyDense(to vectors: UnsafePointer<Float>, rows: Int) -> UnsafePointer<Float> {
        var from = vectors
        var (to, next) = (scratch.dense.pointer, scratch.pooled.pointer)
        for (layer, activation) in zip(weights.dense, configuration.dense.map(\.activation)) {
            let bias = layer.multiply(from, rows: rows, into: to, scratch: scratch, kernels: kernels)
            kernels.pointee.bias_activation_rows(to, bias, rows, layer.outputs, activation)
            from = UnsafePointer(to)
            swap(&to, &next)
        }
        return from
    }

    /// Divides `vector` by its norm where `isWanted`, after it was found finite.
    private func normalize(
        _ vector: UnsafeMutablePointer<Float>, count: Int, isWanted: Bool, _ sequence: Int
    ) throws(KuklaError) {
        var squares: Double = 0
        for i in 0..<count { squares += Double(vector[i]) * Double(vector[i]) }
        guard squares.isFinite else {
            throw KuklaError(
                .badData,
                "Cannot encode sequence \(sequence): its vector is not finite. The weights are damaged: fetch the model again."
            )
        }
        guard isWanted else { return }
        // The same floor as torch.nn.functional.normalize.
        let factor = Float(1 / max(squares.squareRoot(), 1e-12))
        for i in 0..<count { vector[i] *= factor }
    }
}
