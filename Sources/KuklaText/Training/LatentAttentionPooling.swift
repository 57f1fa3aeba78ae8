package import KuklaNN
package import KuklaNumerics
package import KuklaTensor

/// What stands before the mean in NV-Embed's pooling: every token attends to a trained dictionary of latents.
///
/// `x += attention(norm(x), norm(latents))`, then `x += feedForward(norm(x))`: tokens are the queries, latents the keys and values,
/// so that there are as many vectors as tokens. (A Perceiver has latents as queries: another method.) Latents are drawn from
/// N(0, 1), as there; both branches begin at zero, unlike there, so that training begins as mean pooling.
///
/// *Shapes:* `latents [r, width]`; packed tokens `[tokens, width]` in and out.
/// *Source:* Lee et al. 2025, "NV-Embed: Improved techniques for training LLMs as generalist embedding models", arXiv:2405.17428. Its
/// projections have no bias, a head is as wide as a token, and the feed-forward layer is two linear ones with GELU, four times wider.
package struct LatentAttentionPooling: Module {
    let latents: Parameter
    let tokenNorm, latentNorm: LayerNorm
    let attention: CrossAttention
    let feedForwardNorm: LayerNorm
    let feedForward: FeedForward

    package init(_ shape: LatentAttentionShape, width: Int, using random: inout RandomSource) {
        latents = Parameter(.normal([shape.latents, width], using: &random))
        tokenNorm = LayerNorm(width)
        latentNorm = LayerNorm(width)
        attention = CrossAttention(
            AttentionConfiguration(
                width: width,
                shape: AttentionShape(
                    heads: shape.heads, keyValueHeads: shape.heads, headDimensions: shape.headWidth ?? width),
                hasBias: false, hasOutputBias: false), using: &random)
        feedForwardNorm = LayerNorm(width)
        feedForward = FeedForward(
            width: width, innerWidth: Self.innerWidth(width), activation: .gelu, using: &random)
        for layer in [attention.output, feedForward.down] {
            layer.weight.value = .zeros(layer.weight.shape)
            if let bias = layer.bias { bias.value = .zeros(bias.shape) }
        }
    }

    package func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("latents", latents)
        visitor.visit("token_norm", tokenNorm)
        visitor.visit("latent_norm", latentNorm)
        visitor.visit("attention", attention)
        visitor.visit("feed_forward_norm", feedForwardNorm)
        visitor.visit("feed_forward", feedForward)
    }

    /// Components inside of the feed-forward layer.
    static func innerWidth(_ width: Int) -> Int { 4 * width }

    package func callAsFunction(_ tokens: Tensor, mode: ForwardMode = .inference) -> Tensor {
        let x = tokens + attended(tokens, mode: mode)
        return x + feedForward(feedForwardNorm(x), mode: mode)
    }

    /// What attention to the latents adds to each token.
    package func attended(_ tokens: Tensor, mode: ForwardMode = .inference) -> Tensor {
        let memory = attention.memory(
            latentNorm(latents.tensor), lengths: SequenceLengths([latents.shape[0]]), mode: mode)
        // No token sees another one, so all texts are one sequence.
        return attention(
            tokenNorm(tokens), AttentionContext(lengths: SequenceLengths([tokens.shape[0]]), mode: mode),
            memory: memory)
    }
}
