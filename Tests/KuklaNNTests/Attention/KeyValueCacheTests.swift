import KuklaNN
import KuklaNumerics
import KuklaTensor
import Testing

@Suite struct KeyValueCacheTests {
    private func rows(_ first: Int, _ count: Int) -> Tensor {
        .range(count, from: Float(first)).reshaped([count, 1])
    }

    @Test func `each sequence's tokens stay together`() {
        var cache = KeyValueCache(layers: 1, sequences: 2)
        cache.extend(by: SequenceLengths([2, 1]), positions: [0, 1, 0])
        _ = cache.append(keys: rows(0, 3), values: rows(10, 3), layer: 0)
        cache.extend(by: SequenceLengths([1, 2]), positions: [2, 1, 2])
        let all = cache.append(keys: rows(3, 3), values: rows(13, 3), layer: 0)
        #expect(all.keys.elements == [0, 1, 3, 2, 4, 5])
        #expect(all.values.elements == [10, 11, 13, 12, 14, 15])
        #expect(cache.positions == [0, 1, 2, 0, 1, 2])
    }

    @Test func `ranges are dropped, and what is left is appended to`() {
        var cache = KeyValueCache(layers: 1, sequences: 2)
        cache.extend(by: SequenceLengths([4, 2]), positions: [0, 1, 2, 3, 0, 1])
        _ = cache.append(keys: rows(0, 6), values: rows(0, 6), layer: 0)
        let whole = cache
        cache.remove(1..<3)
        #expect(cache.lengths.lengths == [2, 2])
        #expect(cache.positions == [0, 3, 0, 1])
        cache.positions = [0, 1, 0, 1]
        cache.crop(to: 1)
        cache.extend(by: SequenceLengths([0, 1]), positions: [1])
        #expect(cache.append(keys: rows(9, 1), values: rows(9, 1), layer: 0).keys.elements == [0, 4, 9])
        #expect(whole.lengths.lengths == [4, 2])
    }

