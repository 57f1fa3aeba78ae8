import KuklaCodecs
import KuklaNumerics
import Testing

@Suite struct RandomizedQuantizerTests {
    private func codec(
        _ x: Matrix, _ metric: Metric, _ bits: Int, seed: UInt64 = 0
    ) throws -> RandomizedQuantizer {
        try RandomizedQuantizer.train(on: x, metric: metric, bits: bits, configuration: .any, seed: seed)
    }

    @Test(arguments: 1...8)
    func `inner products equal those with decoded vectors`(bits: Int) throws {
        for d in [1, 13, 64, 100] {
            let x = QuantizerFixtures.clustered(65, dimensions: d, normSpread: 10, seed: 1)
            let q = QuantizerFixtures.clustered(3, dimensions: d, seed: 2)
            // What table rounding may add: up to half a step in each nibble.
            QuantizerFixtures.checkScoresMatchDecoded(
                try codec(x, .innerProduct, bits), x, queries: q, tolerance: bits > 4 ? 1e-3 : 0.02)
        }
    }

    @Test(arguments: [1, 4, 7])
    func `squared distances come near the true ones as the bits grow`(bits: Int) throws {
        let x = QuantizerFixtures.clustered(100, dimensions: 128, normSpread: 3, seed: 1)
        let q = QuantizerFixtures.clustered(3, dimensions: 128, seed: 2)
        let codec = try codec(x, .squaredEuclidean, bits)
        #expect(codec.layout.factorBytes(128, bits) == 12)
        let found = QuantizerFixtures.scores(
            codec.scorer(for: q), codec, QuantizerFixtures.encode(codec, x), count: 100)
        var worst = 0.0
        for i in 0..<3 {
            for v in 0..<100 {
                let exact = QuantizerFixtures.score(.squaredEuclidean, q.row(i), x.row(v))
                worst = max(worst, abs(exact - Double(found[i][v])) / -exact)
            }
        }
        // Seen at most: 0.22, 0.025, 0.003.
        #expect(worst < [1: 0.35, 4: 0.04, 7: 0.006][bits]!, "\(bits) bits: \(worst)")
    }

