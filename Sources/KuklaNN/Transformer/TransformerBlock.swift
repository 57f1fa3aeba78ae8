public import KuklaNumerics
public import KuklaTensor

/// Attention, attention to a memory where there is one, and feed-forward, each added to what came in: the block that encoders and
/// decoders are stacked of.
///
/// *Shapes:* packed tokens `[tokens, width]` in and out.
/// With norms after: `y = norm(x + attention(x))`, `norm(y + feedForward(y))`; before: `y = x + attention(norm(x))`,
/// `y + feedForward(norm(y))`. Attention to a memory stands between the two, likewise.
public struct TransformerBlock: Module {
    public let configuration: TransformerConfiguration
    public let attention: SelfAttention
    public let attentionNorm: Normalization
    public let crossAttention: CrossAttention?
    public let crossAttentionNorm: Normalization?
    public let feedForward: FeedForward
    public let feedForwardNorm: Normalization

    public init(_ configuration: TransformerConfiguration, using random: inout RandomSource) {
        self.configuration = configuration
        attention = SelfAttention(
            configuration.attention, names: configuration.names.attentionParts, using: &random)
        attentionNorm = Normalization(configuration.norm, dimensions: configuration.width)
        var crossConfiguration = configuration.attention
        crossConfiguration.pattern = .full
        crossAttention = configuration.memoryWidth.map {
            CrossAttention(
                crossConfiguration, memoryWidth: $0, names: configuration.names.crossAttentionParts,
                using: &random)
        }
        crossAttentionNorm = crossAttention.map { _ in
            Normalization(configuration.norm, dimensions: configuration.width)
        }
        feedForward = FeedForward(
            width: configuration.width, innerWidth: configuration.innerWidth,
            activation: configuration.activation, isGated: configuration.isGated, bias: configuration.hasBias,
            names: configuration.names.feedForwardParts, using: &random)
        feedForwardNorm = Normalization(configuration.norm, dimensions: configuration.width)
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        let names = configuration.names
        visitor.visit(names.attention, attention)
        visitor.visit(names.attentionNorm, attentionNorm)
        visitor.visit(names.crossAttention, crossAttention)
        visitor.visit(names.crossAttentionNorm, crossAttentionNorm)
        visitor.visit(names.feedForward, feedForward)
        visitor.visit(names.feedForwardNorm, feedForwardNorm)
    }

    /// - Parameter memory: this block's keys and values of the memory, where it attends to one.
    public func callAsFunction(
        _ x: Tensor, _ context: AttentionContext, memory: CrossAttention.Memory? = nil
    ) -> Tensor {
        run(x, context, memory) { attention($0, context) }
    }

    /// New tokens after those that `cache` holds; see `SelfAttention`.
    public func callAsFunction(
        _ x: Tensor, _ context: AttentionContext, memory: CrossAttention.Memory? = nil,
        cache: inout KeyValueCache, layer: Int
    ) -> Tensor {
        run(x, context, memory) { attention($0, context, cache: &cache, layer: layer) }
    }

    private func run(
        _ x: Tensor, _ context: AttentionContext, _ memory: CrossAttention.Memory?,
        attention: (Tensor) -> Tensor
    ) -> Tensor {
        contract(
            (memory == nil) == (crossAttention == nil),
            "TransformerBlock: a block with cross attention needs a memory, another takes none")
        var y = added(x, attentionNorm, context.mode, attention)
        if let crossAttention, let crossAttentionNorm, let memory {
            let context = AttentionContext(lengths: context.lengths, mode: context.mode)
            y = added(y, crossAttentionNorm, context.mode) { crossAttention($0, context, memory: memory) }
        }
        return added(y, feedForwardNorm, context.mode) { feedForward($0, mode: context.mode) }
    }

    // What `part` makes of `x`, added to it, with the norm where it stands.
    private func added(
        _ x: Tensor, _ norm: Normalization, _ mode: ForwardMode, _ part: (Tensor) -> Tensor
    ) -> Tensor {
        let dropout = Dropout(configuration.dropout)
        switch configuration.normPlacement {
        case .after: return norm(dropout(part(x), mode: mode), adding: x)
        case .before: return x + dropout(part(norm(x)), mode: mode)
        }
    }
}
