import KuklaNN
import KuklaNumerics
import KuklaTensor
import Testing

/// The configurations that every property of a decoder is tried on.
private struct DecoderCase: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let configuration: TransformerConfiguration
    var isHeadTied = true

    func make(seed: UInt64 = 1) -> TransformerDecoder {
        var random = RandomSource(seed: seed)
        return TransformerDecoder(configuration, vocabulary: 50, isHeadTied: isHeadTied, using: &random)
    }

    static let all: [DecoderCase] = [
        DecoderCase(
            testDescription: "learned positions, layer norm",
            configuration: TransformerConfiguration(
                width: 32, layers: 2, heads: 4, positions: .learned(count: 64), pattern: .causal)),
        DecoderCase(
            testDescription: "llama, grouped",
            configuration: .llama(width: 32, layers: 2, heads: 4, keyValueHeads: 2, innerWidth: 48),
            isHeadTied: false),
        DecoderCase(
            testDescription: "alibi, window",
            configuration: TransformerConfiguration(
                width: 24, layers: 2, heads: 3, activation: .relu, positions: .alibi,
                pattern: .causalWindow(5))),
        DecoderCase(
            testDescription: "relative, lambda, fused, norms after",
            configuration: TransformerConfiguration(
                width: 32, layers: 2, heads: 2, normPlacement: .after,
                positions: .relative(.logarithmic(count: 8, longest: 20, isBidirectional: false)),
                pattern: .lambda(global: 2, window: 6), hasFusedProjections: true)),
        DecoderCase(
            testDescription: "fused rotary, head norms",
            configuration: TransformerConfiguration(
                width: 32, layers: 2, heads: 2, activation: .silu, isGated: true,
                norm: .rootMeanSquare(epsilon: 1e-6),
                positions: .rotary(RotaryTable(dimensions: 8, layout: .interleaved)), pattern: .causal,
                hasFusedProjections: true, headNormEpsilon: 1e-6)),
        DecoderCase(
            testDescription: "no layers",
            configuration: TransformerConfiguration(
                width: 16, layers: 0, heads: 2, positions: .learned(count: 40), pattern: .causal)),
    ]
}

private func worst(_ a: Tensor, _ b: Tensor) -> Float {
    a.shape == b.shape ? zip(a.elements, b.elements).map { abs($0 - $1) }.max() ?? 0 : .infinity
}

@Suite struct TransformerTests {
    private let ids: [Int32] = (0..<31).map { $0 * 7 % 50 }

    @Test(arguments: DecoderCase.all)
    private func `a token at a time with a cache equals the full pass within 1e-5`(_ c: DecoderCase) {
        let model = c.make()
        withoutGradient {
            let all = model(ids, lengths: SequenceLengths([ids.count]))
            var cache = model.makeCache()
            for (i, id) in ids.enumerated() {
                let one = model([id], lengths: SequenceLengths([1]), cache: &cache)
                #expect(worst(one, all[rows: i..<i + 1]) <= 1e-5)
            }
            #expect(cache.lengths.lengths == [ids.count])
            // Several sequences, in pieces.
            let lengths = SequenceLengths([10, 1, 20])
            let packed = model(ids, lengths: lengths)
            cache = model.makeCache(sequences: 3)
            let first: [Int32] = Array(ids[0..<4]) + Array(ids[11..<24])
            let second: [Int32] = Array(ids[4..<11]) + Array(ids[24..<31])
            _ = model(first, lengths: SequenceLengths([4, 0, 13]), cache: &cache)
            let rest = model(second, lengths: SequenceLengths([6, 1, 7]), cache: &cache)
            #expect(worst(rest[rows: 0..<7], packed[rows: 4..<11]) <= 1e-5)
            #expect(worst(rest[rows: 7..<14], packed[rows: 24..<31]) <= 1e-5)
        }
    }

    @Test(arguments: DecoderCase.all)
    private func `a later token changes nothing before it, another sequence nothing at all`(_ c: DecoderCase)
    {
        let model = c.make()
        let lengths = SequenceLengths([20, 11])
        let before = model(ids, lengths: lengths)
        var changed = ids
        changed[15] = (changed[15] + 1) % 50
        let after = model(changed, lengths: lengths)
        #expect(worst(before[rows: 0..<15], after[rows: 0..<15]) == 0)
        #expect(worst(before[rows: 20..<31], after[rows: 20..<31]) == 0)
        #expect(worst(before[rows: 15..<16], after[rows: 15..<16]) > 0)
    }

