import KuklaCodecs
import KuklaNumerics
import Testing

@Suite struct SignBitCodecTests {
    @Test(arguments: Metric.allCases)
    func `scores equal the metric of query and decoded vector`(metric: Metric) throws {
        for (rows, d) in [(1, 1), (31, 13), (100, 64), (65, 100), (33, 384)] {
            let spread: Float = metric == .cosine ? 1 : 10
            let x = QuantizerFixtures.clustered(rows, dimensions: d, normSpread: spread, seed: 1)
            let q = QuantizerFixtures.clustered(3, dimensions: d, normSpread: spread, seed: 2)
            let codec = try SignBitCodec.train(on: x, metric: metric, configuration: .any)
            // Table rounding: half a step of 1/255 of the widest table in each of d/4 nibbles, at the worst.
            QuantizerFixtures.checkScoresMatchDecoded(codec, x, queries: q, tolerance: 0.02)
        }
    }

    @Test func `codes are the bytes that the layout promises`() throws {
        let x = QuantizerFixtures.clustered(40, dimensions: 20, seed: 1)
        let cosine = try SignBitCodec.train(on: x, metric: .cosine, configuration: .any)
        #expect(cosine.layout.vectorsPerBlock == 32 && cosine.layout.bytesPerBlock == 32 * 3)
        #expect(SignBitCodec.layout(dimensions: 20, metric: .innerProduct).bytesPerVector == 7)
        // Slots of the last block past the last row are zero.
        let codes = QuantizerFixtures.encode(cosine, x)
        #expect(codes.count == 192)
        let one = QuantizerFixtures.encode(cosine, x[rows: 0..<1])
        // 20 bits: bytes 0..2 of slot 0 are the tail columns of a block without a whole group.
        for byte in 0..<3 { #expect(one[byte * 32 + 1..<byte * 32 + 32].max() == 0) }
        for i in 0..<20 { #expect((one[i / 8 * 32] >> UInt8(i % 8) & 1 == 1) == (x[0, i] > 0)) }
    }

    @Test func `threads do not change codes`() throws {
        let x = QuantizerFixtures.clustered(1100, dimensions: 70, seed: 1)
        let codec = try SignBitCodec.train(on: x, metric: .innerProduct, configuration: .any)
        #expect(
            QuantizerFixtures.encode(codec, x, threads: 1) == QuantizerFixtures.encode(codec, x, threads: 2))
    }

    @Test(arguments: CPULevel.available)
    func `Hamming scores count differing signs`(level: CPULevel) throws {
        let x = QuantizerFixtures.clustered(70, dimensions: 45, seed: 1)
        let q = QuantizerFixtures.clustered(5, dimensions: 45, seed: 2)
        let codec = try SignBitCodec.train(on: x, metric: .cosine, configuration: .any)
        let found = QuantizerFixtures.scores(
            codec.hammingScorer(for: q, level: level), codec, QuantizerFixtures.encode(codec, x), count: 70)
        for i in 0..<5 {
            for v in 0..<70 {
                let differing = zip(q.row(i), x.row(v)).filter { ($0 > 0) != ($1 > 0) }.count
                #expect(found[i][v] == -Float(differing))
            }
        }
    }

    @Test func `float queries find more than Hamming distance, and norms are kept under inner product`()
        throws
    {
        let d = 256
        let x = QuantizerFixtures.clustered(3000, dimensions: d, seed: 1)
        let q = QuantizerFixtures.clustered(50, dimensions: d, seed: 2)
        let codec = try SignBitCodec.train(on: x, metric: .cosine, configuration: .any)
        let cosine = QuantizerFixtures.recall(codec, x, queries: q)
        let hamming = QuantizerFixtures.recall(codec, x, queries: q, scorer: codec.hammingScorer(for: q))
        let scaled = QuantizerFixtures.clustered(3000, dimensions: d, normSpread: 10, seed: 1)
        let product = try SignBitCodec.train(on: scaled, metric: .innerProduct, configuration: .any)
        let ip = QuantizerFixtures.recall(product, scaled, queries: q)
        // Seen: 0.352, 0.292, 0.940 (large norms make the inner product the easier task).
        #expect(abs(cosine - 0.352) < 0.03)
        #expect(abs(hamming - 0.292) < 0.03)
        #expect(abs(ip - 0.94) < 0.03)
    }

    @Test func `parameters make the same codec again, and wrong ones throw`() throws {
        let x = QuantizerFixtures.clustered(100, dimensions: 24, seed: 1)
        let codec = try SignBitCodec.train(on: x, metric: .cosine, configuration: .any)
        let again = try SignBitCodec(
            configuration: .any, metric: .cosine, dimensions: 24,
            from: ParameterReader(codec.parameters, codec: "B1"))
        let codes = QuantizerFixtures.encode(codec, x)
        #expect(codes == QuantizerFixtures.encode(again, x))
        #expect(
            QuantizerFixtures.scores(codec.scorer(for: x), codec, codes, count: 100)
                == QuantizerFixtures.scores(again.scorer(for: x), again, codes, count: 100))
        for bad: [String: Matrix] in [
            [:], ["factor": Matrix(rows: 2, columns: 1)], ["factor": Matrix(rows: 1, columns: 1)],
            ["factor": Matrix(rows: 1, columns: 1, elements: [.nan])],
        ] {
            #expect(throws: KuklaError.self) {
                try SignBitCodec(
                    configuration: .any, metric: .cosine, dimensions: 24,
                    from: ParameterReader(bad, codec: "B1"))
            }
        }
    }

    @Test func `queries that are not finite give scores that are not numbers`() throws {
        let x = QuantizerFixtures.clustered(32, dimensions: 16, seed: 1)
        let codec = try SignBitCodec.train(on: x, metric: .cosine, configuration: .any)
        for bad: Float in [.nan, .infinity, -.infinity] {
            var q = x[rows: 0..<1]
            q[0, 3] = bad
            let found = QuantizerFixtures.scores(
                codec.scorer(for: q), codec, QuantizerFixtures.encode(codec, x), count: 32)
            #expect(found[0].filter(\.isNaN).count == 32)
        }
    }
}
