import KuklaNumerics
import KuklaTensor
import KuklaTestSupport

extension GradientRegistry {
    /// Fused queries, keys and values of two to three sequences, one of length 1, and options that depend on nothing random.
    private static func fused(
        _ name: String, heads: Int = 2, keyHeads: Int = 2, dimensions: Int = 3,
        options: @escaping @Sendable (SequenceLengths) -> AttentionOptions
    ) -> GradientCase {
        let shape = AttentionShape(heads: heads, keyValueHeads: keyHeads, headDimensions: dimensions)
        // The function sees tensors only: the lengths follow from the number of tokens.
        let lengths: @Sendable (Int) -> SequenceLengths = { tokens in
            SequenceLengths([1, (tokens - 1) / 3, tokens - 1 - (tokens - 1) / 3])
        }
        return GradientCase("attention \(name)") { random in
            [Tensor.normal([Int.random(in: 4...40, using: &random), shape.fusedWidth], using: &random)]
        } function: {
            let lengths = lengths($0[0].shape[0])
            return $0[0].attention(shape: shape, lengths: lengths, options: options(lengths))
        }
    }

    /// A bias that is trained together with queries, keys and values.
    private static func biased(
        _ name: String, pattern: AttentionPattern = .full, shape: @escaping @Sendable (Int) -> [Int],
        bias: @escaping @Sendable (Tensor, Int) -> AttentionBias
    ) -> GradientCase {
        let heads = AttentionShape(heads: 2, keyValueHeads: 1, headDimensions: 5)
        return GradientCase("attention \(name)") { random in
            let longest = Int.random(in: 1...20, using: &random)
            return [
                Tensor.normal([2 * longest, heads.fusedWidth], using: &random),
                Tensor.normal(shape(longest), using: &random),
            ]
        } function: {
            let longest = $0[0].shape[0] / 2
            return $0[0].attention(
                shape: heads, lengths: .uniform(count: 2, length: longest),
                options: AttentionOptions(pattern: pattern, bias: bias($0[1], longest)))
        }
    }

    static let attention: [GradientCase] = [
        fused("full") { _ in AttentionOptions() },
        fused("causal", keyHeads: 1, dimensions: 17) { _ in AttentionOptions(pattern: .causal) },
        fused("window", heads: 4) { _ in AttentionOptions(pattern: .window(reach: 2)) },
        fused("causal window") { _ in AttentionOptions(pattern: .causalWindow(3)) },
        fused("lambda", heads: 4, keyHeads: 2) { _ in AttentionOptions(pattern: .lambda(global: 2, window: 3))
        },
        fused("temperature") { lengths in
            AttentionOptions(scale: 0.3, temperature: (0..<lengths.total).map { 1 + Float($0 % 5) / 4 })
        },
        fused("alibi") { lengths in
            AttentionOptions(pattern: .causal, bias: .alibi(heads: 2, longest: lengths.longest))
        },
        fused("alibi by position") { lengths in
            let positions = lengths.positions().map { 3 * $0 }
            return AttentionOptions(
                bias: .byPosition(slopes: [0.1, 0.2], queries: positions, keys: positions, reach: 20))
        },
        fused("dropout", dimensions: 4) { _ in
            AttentionOptions(dropout: AttentionDropout(rate: 0.3, seed: 7))
        },
        biased("bias by distance", shape: { [2, 2 * $0 + 1] }) { .byDistance($0, zero: $1) },
        biased("causal bias by distance", pattern: .causal, shape: { [2, 2 * $0 - 1] }) {
            .byDistance($0, zero: $1 - 1)
        },
        biased("dense bias", pattern: .lambda(global: 1, window: 2), shape: { [2, $0 + 1, $0 + 2] }) {
            table, _ in .dense(table)
        },
        GradientCase("attention to other keys") { random in
            let (queries, keys) = (random.shape(rank: 1, most: 9)[0], random.shape(rank: 1, most: 40)[0])
            return [
                Tensor.normal([queries + 2, 12], using: &random),
                Tensor.normal([keys + 3, 6], using: &random), Tensor.normal([keys + 3, 6], using: &random),
            ]
        } function: {
            Tensor.attention(
                query: $0[0], key: $0[1], value: $0[2],
                shape: AttentionShape(heads: 4, keyValueHeads: 2, headDimensions: 3),
                queries: SequenceLengths([$0[0].shape[0] - 2, 2]),
                keys: SequenceLengths([$0[1].shape[0] - 3, 3]))
        },
        GradientCase("attention of shared columns") { random in
            // Keys are values, and a column belongs to nobody.
            [Tensor.normal([random.shape(rank: 1, most: 40)[0], 9], using: &random)]
        } function: {
            Tensor.attention(
                query: TensorColumns($0[0], 0..<4), key: TensorColumns($0[0], 4..<8),
                value: TensorColumns($0[0], 4..<8), shape: AttentionShape(heads: 1, headDimensions: 4),
                queries: SequenceLengths([$0[0].shape[0]]), options: AttentionOptions(pattern: .causal))
        },
    ]

    static let stacked: [GradientCase] = [
        GradientCase("linear, stacked") { random in
            let (rows, inputs) = (random.shape(rank: 1)[0], random.shape(rank: 1)[0])
            return [[rows, inputs], [3, inputs], [3], [1, inputs], [2, inputs], [2]].map {
                Tensor.normal($0, using: &random)
            }
        } function: {
            let y = $0[0].linear(stacked: [($0[1], $0[2]), ($0[3], nil), ($0[4], $0[5])])
            return TensorColumns(y, 1..<5).copied()
        }
    ]

    static let rotation: [GradientCase] = [RotaryLayout.halfSplit, .interleaved].map { layout in
        GradientCase("rotated \(layout)") { random in
            [Tensor.normal([random.shape(rank: 1)[0], 25], using: &random)]
        } function: {
            let tokens = $0[0].shape[0]
            let angles = RotaryAngles(
                frequencies: [1, 0.3], positions: (0..<tokens).map { Int32($0 * $0) }, layout: layout,
                factor: 1.2)
            let x = $0[0].rotated(by: angles, headDimensions: 6, columns: 0..<18)
            return x * x
        }
    }
}
