public import KuklaNumerics
public import KuklaTensor

/// Attention of the tokens of each sequence to one another, with its projections.
///
/// *Shapes:* packed tokens `[tokens, width]` in and out.
public struct SelfAttention: Module {
    public let configuration: AttentionConfiguration
    public let names: AttentionNames
    /// Queries, keys and values; or one layer of all three, in this order.
    public let projections: [Linear]
    public let output: Linear
    public let queryNorm: RMSNorm?
    public let keyNorm: RMSNorm?

    /// Weights drawn as `Linear` draws them.
    public init(
        _ configuration: AttentionConfiguration, names: AttentionNames = .plain,
        using random: inout RandomSource
    ) {
        let (width, shape) = (configuration.width, configuration.shape)
        let widths =
            configuration.isFused
            ? [shape.fusedWidth] : [shape.queryWidth, shape.keyWidth, shape.keyWidth]
        self.configuration = configuration
        self.names = names
        projections = widths.map { Linear(width, $0, bias: configuration.hasBias, using: &random) }
        output = Linear(shape.queryWidth, width, bias: configuration.hasOutputBias, using: &random)
        let epsilon = configuration.headNormEpsilon
        queryNorm = epsilon.map { RMSNorm(shape.headDimensions, epsilon: $0) }
        keyNorm = epsilon.map { RMSNorm(shape.headDimensions, epsilon: $0) }
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        for (name, layer) in zip(
            configuration.isFused ? [names.fused] : [names.query, names.key, names.value], projections)
        {
            visitor.visit(name, layer)
        }
        visitor.visit(names.output, output)
        visitor.visit(names.queryNorm, queryNorm)
        visitor.visit(names.keyNorm, keyNorm)
    }

    /// Every token's attention to the tokens of its sequence.
    public func callAsFunction(_ x: Tensor, _ context: AttentionContext) -> Tensor {
        let shape = configuration.shape
        var (q, k, v) = project(x, context.mode)
        if let angles = context.queryAngles, let keyAngles = context.keyAngles {
            if q.tensor.node === k.tensor.node, q.tensor.shape == k.tensor.shape,
                q.tensor.pointer == k.tensor.pointer, angles.isSame(as: keyAngles)
            {
                // One pass over queries and keys, which stand side by side.
                let turned = q.tensor.rotated(
                    by: angles, headDimensions: shape.headDimensions,
                    columns: q.range.lowerBound..<k.range.upperBound)
                (q, k, v) = (
                    TensorColumns(turned, q.range), TensorColumns(turned, k.range),
                    TensorColumns(turned, v.range)
                )
            } else {
                q = rotated(q, by: angles)
                k = rotated(k, by: keyAngles)
            }
        }
        let attended = Tensor.attention(
            query: q, key: k, value: v, shape: shape, queries: context.lengths,
            options: context.options(configuration))
        return output(attended, mode: context.mode)
    }

    /// New tokens' attention to themselves and to those that `cache` holds of this `layer`; their keys are added to it.
    ///
    /// The cache was extended by `context.lengths` before; `context.keyAngles` are those of all tokens that it holds.
    public func callAsFunction(
        _ x: Tensor, _ context: AttentionContext, cache: inout KeyValueCache, layer: Int
    ) -> Tensor {
        var (q, k, v) = project(x, context.mode)
        if let angles = context.queryAngles { q = rotated(q, by: angles) }
        let all = cache.append(keys: k.copied(), values: v.copied(), layer: layer)
        (k, v) = (TensorColumns(all.keys), TensorColumns(all.values))
        if let angles = context.keyAngles { k = rotated(k, by: angles) }
        let attended = Tensor.attention(
            query: q, key: k, value: v, shape: configuration.shape, queries: context.lengths,
            keys: cache.lengths, options: context.options(configuration))
        return output(attended, mode: context.mode)
    }

    private func project(
        _ x: Tensor, _ mode: ForwardMode
    ) -> (TensorColumns, TensorColumns, TensorColumns) {
        let shape = configuration.shape
        let all = ProjectedHeads(layers: projections, mode: mode)(x)
        let (first, second) = (shape.queryWidth, shape.queryWidth + shape.keyWidth)
        var (q, k, v) =
            configuration.isFused
            ? (
                all[0].columns(0..<first), all[0].columns(first..<second),
                all[0].columns(second..<shape.fusedWidth)
            )
            : (all[0], all[1], all[2])
        if let queryNorm, let keyNorm {
            q = normalized(q, queryNorm)
            k = normalized(k, keyNorm)
        }
        return (q, k, v)
    }

    private func normalized(_ columns: TensorColumns, _ norm: RMSNorm) -> TensorColumns {
        let x = columns.copied()
        return TensorColumns(norm(x.reshaped([-1, norm.weight.shape[0]])).reshaped(x.shape))
    }

    private func rotated(_ columns: TensorColumns, by angles: RotaryAngles) -> TensorColumns {
        TensorColumns(
            columns.copied().rotated(by: angles, headDimensions: configuration.shape.headDimensions))
    }
}
