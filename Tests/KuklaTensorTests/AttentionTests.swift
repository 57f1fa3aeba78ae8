import KuklaNumerics
import KuklaTensor
import Testing

@Suite struct AttentionTests {
    /// One set of options with the sequences that it is tried on.
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var heads = AttentionShape(heads: 2, headDimensions: 32)
        var queries = SequenceLengths([1, 17, 0, 68, 112, 130])
        var keys: SequenceLengths?
        var options: @Sendable (SequenceLengths) -> AttentionOptions

        var operands: (q: Tensor, k: Tensor, v: Tensor) {
            var random = RandomSource(seed: 3)
            let keys = keys ?? queries
            return (
                Tensor.normal([queries.total, heads.queryWidth], using: &random),
                Tensor.normal([keys.total, heads.keyWidth], using: &random),
                Tensor.normal([keys.total, heads.keyWidth], using: &random)
            )
        }
    }

    static let cases: [Case] = [
        Case(testDescription: "full") { _ in AttentionOptions() },
        Case(
            testDescription: "long, 64 dimensions", heads: AttentionShape(heads: 1, headDimensions: 64),
            queries: SequenceLengths([600, 1])
        ) { _ in AttentionOptions() },
        Case(
            testDescription: "grouped, odd dimensions",
            heads: AttentionShape(heads: 6, keyValueHeads: 2, headDimensions: 19)
        ) { _ in AttentionOptions() },
        Case(
            testDescription: "48 dimensions, causal", heads: AttentionShape(heads: 2, headDimensions: 48)
        ) { _ in AttentionOptions(pattern: .causal) },
        Case(testDescription: "window") { _ in AttentionOptions(pattern: .window(reach: 5)) },
        Case(testDescription: "causal window") { _ in AttentionOptions(pattern: .causalWindow(40)) },
        Case(testDescription: "lambda", queries: SequenceLengths([600, 33])) { _ in
            AttentionOptions(pattern: .lambda(global: 4, window: 50))
        },
        Case(testDescription: "wide lambda", queries: SequenceLengths([300])) { _ in
            AttentionOptions(pattern: .lambda(global: 70, window: 64))
        },
        Case(testDescription: "temperature") { lengths in
            AttentionOptions(scale: 0.5, temperature: (0..<lengths.total).map { 0.5 + Float($0 % 3) })
        },
        Case(testDescription: "alibi", heads: AttentionShape(heads: 12, headDimensions: 16)) { lengths in
            AttentionOptions(pattern: .causal, bias: .alibi(heads: 12, longest: lengths.longest))
        },
        Case(testDescription: "alibi by position") { lengths in
            let positions = lengths.positions().map { $0 * $0 / 3 }
            return AttentionOptions(
                bias: .byPosition(slopes: [0.1, 0.02], queries: positions, keys: positions))
        },
        Case(
            testDescription: "longer keys, alibi by position, lambda, reach",
            queries: SequenceLengths([1, 5, 40]), keys: SequenceLengths([70, 5, 300])
        ) { _ in
            AttentionOptions(
                pattern: .lambda(global: 3, window: 30),
                bias: .byPosition(
                    slopes: [0.5, 0.25], queries: (0..<46).map { 700 + $0 },
                    keys: SequenceLengths([70, 5, 300]).positions().map { 2 * $0 }, reach: 400))
        },
        Case(testDescription: "computed bias") { lengths in
            AttentionOptions(
                bias: .computed(heads: 2, queries: lengths.longest, keys: lengths.longest) { h, q, k in
                    Float((h + 2 * q + 3 * k) % 7) / 4
                })
        },
        Case(
            testDescription: "longer keys, causal", queries: SequenceLengths([1, 5, 40]),
            keys: SequenceLengths([70, 5, 300])
        ) { _ in AttentionOptions(pattern: .causal) },
        Case(
            testDescription: "longer keys, alibi window", queries: SequenceLengths([1, 5, 40]),
            keys: SequenceLengths([70, 5, 300])
        ) { _ in AttentionOptions(pattern: .causalWindow(20), bias: .alibi(heads: 2, longest: 300)) },
        Case(
            testDescription: "no keys, and fewer keys than queries", queries: SequenceLengths([3, 9]),
            keys: SequenceLengths([0, 4])
        ) { _ in AttentionOptions(pattern: .causal) },
    ]

    @Test(arguments: cases)
    func `the fused operation equals the definition within 1e-5`(_ c: Case) {
        let (q, k, v) = c.operands
        let keys = c.keys ?? c.queries
        let options = c.options(c.queries)
        let got = Tensor.attention(
            query: q, key: k, value: v, shape: c.heads, queries: c.queries, keys: keys, options: options)
        let expected = AttentionReference(
            shape: c.heads, queries: c.queries, keys: keys, options: options
        ).result(q, k, v)
        #expect(got.shape == expected.shape)
        let worst = zip(got.elements, expected.elements).map { abs($0 - $1) }.max() ?? 0
        #expect(worst <= 1e-5, "\(worst)")
        #expect(got.elements.allSatisfy { $0.isFinite })
    }

    @Test(arguments: cases)
    func `one thread and two give the same bits, forward and backward`(_ c: Case) {
        let (q, k, v) = c.operands
        func run(threads: Int) -> [[Float]] {
            TensorThreads.limited(to: threads) {
                let inputs = [q.watched(), k.watched(), v.watched()]
                var options = c.options(c.queries)
                var watched = inputs
                if case .byDistance(let table, let zero) = options.bias {
                    watched.append(table.watched())
                    options.bias = .byDistance(watched[3], zero: zero)
                }
                options.dropout = AttentionDropout(rate: 0.1, seed: 5)
                let y = Tensor.attention(
                    query: inputs[0], key: inputs[1], value: inputs[2], shape: c.heads,
                    queries: c.queries, keys: c.keys ?? c.queries, options: options)
                let gradients = (y * y).sum().gradients()
                return [y.elements] + watched.map { gradients[$0]?.dense.elements ?? [] }
            }
        }
        #expect(run(threads: 1) == run(threads: 2))
    }

    @Test func `columns of one tensor and three tensors give the same bits`() {
        var random = RandomSource(seed: 4)
        let heads = AttentionShape(heads: 4, keyValueHeads: 2, headDimensions: 8)
        let fused = Tensor.normal([20, heads.fusedWidth], using: &random)
        func columns(_ range: Range<Int>) -> Tensor {
            Tensor(shape: [20, range.count]) { out in
                for i in out.indices { out[i] = fused[i / range.count, range.lowerBound + i % range.count] }
            }
        }
        let lengths = SequenceLengths([7, 13])
        let one = fused.watched()
        let three = [columns(0..<32), columns(32..<48), columns(48..<64)].map { $0.watched() }
        let a = one.attention(shape: heads, lengths: lengths)
        let b = Tensor.attention(
            query: three[0], key: three[1], value: three[2], shape: heads, queries: lengths)
        #expect(a.elements == b.elements)
        let (ga, gb) = ((a * a).sum().gradients(), (b * b).sum().gradients())
        let whole = ga[one]?.dense
        for (part, first) in zip(three, [0, 32, 48]) {
            guard let whole, let gradient = gb[part]?.dense else {
                Issue.record("no gradient")
                return
            }
            for i in 0..<20 {
                for j in 0..<part.shape[1] { #expect(whole[i, first + j] == gradient[i, j]) }
            }
        }
    }

    @Test func `dropout takes the asked part and scales the rest`() {
        // With the identity as values the result is the probabilities themselves.
        let n = 64
        var random = RandomSource(seed: 6)
        let q = Tensor.normal([n, n], using: &random)
        let k = Tensor.normal([n, n], using: &random)
        func probabilities(_ dropout: AttentionDropout?) -> [Float] {
            Tensor.attention(
                query: q, key: k, value: .identity(n), shape: AttentionShape(heads: 1, headDimensions: n),
                queries: SequenceLengths([n]), options: AttentionOptions(dropout: dropout)
            ).elements
        }
        let all = probabilities(nil)
        let some = probabilities(AttentionDropout(rate: 0.25, seed: 1))
        var dropped = 0
        for (a, b) in zip(all, some) {
            if b == 0 { dropped += 1 } else { #expect(abs(b - a / 0.75) <= 1e-6) }
        }
        #expect(abs(Float(dropped) / Float(n * n) - 0.25) < 0.03)
        #expect(some == probabilities(AttentionDropout(rate: 0.25, seed: 1)))
        #expect(some != probabilities(AttentionDropout(rate: 0.25, seed: 2)))
        #expect(all == probabilities(AttentionDropout(rate: 0, seed: 2)))
    }

    @Test func `what is not a number stays so`() {
        var q = Tensor.ones([4, 8])
        q.withUnsafeMutableBufferPointer { $0[9] = .nan }
        let y = Tensor.attention(
            query: q, key: .ones([4, 8]), value: .ones([4, 8]),
            shape: AttentionShape(heads: 1, headDimensions: 8), queries: SequenceLengths([4]))
        #expect((0..<8).allSatisfy { y[1, $0].isNaN })
        #expect((0..<8).allSatisfy { abs(y[0, $0] - 1) < 1e-6 })
    }

    @Test func `nothing in, nothing out`() {
        let y = Tensor.zeros([0, 24]).attention(
            shape: AttentionShape(heads: 2, headDimensions: 4), lengths: SequenceLengths([]))
        #expect(y.shape == [0, 8])
    }

    @Test func `segments are sequences`() {
        #expect(SequenceLengths(segments: [1, 1, 2, 1, 1]).lengths == [2, 1, 2])
        #expect(SequenceLengths([2, 0, 3]).positions() == [0, 1, 0, 1, 2])
        #expect(SequenceLengths([2, 1]).positions(from: [5, 0]) == [5, 6, 0])
        #expect(SequenceLengths([2, 1]).appending(SequenceLengths([0, 2])).offsets == [0, 2, 5])
    }

    @Test func `stacked linear maps are those maps side by side`() {
        var random = RandomSource(seed: 8)
        let x = Tensor.normal([7, 5], using: &random)
        let (w, v) = (Tensor.normal([4, 5], using: &random), Tensor.normal([2, 5], using: &random))
        let b = Tensor.normal([2], using: &random)
        let all = x.linear(stacked: [(w, nil), (v, b)])
        let (first, second) = (x.matmul(w, transposingOther: true), x.matmul(v, transposingOther: true) + b)
        for i in 0..<7 {
            for j in 0..<6 {
                let expected = j < 4 ? first[i, j] : second[i, j - 4]
                #expect(abs(all[i, j] - expected) <= 1e-6 * (1 + abs(expected)))
            }
        }
    }

    @Test func `wrong shapes stop the program`() async {
        await #expect(processExitsWith: .failure) {
            _ = Tensor.zeros([4, 23]).attention(
                shape: AttentionShape(heads: 2, headDimensions: 4), lengths: SequenceLengths([4]))
        }
        await #expect(processExitsWith: .failure) {
            _ = Tensor.zeros([4, 24]).attention(
                shape: AttentionShape(heads: 2, headDimensions: 4), lengths: SequenceLengths([5]))
        }
        await #expect(processExitsWith: .failure) {
            _ = AttentionShape(heads: 3, keyValueHeads: 2, headDimensions: 4)
        }
        await #expect(processExitsWith: .failure) {
            _ = Tensor.zeros([4, 24]).attention(
                shape: AttentionShape(heads: 2, headDimensions: 4), lengths: SequenceLengths([4]),
                options: AttentionOptions(bias: .alibi(heads: 2, longest: 3)))
        }
        await #expect(processExitsWith: .failure) {
            _ = Tensor.attention(
                query: .zeros([4, 8]), key: .zeros([4, 8]), value: .zeros([4, 8]),
                shape: AttentionShape(heads: 2, headDimensions: 4), queries: SequenceLengths([2, 2]),
                keys: SequenceLengths([4]))
        }
        await #expect(processExitsWith: .failure) {
            _ = Tensor.zeros([4, 8]).rotated(
                by: RotaryAngles(frequencies: [1], positions: [0, 1, 2]), headDimensions: 4)
        }
    }
}
