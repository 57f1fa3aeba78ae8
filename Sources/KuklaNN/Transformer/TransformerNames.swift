/// Names of a transformer's parts, so that its parameters have the keys of the files that they come from.
public struct TransformerNames: Sendable, Hashable {
    /// Each block is `blocks.i`.
    public var blocks = "blocks"
    public var attention = "attention"
    public var attentionParts = AttentionNames.plain
    public var attentionNorm = "attention_norm"
    public var crossAttention = "cross_attention"
    public var crossAttentionParts = AttentionNames.plain
    public var crossAttentionNorm = "cross_attention_norm"
    /// Empty: the feed-forward parts stand in the block itself.
    public var feedForward = "feed_forward"
    public var feedForwardParts = FeedForward.Names(up: "up", down: "down")
    public var feedForwardNorm = "feed_forward_norm"
    public var finalNorm = "norm"
    public var tokens = "tokens"
    public var positions = "positions"
    public var relativeBias = "relative_bias"
    public var head = "head"

    public init() {}

    public static let plain = TransformerNames()

    /// Hugging Face's keys of BERT's encoder: `layer.0.attention.self.query.weight` ...
    public static let bert: TransformerNames = {
        var names = TransformerNames()
        names.blocks = "layer"
        names.attentionParts = .bert
        names.attentionNorm = "attention.output.LayerNorm"
        names.feedForward = ""
        names.feedForwardParts = FeedForward.Names(up: "intermediate.dense", down: "output.dense")
        names.feedForwardNorm = "output.LayerNorm"
        return names
    }()

    /// Hugging Face's keys of Llama and its kin: `model.layers.0.self_attn.q_proj.weight` ...
    public static let llama: TransformerNames = {
        var names = TransformerNames()
        names.blocks = "model.layers"
        names.attention = "self_attn"
        names.attentionParts = .llama
        names.attentionNorm = "input_layernorm"
        names.feedForward = "mlp"
        names.feedForwardParts = FeedForward.Names(up: "up_proj", down: "down_proj", gate: "gate_proj")
        names.feedForwardNorm = "post_attention_layernorm"
        names.finalNorm = "model.norm"
        names.tokens = "model.embed_tokens"
        names.head = "lm_head"
        return names
    }()
}
