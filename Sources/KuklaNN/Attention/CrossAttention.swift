public import KuklaNumerics
public import KuklaTensor

/// Attention of each sequence's tokens to the tokens of another sequence: a decoder's to its encoder's, latents' to inputs.
///
/// *Shapes:* `[tokens, width]` in and out, memory `[memoryTokens, memoryWidth]`.
public struct CrossAttention: Module {
    public let configuration: AttentionConfiguration
    public let names: AttentionNames
    public let query: Linear
    public let key: Linear
    public let value: Linear
    public let output: Linear
    public let queryNorm: RMSNorm?
    public let keyNorm: RMSNorm?

    /// Keys and values of a memory, ready for any number of passes.
    public struct Memory: Sendable {
        let key, value: TensorColumns
        public let lengths: SequenceLengths

        /// What a gradient flows to.
        var tensors: [Tensor] { [key.tensor, value.tensor] }

        /// The same memory with its numbers in other tensors.
        func replacing(_ tensors: [Tensor]) -> Memory {
            Memory(
                key: TensorColumns(tensors[0], key.range), value: TensorColumns(tensors[1], value.range),
                lengths: lengths)
        }
    }

    /// Weights drawn as `Linear` draws them; `memoryWidth` is the configuration's width without.
    public init(
        _ configuration: AttentionConfiguration, memoryWidth: Int? = nil, names: AttentionNames = .plain,
        using random: inout RandomSource
    ) {
        let (width, shape) = (configuration.width, configuration.shape)
        let memoryWidth = memoryWidth ?? width
        self.configuration = configuration
        self.names = names
        query = Linear(width, shape.queryWidth, bias: configuration.hasBias, using: &random)
        key = Linear(memoryWidth, shape.keyWidth, bias: configuration.hasBias, using: &random)
        value = Linear(memoryWidth, shape.keyWidth, bias: configuration.hasBias, using: &random)
        output = Linear(shape.queryWidth, width, bias: configuration.hasOutputBias, using: &random)
        let epsilon = configuration.headNormEpsilon
        queryNorm = epsilon.map { RMSNorm(shape.headDimensions, epsilon: $0) }
        keyNorm = epsilon.map { RMSNorm(shape.headDimensions, epsilon: $0) }
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit(names.query, query)
        visitor.visit(names.key, key)
        visitor.visit(names.value, value)
        visitor.visit(names.output, output)
        visitor.visit(names.queryNorm, queryNorm)
        visitor.visit(names.keyNorm, keyNorm)
    }

    /// Projects a memory once.
    public func memory(
        _ memory: Tensor, lengths: SequenceLengths, mode: ForwardMode = .inference
    ) -> Memory {
        let all = ProjectedHeads(layers: [key, value], mode: mode)(memory)
        return Memory(key: keyNorm.map { normalized(all[0], $0) } ?? all[0], value: all[1], lengths: lengths)
    }

    /// Sequence i of the tokens attends to sequence i of the memory.
    public func callAsFunction(_ x: Tensor, _ context: AttentionContext, memory: Memory) -> Tensor {
        let projected = TensorColumns(query(x, mode: context.mode))
        let q = queryNorm.map { normalized(projected, $0) } ?? projected
        let attended = Tensor.attention(
            query: q, key: memory.key, value: memory.value, shape: configuration.shape,
            queries: context.lengths, keys: memory.lengths, options: context.options(configuration))
        return output(attended, mode: context.mode)
    }

    private func normalized(_ columns: TensorColumns, _ norm: RMSNorm) -> TensorColumns {
        let x = columns.copied()
        return TensorColumns(norm(x.reshaped([-1, norm.weight.shape[0]])).reshaped(x.shape))
    }
}
