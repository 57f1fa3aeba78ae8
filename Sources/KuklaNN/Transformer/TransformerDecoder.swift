public import KuklaNumerics
public import KuklaTensor

/// A language model: token embeddings, causal blocks, and a head that scores the next token.
///
/// Parameters are named by `configuration.names`; a tied head is the token table.
public struct TransformerDecoder: Module {
    public let configuration: TransformerConfiguration
    public let tokens: Embedding
    public let positions: Embedding?
    public let stack: TransformerStack
    /// nil: scores are products with the token table.
    public let head: Linear?

    /// Weights drawn at random: embeddings normal with deviation 0.02, layers as `Linear` draws them. The pattern must not let
    /// tokens see those after them.
    public init(
        _ configuration: TransformerConfiguration, vocabulary: Int, isHeadTied: Bool = true,
        using random: inout RandomSource
    ) {
        contract(
            configuration.pattern.future == 0,
            "TransformerDecoder: a pattern that sees later tokens: use .causal or another of its kind")
        self.configuration = configuration
        tokens = Embedding(vocabulary, configuration.width, deviation: 0.02, using: &random)
        if case .learned(let count) = configuration.positions {
            positions = Embedding(count, configuration.width, deviation: 0.02, using: &random)
        } else {
            positions = nil
        }
        stack = TransformerStack(configuration, using: &random)
        head = isHeadTied ? nil : Linear(configuration.width, vocabulary, bias: false, using: &random)
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit(configuration.names.tokens, tokens)
        visitor.visit(configuration.names.positions, positions)
        visitor.visit("", stack)
        visitor.visit(configuration.names.head, head)
    }

    /// Scores of every next token, `[tokens, vocabulary]`.
    ///
    /// - Parameters:
    ///   - memory: what blocks with cross attention attend to, made by `stack.memory`.
    ///   - adjust: changes what all layers share in this pass: temperatures, another pattern, rotary angles of another table.
    public func callAsFunction(
        _ ids: [Int32], lengths: SequenceLengths, positions: [Int32]? = nil,
        memory: [CrossAttention.Memory] = [], mode: ForwardMode = .inference,
        adjusting adjust: (inout AttentionContext) -> Void = { _ in }
    ) -> Tensor {
        score(
            hidden(ids, lengths: lengths, positions: positions, memory: memory, mode: mode, adjusting: adjust)
        )
    }

    /// The tokens after the last block and norm, `[tokens, width]`.
    public func hidden(
        _ ids: [Int32], lengths: SequenceLengths, positions: [Int32]? = nil,
        memory: [CrossAttention.Memory] = [], mode: ForwardMode = .inference,
        adjusting adjust: (inout AttentionContext) -> Void = { _ in }
    ) -> Tensor {
        let positions = positions ?? lengths.positions()
        var context = stack.context(lengths: lengths, positions: positions, mode: mode)
        context.memory = memory
        adjust(&context)
        return stack(embed(ids, lengths, positions, mode), context)
    }

    /// The embedded tokens and what comes out of each block; see `TransformerStack.hiddenStates`.
    public func hiddenStates(
        _ ids: [Int32], lengths: SequenceLengths, positions: [Int32]? = nil,
        memory: [CrossAttention.Memory] = [], leavingAfter count: Int? = nil, mode: ForwardMode = .inference,
        adjusting adjust: (inout AttentionContext) -> Void = { _ in }
    ) -> [Tensor] {
        let positions = positions ?? lengths.positions()
        var context = stack.context(lengths: lengths, positions: positions, mode: mode)
        context.memory = memory
        adjust(&context)
        return stack.hiddenStates(embed(ids, lengths, positions, mode), context, leavingAfter: count)
    }

    /// Scores of the next token after each hidden state, `[tokens, vocabulary]`.
    public func score(_ hidden: Tensor) -> Tensor {
        head.map { $0(hidden) } ?? hidden.linear(tokens.weight.tensor, nil)
    }

    /// An empty cache for this model.
    public func makeCache(sequences: Int = 1) -> KeyValueCache {
        KeyValueCache(layers: configuration.layers, sequences: sequences)
    }

    /// Scores after each of the new tokens `ids`, which follow those that `cache` holds and are added to it: the same as those
    /// of a pass over all of them.
    ///
    /// `positions` count on from that of the last cached token of each sequence without.
    public func callAsFunction(
        _ ids: [Int32], lengths: SequenceLengths, positions: [Int32]? = nil,
        memory: [CrossAttention.Memory] = [], cache: inout KeyValueCache, mode: ForwardMode = .inference,
        adjusting adjust: (inout AttentionContext) -> Void = { _ in }
    ) -> Tensor {
        let positions = positions ?? cache.nextPositions(lengths)
        let x = embed(ids, lengths, positions, mode)
        var context = stack.context(
            lengths: lengths, positions: positions, extending: &cache, mode: mode)
        context.memory = memory
        adjust(&context)
        return score(stack(x, context, cache: &cache))
    }

    /// Up to `count` tokens after `prompt`, each drawn by `choose` from the scores of the last one; ends early where it
    /// returns nil.
    public func generate(
        after prompt: [Int32], count: Int, memory: [CrossAttention.Memory] = [],
        choose: (_ scores: [Float]) -> Int32?
    ) -> [Int32] {
        contract(!prompt.isEmpty, "generate: an empty prompt")
        return withoutGradient {
            var cache = makeCache()
            var next = prompt
            var result: [Int32] = []
            while result.count < count {
                let scores = self(next, lengths: SequenceLengths([next.count]), memory: memory, cache: &cache)
                guard let token = choose(scores[rows: next.count - 1..<next.count].elements) else { break }
                result.append(token)
                next = [token]
            }
            return result
        }
    }

    private func embed(
        _ ids: [Int32], _ lengths: SequenceLengths, _ places: [Int32], _ mode: ForwardMode
    ) -> Tensor {
        contract(
            ids.count == lengths.total && places.count == ids.count,
            "TransformerDecoder: \(ids.count) ids and \(places.count) positions for \(lengths.total) tokens")
        var x = tokens(ids)
        if let positions { x = x + positions(places) }
        return Dropout(configuration.dropout)(x, mode: mode)
    }
}