    @Test func `a dropped range and new positions are as if the rest had been read alone`() {
        var random = RandomSource(seed: 1)
        // One layer, so that no hidden state knows what was dropped.
        let model = TransformerDecoder(
            .llama(width: 16, layers: 1, heads: 2, innerWidth: 32), vocabulary: 20, using: &random)
        let ids: [Int32] = [1, 2, 3, 4, 5, 6, 7, 8]
        withoutGradient {
            var cache = model.makeCache()
            _ = model(ids, lengths: SequenceLengths([8]), cache: &cache)
            cache.remove(1..<5)
            cache.positions = [0, 1, 2, 3]
            let got = model([9], lengths: SequenceLengths([1]), cache: &cache)
            let expected = model([1, 6, 7, 8, 9], lengths: SequenceLengths([5]))[rows: 4..<5]
            for (a, b) in zip(got.elements, expected.elements) { #expect(abs(a - b) <= 1e-5) }
        }
    }

    @Test func `ALiBi's distances are those of positions, not of what is kept`() {
        var random = RandomSource(seed: 2)
        let model = TransformerDecoder(
            TransformerConfiguration(
                width: 16, layers: 1, heads: 2, positions: .alibi, pattern: .causal), vocabulary: 20,
            using: &random)
        func gap(_ a: Tensor, _ b: Tensor) -> Float { (a - b).abs().max().item }
        withoutGradient {
            let lengths = SequenceLengths([2, 5])
            let ids: [Int32] = [5, 9, 1, 6, 7, 8, 9]
            let positions: [Int32] = [3, 4, 0, 5, 6, 7, 8]
            let expected = model(ids, lengths: lengths, positions: positions)
            // Of five tokens, whose numbers do not matter, four are dropped.
            var cache = model.makeCache(sequences: 2)
            _ = model(
                [5, 1, 2, 3, 4, 5, 6, 7, 8], lengths: SequenceLengths([1, 8]),
                positions: [3, 0, 1, 2, 3, 4, 5, 6, 7], cache: &cache)
            cache.remove(1..<5, of: 1)
            let got = model([9, 9], lengths: SequenceLengths([1, 1]), cache: &cache)
            #expect(cache.positions == positions)
            #expect(gap(got[rows: 0..<1], expected[rows: 1..<2]) <= 1e-5)
            #expect(gap(got[rows: 1..<2], expected[rows: 6..<7]) <= 1e-5)
            let close = model(ids, lengths: lengths)
            #expect(gap(close[rows: 0..<2], expected[rows: 0..<2]) <= 1e-5)
            #expect(gap(close, expected) > 1e-3)
        }
    }

    @Test func `a trained relative bias goes by positions, and has the gradient that it has by places`() {
        var random = RandomSource(seed: 4)
        let model = TransformerDecoder(
            TransformerConfiguration(
                width: 16, layers: 1, heads: 2, positions: .relative(.clipped(reach: 3)), pattern: .causal),
            vocabulary: 20, using: &random)
        let ids: [Int32] = [5, 9, 1, 6]
        let lengths = SequenceLengths([4])
        // Shifted together nothing changes; apart it does.
        let plain = model(ids, lengths: lengths)
        let shifted = model(ids, lengths: lengths, positions: [7, 8, 9, 10])
        let apart = model(ids, lengths: lengths, positions: [0, 1, 5, 6])
        #expect((plain - shifted).abs().max().item <= 1e-5)
        #expect((plain - apart).abs().max().item > 1e-4)
        guard let weight = model.stack.relativeBias?.weight else { return #expect(Bool(false)) }
        let by = plain.sum().gradients()[weight.tensor]?.dense
        let byPositions = shifted.sum().gradients()[weight.tensor]?.dense
        if let by, let byPositions {
            #expect((by - byPositions).abs().max().item <= 1e-4)
        } else {
            Issue.record("no gradient of the bias")
        }
    }

    @Test func `a pass may have temperatures of its own`() {
        var random = RandomSource(seed: 5)
        let model = TransformerDecoder(
            .llama(width: 16, layers: 2, heads: 2, innerWidth: 32), vocabulary: 20, using: &random)
        let (ids, lengths): ([Int32], SequenceLengths) = ([5, 9, 1, 6], SequenceLengths([4]))
        let plain = model(ids, lengths: lengths)
        let same = model(ids, lengths: lengths) { $0.temperature = [1, 1, 1, 1] }
        let sharper = model(ids, lengths: lengths) { $0.temperature = [1, 1, 4, 4] }
        let alone = model(ids, lengths: lengths) { $0.pattern = .causalWindow(1) }
        #expect((plain - same).abs().max().item <= 1e-6)
        // A token's temperature is its own until a later one looks at it.
        #expect((plain - sharper)[rows: 0..<2].abs().max().item <= 1e-6)
        #expect((plain - sharper)[rows: 2..<4].abs().max().item > 1e-4)
        let single = model([6], lengths: SequenceLengths([1]), positions: [3])
        #expect((alone[rows: 3..<4] - single).abs().max().item <= 1e-5)
    }

    @Test func `what does not fit stops the program`() async {
        await #expect(processExitsWith: .failure) {
            var cache = KeyValueCache(layers: 1)
            cache.extend(by: SequenceLengths([2]), positions: [0])
        }
        await #expect(processExitsWith: .failure) {
            var cache = KeyValueCache(layers: 1)
            cache.extend(by: SequenceLengths([2]), positions: [0, 1])
            _ = cache.append(keys: .zeros([3, 1]), values: .zeros([3, 1]), layer: 0)
        }
        await #expect(processExitsWith: .failure) {
            var cache = KeyValueCache(layers: 1)
            cache.remove(0..<1)
        }
        await #expect(processExitsWith: .failure) {
            var cache = KeyValueCache(layers: 1)
            cache.positions = [1]
        }
    }
}
