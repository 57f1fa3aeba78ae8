public import KuklaNumerics
public import KuklaTensor

/// Blocks one after the other over packed tokens, with what they share: positions, a final norm where norms stand before.
public struct TransformerStack: Module {
    public let configuration: TransformerConfiguration
    public let blocks: [TransformerBlock]
    public let finalNorm: Normalization?
    public let relativeBias: RelativePositionBias?

    public init(_ configuration: TransformerConfiguration, using random: inout RandomSource) {
        self.configuration = configuration
        var blocks: [TransformerBlock] = []
        for _ in 0..<configuration.layers { blocks.append(TransformerBlock(configuration, using: &random)) }
        self.blocks = blocks
        finalNorm =
            configuration.normPlacement == .before
            ? Normalization(configuration.norm, dimensions: configuration.width) : nil
        if case .relative(let buckets) = configuration.positions {
            relativeBias = RelativePositionBias(
                heads: configuration.heads, buckets: buckets, using: &random)
        } else {
            relativeBias = nil
        }
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit(configuration.names.blocks, blocks)
        visitor.visit(configuration.names.finalNorm, finalNorm)
        visitor.visit(configuration.names.relativeBias, relativeBias)
    }

    /// Keys and values of a memory for each block's cross attention: projected once, for `AttentionContext.memory`.
    ///
    /// *Shapes:* `memory [memoryTokens, memoryWidth]`; sequence i of the tokens attends to sequence i of it.
    public func memory(
        _ memory: Tensor, lengths: SequenceLengths, mode: ForwardMode = .inference
    ) -> [CrossAttention.Memory] {
        blocks.compactMap { $0.crossAttention?.memory(memory, lengths: lengths, mode: mode) }
    }

    /// What the blocks share in a pass over these tokens; `positions` count from 0 in each sequence without.
    public func context(
        lengths: SequenceLengths, positions: [Int32]? = nil, mode: ForwardMode = .inference
    ) -> AttentionContext {
        contract(
            positions == nil || positions?.count == lengths.total,
            "transformer: \(positions?.count ?? 0) positions for \(lengths.total) tokens")
        var context = AttentionContext(
            lengths: lengths, bias: bias(lengths, positions, keys: lengths, positions), mode: mode)
        if case .rotary(let table) = configuration.positions {
            let angles = table.angles(positions ?? lengths.positions())
            context.queryAngles = angles
            context.keyAngles = angles
        }
        return context
    }

    /// What the blocks share in a pass over new tokens, by which `cache` is extended.
    func context(
        lengths: SequenceLengths, positions: [Int32], extending cache: inout KeyValueCache, mode: ForwardMode
    ) -> AttentionContext {
        contract(
            cache.layerCount == blocks.count && cache.lengths.count == lengths.count,
            "transformer: a cache of \(cache.layerCount) layers and \(cache.lengths.count) sequences for \(blocks.count) layers and \(lengths.count) sequences"
        )
        cache.extend(by: lengths, positions: positions)
        var context = AttentionContext(
            lengths: lengths, bias: bias(lengths, positions, keys: cache.lengths, cache.positions), mode: mode
        )
        if case .rotary(let table) = configuration.positions {
            context.queryAngles = table.angles(positions)
            context.keyAngles = table.angles(cache.positions)
        }
        return context
    }

    private func bias(
        _ queries: SequenceLengths, _ queryPositions: [Int32]?, keys: SequenceLengths,
        _ keyPositions: [Int32]?
    ) -> AttentionBias {
        if let relativeBias {
            guard let queryPositions, let keyPositions, keyPositions != keys.positions() else {
                return relativeBias(longest: keys.longest)
            }
            contract(
                keys.count == 1,
                "transformer: a trained relative bias by position ids for \(keys.count) sequences: pass one at a time"
            )
            return relativeBias(queries: queryPositions, keys: keyPositions)
        }
        guard case .alibi = configuration.positions else { return .none }
        let heads = configuration.heads
        // Where positions are places, one table serves all sequences.
        guard let queryPositions, let keyPositions, keyPositions != keys.positions() else {
            return .alibi(heads: heads, longest: keys.longest)
        }
        return .byPosition(
            slopes: AttentionBias.alibiSlopes(heads: heads), queries: queryPositions, keys: keyPositions)
    }

    /// The tokens after all blocks, and the final norm.
    public func callAsFunction(_ x: Tensor, _ context: AttentionContext) -> Tensor {
        var x = x
        for i in blocks.indices { x = run(i, x, context) }
        return finalNorm.map { $0(x) } ?? x
    }

    /// What goes into the first block and comes out of each, in this order; the last one after the final norm.
    ///
    /// With `leavingAfter: n` only the first n blocks run, and no final norm unless they are all.
    public func hiddenStates(
        _ x: Tensor, _ context: AttentionContext, leavingAfter count: Int? = nil
    ) -> [Tensor] {
        let count = count ?? blocks.count
        contract(
            count >= 0 && count <= blocks.count,
            "transformer: leaving after \(count) of \(blocks.count) blocks")
        var states = [x]
        for i in 0..<count { states.append(run(i, states[i], context)) }
        if count == blocks.count, let finalNorm { states[count] = finalNorm(states[count]) }
        return states
    }

    /// New tokens after those that `cache` holds.
    func callAsFunction(
        _ x: Tensor, _ context: AttentionContext, cache: inout KeyValueCache
    ) -> Tensor {
        var x = x
        for (i, block) in blocks.enumerated() {
            x = block(x, context, memory: memory(i, context), cache: &cache, layer: i)
        }
        return finalNorm.map { $0(x) } ?? x
    }

    // Every block has cross attention or none has.
    private func memory(_ block: Int, _ context: AttentionContext) -> CrossAttention.Memory? {
        contract(
            context.memory.isEmpty || context.memory.count == blocks.count,
            "transformer: memories of \(context.memory.count) blocks for \(blocks.count)")
        return context.memory.isEmpty ? nil : context.memory[block]
    }

    private func run(_ i: Int, _ x: Tensor, _ context: AttentionContext) -> Tensor {
        let (block, memory) = (blocks[i], memory(i, context))
        guard configuration.usesCheckpoints else { return block(x, context, memory: memory) }
        // Memory and bias may be on the tape: they go in as inputs, so that their gradients come out.
        let memories = memory?.tensors ?? []
        let inputs = [x] + memories + (context.bias.trainedTable.map { [$0] } ?? [])
        // A seed, not the stream, so that the second run draws what the first did.
        let seed: UInt64? =
            if case .training(let stream) = context.mode { stream.draw { $0.next() } } else { nil }
        return checkpoint(inputs) { inputs in
            var context = context
            if let seed { context.mode = .training(RandomStream(seed: seed)) }
            let (memories, tables) = (
                inputs.dropFirst().prefix(memories.count), inputs.dropFirst(1 + memories.count)
            )
            if let table = tables.first { context.bias = context.bias.replacing(table: table) }
            return block(inputs[0], context, memory: memory?.replacing(Array(memories)))
        }
    }
}