    @Test(arguments: [1, 2, 4])
    func `estimates are unbiased over rotations and lie in their bounds`(bits: Int) throws {
        let d = 96
        let x = QuantizerFixtures.clustered(200, dimensions: d, normSpread: 4, seed: 1)
        let q = QuantizerFixtures.clustered(1, dimensions: d, seed: 2)
        let exact = (0..<200).map { QuantizerFixtures.score(.innerProduct, q.row(0), x.row($0)) }
        let rotations = 60
        var sums = [Double](repeating: 0, count: 200)
        var (wide, narrow, squares, bounds) = (0, 0, 0.0, 0.0)
        for seed in 0..<rotations {
            let codec = try codec(x, .innerProduct, bits, seed: UInt64(seed))
            let codes = QuantizerFixtures.encode(codec, x)
            let found = codes.withUnsafeBytes { codec.estimates(for: q, codes: $0, count: 200) }
            for v in 0..<200 {
                let error = Double(found[v].score) - exact[v]
                sums[v] += error
                let deviation = Double(found[v].errorBound) / 1.9
                squares += error * error
                bounds += deviation * deviation
                if abs(error) <= 1.9 * deviation { narrow += 1 }
                if abs(error) <= 3.3 * deviation { wide += 1 }
            }
        }
        let all = 200 * rotations
        // The error of a mean over 60 rotations is the deviation over sqrt(60); over 200 vectors it shrinks again, but
        // they share rotations: half a deviation of one mean is a wide allowance.
        let deviation = (squares / Double(all)).squareRoot()
        let bias = sums.reduce(0, +) / Double(all)
        #expect(
            abs(bias) < 0.5 * deviation / Double(rotations).squareRoot(),
            "bias \(bias), deviation \(deviation)")
        let (within, far) = (Double(narrow) / Double(all), Double(wide) / Double(all))
        #expect(far >= 0.999, "\(far) within 3.3 deviations")
        #expect(within > 0.92 && within < 0.98, "\(within) within 1.9 deviations")
        #expect(abs(squares / bounds - 1) < 0.15, "mean squared error \(squares / bounds) of what bounds say")
    }

    @Test func `rounding comes near the search over all scales`() {
        var random = RandomSource(seed: 4)
        for bits in 2...8 {
            let d = 96
            let grid = GridCodes(dimensions: d, bits: bits, metric: .cosine)
            let top = Double(1 << (bits - 1) - 1)
            for _ in 0..<5 {
                let x = (0..<d).map { _ in abs(random.normal()) }
                func cosine(_ scale: Double) -> Double {
                    var (p, s, n) = (0.0, 0.0, 0.0)
                    for v in x {
                        let y = min((scale * Double(v)).rounded(.down), top) + 0.5
                        p += Double(v) * y
                        s += y * y
                        n += Double(v) * Double(v)
                    }
                    return p / (s * n).squareRoot()
                }
                var best = 0.0
                for v in x {
                    for level in stride(from: 1, through: top, by: 1) {
                        best = max(best, cosine((level + 1e-9) / Double(v)))
                    }
                }
                var steps = [Float](repeating: 0, count: d)
                let (product, square) = grid.round(x, largest: x.max()!, to: &steps)
                let norm = x.reduce(0.0) { $0 + Double($1) * Double($1) }
                let found = product / (square * norm).squareRoot()
                #expect(steps.min()! >= 0 && Double(steps.max()!) <= top)
                #expect(found <= best + 1e-6)
                #expect(
                    1 - found <= (1 - best) * 1.25 + 1e-7, "\(bits) bits: \(1 - found) against \(1 - best)")
            }
        }
    }

    @Test func `recall grows with the bits and does not suffer from norms`() throws {
        let x = QuantizerFixtures.clustered(3000, dimensions: 128, seed: 1)
        let scaled = QuantizerFixtures.clustered(3000, dimensions: 128, normSpread: 10, seed: 1)
        let q = QuantizerFixtures.clustered(50, dimensions: 128, seed: 2)
        var last = 0.0
        var seen: [Double] = []
        for bits in [1, 2, 3, 4, 6, 8] {
            let cosine = QuantizerFixtures.recall(try codec(x, .cosine, bits), x, queries: q)
            let product = QuantizerFixtures.recall(try codec(scaled, .innerProduct, bits), scaled, queries: q)
            #expect(cosine > last)
            #expect(product > cosine - 0.01, "\(bits) bits")
            last = cosine
            seen.append(cosine)
        }
        for (found, expected) in zip(seen, [0.38, 0.578, 0.72, 0.844, 0.964, 0.992]) {
            #expect(abs(found - expected) < 0.03)
        }
    }

    @Test(arguments: CPULevel.available)
    func `all levels score alike`(level: CPULevel) throws {
        let x = QuantizerFixtures.clustered(100, dimensions: 50, seed: 1)
        for bits in [1, 3, 4, 7] {
            let codec = try codec(x, .squaredEuclidean, bits)
            let codes = QuantizerFixtures.encode(codec, x)
            let expected = QuantizerFixtures.scores(
                codec.scorer(for: x, level: .portable), codec, codes, count: 100)
            let found = QuantizerFixtures.scores(codec.scorer(for: x, level: level), codec, codes, count: 100)
            for (a, b) in zip(expected.joined(), found.joined()) { #expect(abs(a - b) < 1e-5) }
        }
    }

    @Test func `the mean itself is coded exactly, and parameters make the same codec again`() throws {
        var x = QuantizerFixtures.clustered(64, dimensions: 24, seed: 1)
        let codec = try codec(x, .cosine, 3)
        for i in 0..<24 { x[5, i] = codec.parameters["mean"]![0, i] }
        let codes = QuantizerFixtures.encode(codec, x)
        let decoded = codes.withUnsafeBytes { codec.decode($0, count: 64) }
        #expect(decoded.row(5) == x.row(5))
        let again = try RandomizedQuantizer(
            configuration: .any, metric: .cosine, dimensions: 24, bits: 3,
            from: ParameterReader(codec.parameters, codec: "RQ3"))
        #expect(QuantizerFixtures.encode(again, x, threads: 1) == codes)
        for bad: [String: Matrix] in [
            [:], ["mean": Matrix(rows: 1, columns: 24)],
            ["mean": Matrix(rows: 1, columns: 24), "rotation": Matrix(rows: 24, columns: 23)],
        ] {
            #expect(throws: KuklaError.self) {
                try RandomizedQuantizer(
                    configuration: .any, metric: .cosine, dimensions: 24, bits: 3,
                    from: ParameterReader(bad, codec: "RQ3"))
            }
        }
        for bits in [0, 9] {
            #expect(throws: KuklaError.self) {
                try RandomizedQuantizer.train(on: x, metric: .cosine, bits: bits, configuration: .any)
            }
        }
    }
}

extension CodeLayout {
    /// Bytes of a vector that are no code.
    fileprivate func factorBytes(_ dimensions: Int, _ bits: Int) -> Double {
        bytesPerVector - Double(dimensions * bits) / 8
    }
}
