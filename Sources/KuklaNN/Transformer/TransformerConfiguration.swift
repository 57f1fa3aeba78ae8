import KuklaNumerics
public import KuklaTensor

/// The sizes and kinds of a transformer: encoder or decoder.
public struct TransformerConfiguration: Sendable {
    /// Where a block's norms stand.
    public enum NormPlacement: Sendable, Hashable {
        /// Before attention and feed-forward (GPT-2, Llama); the stack then ends with a norm.
        case before
        /// After each sum (the paper, BERT).
        case after
    }

    /// How tokens know their places.
    public enum Positions: Sendable, Hashable {
        case none
        /// A trained vector for each of `count` positions, added to the tokens'.
        case learned(count: Int)
        /// Queries and keys turned by their positions.
        case rotary(RotaryTable)
        /// A penalty that grows with the distance: `AttentionBias.alibi`.
        case alibi
        /// A trained number for each head and bucket of distances, shared by all blocks.
        case relative(RelativePositionBias.Buckets)
    }

    public var width: Int
    public var layers: Int
    public var heads: Int
    public var keyValueHeads: Int
    public var headDimensions: Int
    public var innerWidth: Int
    public var activation: Activation
    /// Whether the feed-forward layer has a gate (SwiGLU with `activation: .silu`).
    public var isGated: Bool
    public var norm: Normalization.Kind
    public var normPlacement: NormPlacement
    public var positions: Positions
    public var pattern: AttentionPattern
    /// Whether queries, keys and values are one parameter.
    public var hasFusedProjections: Bool
    public var hasBias: Bool
    /// An RMS norm over each head's queries and keys with this epsilon; nil: none.
    public var headNormEpsilon: Float?
    /// Columns of a memory that each block attends to between its own attention and the feed-forward layer; nil: none.
    public var memoryWidth: Int?
    /// Dropout of what attention and feed-forward add, and of embeddings.
    public var dropout: Float
    /// Dropout of attention probabilities.
    public var attentionDropout: Float
    /// Whether only the inputs of blocks are kept for the gradient, and each block runs again on the way back.
    public var usesCheckpoints: Bool
    public var names: TransformerNames

    public init(
        width: Int, layers: Int, heads: Int, keyValueHeads: Int? = nil, headDimensions: Int? = nil,
        innerWidth: Int? = nil, activation: Activation = .gelu, isGated: Bool = false,
        norm: Normalization.Kind = .layer(epsilon: 1e-5), normPlacement: NormPlacement = .before,
        positions: Positions = .none, pattern: AttentionPattern = .full, hasFusedProjections: Bool = false,
        hasBias: Bool = true, headNormEpsilon: Float? = nil, memoryWidth: Int? = nil, dropout: Float = 0,
        attentionDropout: Float = 0, usesCheckpoints: Bool = false, names: TransformerNames = .plain
    ) {
        contract(
            headDimensions != nil || width % heads == 0,
            "TransformerConfiguration: \(heads) heads do not divide a width of \(width)")
        self.width = width
        self.layers = layers
        self.heads = heads
        self.keyValueHeads = keyValueHeads ?? heads
        self.headDimensions = headDimensions ?? width / heads
        self.innerWidth = innerWidth ?? 4 * width
        self.activation = activation
        self.isGated = isGated
        self.norm = norm
        self.normPlacement = normPlacement
        self.positions = positions
        self.pattern = pattern
        self.hasFusedProjections = hasFusedProjections
        self.hasBias = hasBias
        self.headNormEpsilon = headNormEpsilon
        self.memoryWidth = memoryWidth
        self.dropout = dropout
        self.attentionDropout = attentionDropout
        self.usesCheckpoints = usesCheckpoints
        self.names = names
    }

    /// A BERT encoder: norms after, GELU, dropout 0.1, Hugging Face's keys. MiniLM-L6 is `bert(width: 384, layers: 6, heads: 12)`.
    public static func bert(
        width: Int, layers: Int, heads: Int, dropout: Float = 0.1, epsilon: Float = 1e-12
    ) -> TransformerConfiguration {
        TransformerConfiguration(
            width: width, layers: layers, heads: heads, norm: .layer(epsilon: epsilon), normPlacement: .after,
            dropout: dropout, attentionDropout: dropout, names: .bert)
    }

    /// A decoder as Llama's: norms before, RMS norm, SwiGLU, rotary positions, no biases, Hugging Face's keys.
    public static func llama(
        width: Int, layers: Int, heads: Int, keyValueHeads: Int? = nil, innerWidth: Int, base: Float = 10_000
    ) -> TransformerConfiguration {
        TransformerConfiguration(
            width: width, layers: layers, heads: heads, keyValueHeads: keyValueHeads, innerWidth: innerWidth,
            activation: .silu, isGated: true, norm: .rootMeanSquare(epsilon: 1e-6),
            positions: .rotary(RotaryTable(dimensions: width / heads, base: base)), pattern: .causal,
            hasBias: false, names: .llama)
    }

    /// The attention of each block.
    public var attention: AttentionConfiguration {
        AttentionConfiguration(
            width: width,
            shape: AttentionShape(
                heads: heads, keyValueHeads: keyValueHeads, headDimensions: headDimensions),
            pattern: pattern, dropout: attentionDropout, hasBias: hasBias, hasOutputBias: hasBias,
            isFused: hasFusedProjections, headNormEpsilon: headNormEpsilon)
    }
}