    @Test(arguments: DecoderCase.all)
    private func `every parameter gets a gradient, and checkpoints change none`(_ c: DecoderCase) {
        func gradients(usesCheckpoints: Bool) -> [(String, [Float])] {
            var configuration = c.configuration
            configuration.usesCheckpoints = usesCheckpoints
            configuration.dropout = 0.1
            configuration.attentionDropout = 0.1
            let model = DecoderCase(
                testDescription: "", configuration: configuration, isHeadTied: c.isHeadTied
            ).make()
            // The seeds that blocks draw differ with checkpoints, so only their absence is compared without dropout.
            let mode = ForwardMode.inference
            let scores = model(ids, lengths: SequenceLengths([9, 22]), mode: mode)
            let found = (scores * scores).sum().gradients()
            return model.parameters.map { ($0.path, found[$0.parameter]?.dense.elements ?? []) }
        }
        let plain = gradients(usesCheckpoints: false)
        for (path, gradient) in plain {
            #expect(gradient.contains { $0 != 0 }, "no gradient for \(path)")
        }
        for (a, b) in zip(plain, gradients(usesCheckpoints: true)) { #expect(a == b) }
    }

    @Test func `a checkpoint draws the same dropout twice`() {
        var configuration = TransformerConfiguration.bert(width: 16, layers: 2, heads: 2, dropout: 0.5)
        configuration.usesCheckpoints = true
        var random = RandomSource(seed: 2)
        let model = TransformerEncoder(configuration, using: &random)
        let x = Tensor.normal([6, 16], using: &random)
        // In the direction of the gradient the sum must rise as the gradient says.
        func value(_ x: Tensor) -> Tensor {
            let context = model.context(
                lengths: SequenceLengths([6]), mode: .training(RandomStream(seed: 9)))
            let y = model(x, context)
            return (y * y * y).sum()
        }
        let watched = x.watched()
        guard let gradient = value(watched).gradients()[watched]?.dense else {
            Issue.record("no gradient")
            return
        }
        let direction = gradient / (gradient * gradient).sum().item.squareRoot()
        let step: Float = 1e-2
        let rise = (value(x + direction * step).item - value(x - direction * step).item) / (2 * step)
        #expect(abs(rise - (gradient * direction).sum().item) < 0.03 * abs(rise))
    }

    @Test func `hidden states are those of every block, and leaving early skips the rest`() {
        let model = DecoderCase.all[1].make()
        let lengths = SequenceLengths([31])
        let states = model.hiddenStates(ids, lengths: lengths)
        #expect(states.count == 3)
        #expect(states[2].elements == model.hidden(ids, lengths: lengths).elements)
        let early = model.hiddenStates(ids, lengths: lengths, leavingAfter: 1)
        #expect(early.count == 2)
        #expect(early[1].elements == states[1].elements)
    }

    @Test func `an encoder sees both sides, and its keys are BERT's`() {
        var random = RandomSource(seed: 3)
        let encoder = TransformerEncoder(.bert(width: 24, layers: 1, heads: 2), using: &random)
        #expect(
            encoder.parameters.map(\.path) == [
                "layer.0.attention.self.query.weight", "layer.0.attention.self.query.bias",
                "layer.0.attention.self.key.weight", "layer.0.attention.self.key.bias",
                "layer.0.attention.self.value.weight", "layer.0.attention.self.value.bias",
                "layer.0.attention.output.dense.weight", "layer.0.attention.output.dense.bias",
                "layer.0.attention.output.LayerNorm.weight", "layer.0.attention.output.LayerNorm.bias",
                "layer.0.intermediate.dense.weight", "layer.0.intermediate.dense.bias",
                "layer.0.output.dense.weight", "layer.0.output.dense.bias",
                "layer.0.output.LayerNorm.weight", "layer.0.output.LayerNorm.bias",
            ])
        let x = Tensor.normal([5, 24], using: &random)
        var moved = x
        moved.withUnsafeMutableBufferPointer { $0[4 * 24] += 1 }
        let lengths = SequenceLengths([5])
        let (a, b) = (
            encoder(x, encoder.context(lengths: lengths)), encoder(moved, encoder.context(lengths: lengths))
        )
        #expect(worst(a[rows: 0..<1], b[rows: 0..<1]) > 0)
        // Whatever else is in the batch, a sequence's result is the same.
        let both = Tensor(shape: [10, 24], elements: x.elements + moved.elements)
        let packed = encoder(both, encoder.context(lengths: SequenceLengths([5, 5])))
        #expect(worst(packed[rows: 0..<5], a) <= 1e-6 && worst(packed[rows: 5..<10], b) <= 1e-6)
    }

    // A decoder with a memory of two sequences, and the gradient-carrying parts of a pass over it.
    private func translator(usesCheckpoints: Bool = false) -> (
        TransformerDecoder, memory: Tensor, SequenceLengths
    ) {
        var random = RandomSource(seed: 6)
        let model = TransformerDecoder(
            TransformerConfiguration(
                width: 16, layers: 2, heads: 2, positions: .learned(count: 40), pattern: .causal,
                memoryWidth: 12, usesCheckpoints: usesCheckpoints), vocabulary: 50, using: &random)
        return (model, Tensor.normal([11, 12], using: &random), SequenceLengths([4, 7]))
    }

