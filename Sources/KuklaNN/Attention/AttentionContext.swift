import KuklaNumerics
public import KuklaTensor

/// What all attention layers of one pass have in common.
public struct AttentionContext: Sendable {
    /// How the tokens of the pass are packed.
    public var lengths: SequenceLengths
    /// By what queries are turned; nil: not at all.
    public var queryAngles: RotaryAngles?
    /// By what keys are turned: those of the pass, or all that a cache holds after it.
    public var keyAngles: RotaryAngles?
    public var bias: AttentionBias
    /// Multiplies the scores of each query token.
    public var temperature: [Float]?
    /// Instead of the pattern that the layer was configured with.
    public var pattern: AttentionPattern?
    /// For each block with cross attention, the keys and values that its tokens attend to: `TransformerStack.memory`.
    public var memory: [CrossAttention.Memory] = []
    public var mode: ForwardMode

    public init(
        lengths: SequenceLengths, queryAngles: RotaryAngles? = nil, keyAngles: RotaryAngles? = nil,
        bias: AttentionBias = .none, temperature: [Float]? = nil, pattern: AttentionPattern? = nil,
        mode: ForwardMode = .inference
    ) {
        self.lengths = lengths
        self.queryAngles = queryAngles
        self.keyAngles = keyAngles
        self.bias = bias
        self.temperature = temperature
        self.pattern = pattern
        self.mode = mode
    }

    /// Queries and keys turned by the same table at the same positions (counted from 0 in each sequence without).
    public init(
        lengths: SequenceLengths, rotary: RotaryTable, positions: [Int32]? = nil,
        mode: ForwardMode = .inference
    ) {
        let angles = rotary.angles(positions ?? lengths.positions())
        self.init(lengths: lengths, queryAngles: angles, keyAngles: angles, mode: mode)
    }

    /// How a layer of `configuration` attends; dropout takes its seed from the mode's stream.
    func options(_ configuration: AttentionConfiguration) -> AttentionOptions {
        var dropout: AttentionDropout?
        if configuration.dropout > 0, case .training(let stream) = mode {
            dropout = AttentionDropout(rate: configuration.dropout, seed: stream.draw { $0.next() })
        }
        return AttentionOptions(
            pattern: pattern ?? configuration.pattern, scale: configuration.scale, temperature: temperature,
            bias: bias, dropout: dropout)
    }
}
