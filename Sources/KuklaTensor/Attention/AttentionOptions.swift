import KuklaNumerics

/// How scores become probabilities: `softmax(scale * temperature_i * q_i . k_j + bias)` over the keys that are seen.
public struct AttentionOptions: Sendable {
    public var pattern: AttentionPattern
    /// Multiplies all scores; nil: `1 / sqrt(headDimensions)`.
    public var scale: Float?
    /// Multiplies the scores of each query further, one number a query token: constants, such as a logarithm of the position.
    /// (One that is trained multiplies the queries instead.)
    public var temperature: [Float]?
    public var bias: AttentionBias
    public var dropout: AttentionDropout?

    public init(
        pattern: AttentionPattern = .full, scale: Float? = nil, temperature: [Float]? = nil,
        bias: AttentionBias = .none, dropout: AttentionDropout? = nil
    ) {
        self.pattern = pattern
        self.scale = scale
        self.temperature = temperature
        self.bias = bias
        self.dropout = dropout
    }
}

/// Dropout of attention probabilities: which ones stay is a function of the seed, the head, the query and the key, computed
/// again on the way back, so that nothing is stored.
public struct AttentionDropout: Sendable, Hashable {
    /// The part of the probabilities that become 0; the others are multiplied by `1 / (1 - rate)`.
    public let rate: Float
    public let seed: UInt64

    public init(rate: Float, seed: UInt64) {
        contract(rate >= 0 && rate < 1, "AttentionDropout: a rate of \(rate), expected 0 ..< 1")
        self.rate = rate
        self.seed = seed
    }

    // A key's hash, uniform over 32 bits, must reach this to stay.
    var threshold: UInt32 { UInt32((Double(rate) * 0x1p32).rounded(.down)) }

    /// The stream of one head and query token (SplitMix64 of the two and the seed).
    func key(head: Int, query: Int) -> UInt32 {
        var x = seed &+ (UInt64(head) << 40 &+ UInt64(query) &+ 1) &* 0x9E37_79B9_7F4A_7C15
        x = (x ^ (x >> 30)) &* 0xBF58_476D_1CE4_E5B9
        x = (x ^ (x >> 27)) &* 0x94D0_49BB_1331_11EB
        return UInt32(truncatingIfNeeded: (x ^ (x >> 31)) >> 32)
    }
}