    @Test func `a block attends to its memory between attention and feed-forward`() throws {
        let (model, memory, lengths) = translator()
        let block = model.stack.blocks[0]
        let cross = try #require(block.crossAttention)
        let norm = try #require(block.crossAttentionNorm)
        var random = RandomSource(seed: 7)
        let x = Tensor.normal([5, 16], using: &random)
        let context = model.stack.context(lengths: SequenceLengths([3, 2]))
        // Composed of elementary operations, a sequence and a head at a time.
        let y = x + block.attention(block.attentionNorm(x), context)
        let (q, k, v) = (cross.query(norm(y)), cross.key(memory), cross.value(memory))
        let attended = [(0..<3, lengths[0]), (3..<5, lengths[1])].map { queries, keys in
            Tensor.concatenated(
                [0..<8, 8..<16].map { head in
                    func part(_ x: Tensor, _ rows: Range<Int>) -> Tensor {
                        x[rows: rows].slice(axis: 1, head)
                    }
                    let scores = part(q, queries).matmul(part(k, keys), transposingOther: true)
                    return (scores / Float(8).squareRoot()).softmax().matmul(part(v, keys))
                }, axis: 1)
        }
        let z = y + cross.output(Tensor.concatenated(attended))
        let expected = z + block.feedForward(block.feedForwardNorm(z))
        let projected = model.stack.memory(memory, lengths: lengths)
        #expect(projected.count == 2)
        #expect(worst(block(x, context, memory: projected[0]), expected) < 1e-5)
    }

    @Test func `a memory is heard by every token, with a cache and with checkpoints`() {
        let (model, memory, lengths) = translator()
        let tokens = SequenceLengths([9, 22])
        let projected = model.stack.memory(memory, lengths: lengths)
        withoutGradient {
            let all = model(ids, lengths: tokens, memory: projected)
            var cache = model.makeCache(sequences: 2)
            let parts: [(Range<Int>, Range<Int>)] = [(0..<4, 9..<10), (4..<9, 10..<31)]
            for (a, b) in parts {
                let scores = model(
                    Array(ids[a] + ids[b]), lengths: SequenceLengths([a.count, b.count]),
                    memory: projected, cache: &cache)
                #expect(worst(scores, .concatenated([all[rows: a], all[rows: b]])) <= 1e-5)
            }
        }
        func gradients(usesCheckpoints: Bool) -> [[Float]] {
            let (model, memory, lengths) = translator(usesCheckpoints: usesCheckpoints)
            let watched = memory.watched()
            let scores = model(
                ids, lengths: tokens, memory: model.stack.memory(watched, lengths: lengths))
            let found = (scores * scores).sum().gradients()
            return [found[watched]?.dense.elements ?? []]
                + model.parameters.map { found[$0.parameter]?.dense.elements ?? [] }
        }
        let plain = gradients(usesCheckpoints: false)
        #expect(plain.allSatisfy { $0.contains { $0 != 0 } })
        #expect(plain == gradients(usesCheckpoints: true))
    }

    @Test func `generation feeds each choice back`() {
        let model = DecoderCase.all[0].make()
        let made = model.generate(after: [3, 1, 4], count: 6) { scores in
            Int32(scores.indices.max { scores[$0] < scores[$1] } ?? 0)
        }
        var all: [Int32] = [3, 1, 4]
        for token in made {
            let scores = model(all, lengths: SequenceLengths([all.count]))[rows: all.count - 1..<all.count]
                .elements
            #expect(scores[Int(token)] >= (scores.max() ?? 0) - 1e-5)
            all.append(token)
        }
        #expect(made.count == 6)
        #expect(model.generate(after: [1], count: 5) { _ in nil }.isEmpty)
    }

    @Test func `a small model learns to repeat a sequence`() {
        let model = DecoderCase.all[1].make()
        var optimizer = Optimizer(Adam(), for: model)
        let lengths = SequenceLengths([30])
        // Squared error to one-hot targets: the next id of the repeated pattern.
        let input = Array(ids.prefix(30))
        let target = Tensor(shape: [30, 50]) { out in
            out.update(repeating: 0)
            for i in 0..<30 { out[i * 50 + Int(ids[i + 1])] = 1 }
        }
        var losses: [Float] = []
        for _ in 0..<60 {
            let error = model(input, lengths: lengths) - target
            let loss = (error * error).mean()
            losses.append(loss.item)
            optimizer.update(loss.gradients(), learningRate: 3e-3)
        }
        #expect(losses[59] < 0.2 * losses[0], "\(losses[0]) -> \(losses[59])")
    }
}
