import KuklaNumerics
public import KuklaTensor

/// The sizes and kinds of an attention layer.
public struct AttentionConfiguration: Sendable {
    /// Columns of the input and of the result.
    public var width: Int
    public var shape: AttentionShape
    public var pattern: AttentionPattern
    /// Multiplies all scores; nil: `1 / sqrt(headDimensions)`.
    public var scale: Float?
    /// Dropout of the probabilities in training.
    public var dropout: Float
    /// Whether queries, keys and values have biases.
    public var hasBias: Bool
    public var hasOutputBias: Bool
    /// Whether queries, keys and values are one parameter, in this order.
    public var isFused: Bool
    /// Queries and keys pass an RMS norm over each head with this epsilon; nil: they do not.
    public var headNormEpsilon: Float?

    public init(
        width: Int, shape: AttentionShape, pattern: AttentionPattern = .full, scale: Float? = nil,
        dropout: Float = 0, hasBias: Bool = true, hasOutputBias: Bool = true, isFused: Bool = false,
        headNormEpsilon: Float? = nil
    ) {
        self.width = width
        self.shape = shape
        self.pattern = pattern
        self.scale = scale
        self.dropout = dropout
        self.hasBias = hasBias
        self.hasOutputBias = hasOutputBias
        self.isFused = isFused
        self.headNormEpsilon = headNormEpsilon
    }
}

/// Names of an attention layer's parts: paths, in which dots are allowed.
public struct AttentionNames: Sendable, Hashable {
    public var query = "query"
    public var key = "key"
    public var value = "value"
    /// The one parameter of all three.
    public var fused = "qkv"
    public var output = "output"
    public var queryNorm = "query_norm"
    public var keyNorm = "key_norm"

    public init() {}

    public static let plain = AttentionNames()
    /// Hugging Face's names in BERT.
    public static let bert: AttentionNames = {
        var names = AttentionNames()
        names.query = "self.query"
        names.key = "self.key"
        names.value = "self.value"
        names.output = "output.dense"
        return names
    }()
    /// Hugging Face's names in Llama and its kin.
    public static let llama: AttentionNames = {
        var names = AttentionNames()
        names.query = "q_proj"
        names.key = "k_proj"
        names.value = "v_proj"
        names.output = "o_proj"
        names.fused = "qkv_proj"
        names.queryNorm = "q_norm"
        names.keyNorm = "k_norm"
        return names
    }()
}
