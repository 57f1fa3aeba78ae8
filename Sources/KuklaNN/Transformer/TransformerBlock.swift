public import KuklaNumerics
public import KuklaTensor

/// Attention and feed-forward, each added to what came in: the block that encoders and decoders are stacked of.
///
/// *Shapes:* packed tokens `[tokens, width]` in and out.
/// With norms after: `y = norm(x + attention(x))`, `norm(y + feedForward(y))`; before: `y = x + attention(norm(x))`,
/// `y + feedForward(norm(y))`.
public struct TransformerBlock: Module {
    public let configuration: TransformerConfiguration
    public let attention: SelfAttention
    public let attentionNorm: Normalization
    public let feedForward: FeedForward
    public let feedForwardNorm: Normalization

    public init(_ configuration: TransformerConfiguration, using random: inout RandomSource) {
        self.configuration = configuration
        attention = SelfAttention(
            configuration.attention, names: configuration.names.attentionParts, using: &random)
        attentionNorm = Normalization(configuration.norm, dimensions: configuration.width)
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
        visitor.visit(names.feedForward, feedForward)
        visitor.visit(names.feedForwardNorm, feedForwardNorm)
    }

    public func callAsFunction(_ x: Tensor, _ context: AttentionContext) -> Tensor {
        run(x, context.mode) { attention($0, context) }
    }

    /// New tokens after those that `cache` holds; see `SelfAttention`.
    public func callAsFunction(
        _ x: Tensor, _ context: AttentionContext, cache: inout KeyValueCache, layer: Int
    ) -> Tensor {
        run(x, context.mode) { attention($0, context, cache: &cache, layer: layer) }
    }

    private func run(_ x: Tensor, _ mode: ForwardMode, attention: (Tensor) -> Tensor) -> Tensor {
        let dropout = Dropout(configuration.dropout)
        switch configuration.normPlacement {
        case .after:
            let y = attentionNorm(dropout(attention(x), mode: mode), adding: x)
            return feedForwardNorm(dropout(feedForward(y, mode: mode), mode: mode), adding: y)
        case .before:
            let y = x + dropout(attention(attentionNorm(x)), mode: mode)
            return y + dropout(feedForward(feedForwardNorm(y), mode: mode), mode: mode)
        }
    }
}
