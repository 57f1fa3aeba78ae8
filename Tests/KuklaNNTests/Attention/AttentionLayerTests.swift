import Foundation
import KuklaNN
import KuklaNumerics
import KuklaTensor
import Testing

@Suite struct AttentionLayerTests {
    private func close(_ a: Tensor, _ b: Tensor, _ tolerance: Float = 1e-5) -> Bool {
        a.shape == b.shape && zip(a.elements, b.elements).allSatisfy { abs($0 - $1) <= tolerance }
    }

    @Test func `fused and separate projections of the same weights give the same`() {
        var random = RandomSource(seed: 1)
        let shape = AttentionShape(heads: 4, keyValueHeads: 2, headDimensions: 6)
        var configuration = AttentionConfiguration(width: 10, shape: shape, headNormEpsilon: 1e-6)
        let separate = SelfAttention(configuration, using: &random)
        configuration.isFused = true
        let fused = SelfAttention(configuration, using: &random)
        func stacked(_ part: (Linear) -> Tensor?) -> [Float] {
            separate.projections.flatMap { part($0)?.elements ?? [] }
        }
        fused.projections[0].weight.value = Tensor(
            shape: [shape.fusedWidth, 10], elements: stacked { $0.weight.value })
        fused.projections[0].bias?.value = Tensor(
            shape: [shape.fusedWidth], elements: stacked { $0.bias?.value })
        fused.output.weight.value = separate.output.weight.value
        if let bias = separate.output.bias?.value { fused.output.bias?.value = bias }
        let x = Tensor.normal([9, 10], using: &random)
        let context = AttentionContext(
            lengths: SequenceLengths([4, 5]), rotary: RotaryTable(dimensions: 4))
        #expect(close(fused(x, context), separate(x, context)))
    }

    @Test func `scores depend on differences of positions only`() {
        var random = RandomSource(seed: 2)
        let layer = SelfAttention(
            AttentionConfiguration(width: 16, shape: AttentionShape(heads: 2, headDimensions: 8)),
            using: &random)
        let x = Tensor.normal([7, 16], using: &random)
        for layout in [RotaryLayout.halfSplit, .interleaved] {
            let table = RotaryTable(dimensions: 8, layout: layout)
            func run(_ positions: [Int32]) -> Tensor {
                layer(
                    x,
                    AttentionContext(lengths: SequenceLengths([7]), rotary: table, positions: positions))
            }
            let plain = run(Array(0..<7))
            #expect(close(plain, run(Array(100..<107))))
            #expect(!close(plain, run([0, 2, 4, 6, 8, 10, 12])))
            #expect(!close(plain, layer(x, AttentionContext(lengths: SequenceLengths([7])))))
        }
    }

    @Test func `cross attention over a memory of the same tokens is self attention`() {
        var random = RandomSource(seed: 3)
        let configuration = AttentionConfiguration(
            width: 12, shape: AttentionShape(heads: 3, headDimensions: 4))
        let own = SelfAttention(configuration, using: &random)
        let cross = CrossAttention(configuration, using: &random)
        for (to, from) in zip(
            [cross.query, cross.key, cross.value, cross.output], own.projections + [own.output])
        {
            to.weight.value = from.weight.value
            if let bias = from.bias?.value { to.bias?.value = bias }
        }
        let x = Tensor.normal([8, 12], using: &random)
        let lengths = SequenceLengths([3, 5])
        let context = AttentionContext(lengths: lengths)
        let memory = cross.memory(x, lengths: lengths)
        #expect(close(cross(x, context, memory: memory), own(x, context)))
        // Fewer queries than memory.
        let some = cross(
            x[rows: 0..<2], AttentionContext(lengths: SequenceLengths([1, 1])), memory: memory)
        #expect(some.shape == [2, 12])
        #expect(close(some[rows: 0..<1], own(x, context)[rows: 0..<1]))
    }

    @Test func `an adapter on one projection is heard`() throws {
        var random = RandomSource(seed: 4)
        let layer = SelfAttention(
            AttentionConfiguration(width: 8, shape: AttentionShape(heads: 2, headDimensions: 4)),
            using: &random)
        let x = Tensor.normal([5, 8], using: &random)
        let context = AttentionContext(lengths: SequenceLengths([5]))
        let before = layer(x, context)
        try layer.addLoRA(matching: "value", rank: 2, using: &random)
        #expect(close(layer(x, context), before))
        for named in layer.trainableParameters {
            named.parameter.value = .normal(named.parameter.shape, using: &random)
        }
        #expect(!close(layer(x, context), before))
    }

    @Test func `T5's buckets`() {
        func buckets(_ buckets: RelativePositionBias.Buckets, _ distances: [Int]) -> [Int] {
            distances.map { buckets.bucket($0) }
        }
        // transformers 5.23, T5Attention._relative_position_bucket.
        let both = buckets(
            .logarithmic(count: 32, longest: 128, isBidirectional: true),
            [-200, -128, -64, -20, -8, -7, -1, 0, 1, 7, 8, 20, 64, 200])
        #expect(both == [15, 15, 14, 10, 8, 7, 1, 0, 17, 23, 24, 26, 30, 31])
        let past = buckets(
            .logarithmic(count: 32, longest: 128, isBidirectional: false), [-200, -64, -16, -15, -1, 0, 5])
        #expect(past == [31, 26, 16, 15, 1, 0, 0])
        let clipped = buckets(.clipped(reach: 2), [-5, -2, -1, 0, 1, 2, 9])
        #expect(clipped == [0, 0, 1, 2, 3, 4, 4])
    }

    @Test func `a relative bias is trained`() {
        var random = RandomSource(seed: 5)
        let bias = RelativePositionBias(heads: 2, buckets: .clipped(reach: 3), using: &random)
        let qkv = Tensor.normal([9, 24], using: &random)
        let y = qkv.attention(
            shape: AttentionShape(heads: 2, headDimensions: 4), lengths: SequenceLengths([9]),
            options: AttentionOptions(bias: bias(longest: 9)))
        let gradient = (y * y).sum().gradients()[bias.weight]?.dense
        #expect(gradient?.shape == [7, 2])
        #expect(gradient?.elements.allSatisfy { $0 != 0 } ?? false)
    }

    @Test func `rotary tables`() {
        let plain = RotaryTable(dimensions: 8)
        #expect(abs(plain.frequencies[1] - 0.1) < 1e-6)
        #expect(plain.interpolated(by: 4).frequencies[0] == 0.25)
        let raised = RotaryTable.neuralTangent(dimensions: 8, factor: 4)
        #expect(raised.frequencies[0] == 1)
        #expect(abs(raised.frequencies[3] - plain.frequencies[3] / 4) < 1e-8)
        // transformers 5.23, yarn: head dimensions 8, theta 10,000, factor 4, original length 64.
        let yarn = RotaryTable.yarn(dimensions: 8, factor: 4, originalLength: 64)
        #expect(abs(yarn.factor - 1.138629436) < 1e-6)
        for (a, b) in zip(yarn.frequencies, [1, 0.0625, 0.0025, 0.00025] as [Float]) {
            #expect(abs(a - b) <= 1e-6 * b)
        }
    }

    @Test func `ALiBi's slopes`() {
        let eight: [Float] = [0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125, 0.00390625]
        #expect(AttentionBias.alibiSlopes(heads: 8) == eight)
        // The authors' rule for 3 heads: those of 2, then the first of 4.
        let three: [Float] = [0.0625, 0.00390625, 0.25]
        #expect(AttentionBias.alibiSlopes(heads: 3) == three)
    }
}
