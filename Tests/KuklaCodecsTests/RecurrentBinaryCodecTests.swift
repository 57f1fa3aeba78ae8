import KuklaCodecs
import KuklaNumerics
import Testing

@Suite struct RecurrentBinaryCodecTests {
    /// Random codes of odd whole numbers below `2^bits`.
    private func odd(_ rows: Int, _ columns: Int, bits: Int, seed: UInt64) -> Matrix {
        var random = RandomSource(seed: seed)
        let top = 1 << bits - 1
        return Matrix(rows: rows, columns: columns) { out in
            for i in out.indices { out[i] = Float(2 * Int.random(in: 0...top, using: &random) - top) }
        }
    }

    private func packed(_ codec: RecurrentBinaryCodec, _ codes: Matrix) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xA5, count: codec.layout.byteCount(of: codes.rows))
        bytes.withUnsafeMutableBytes { bytes in
            codec.pack(codes.rows, into: bytes, threads: 1) { codes[rows: $0] }
        }
        return bytes
    }

    private func codec(_ d: Int, _ m: Int, _ bits: Int) throws -> RecurrentBinaryCodec {
        try RecurrentBinaryCodec(dimensions: d, codeDimensions: m, bits: bits)
    }

    /// A codec of random maps with branches, as training makes them.
    private func trainedLike(_ d: Int, _ m: Int, _ bits: Int) throws -> RecurrentBinaryCodec {
        let plain = try codec(d, m, bits)
        var random = RandomSource(seed: 8)
        var parameters = plain.parameters
        func drawn(_ rows: Int, _ columns: Int) -> Matrix {
            Matrix(rows: rows, columns: columns) { for i in $0.indices { $0[i] = 0.2 * random.normal() } }
        }
        for (name, weight) in plain.parameters where name.hasSuffix(".weight") {
            let map = name.dropLast(".weight".count)
            parameters["\(map).bias"] = drawn(1, weight.rows)
            parameters["\(map).hidden.weight"] = drawn(11, weight.columns)
            parameters["\(map).hidden.bias"] = drawn(1, 11)
            parameters["\(map).output.weight"] = drawn(weight.rows, 11)
        }
        let restored = try plain.configuration.restore(
            metric: .cosine, dimensions: d, parameters: parameters)
        return try #require(restored as? RecurrentBinaryCodec)
    }

    @Test(arguments: [1, 2, 3, 4, 8])
    func `codes follow from the maps by the definition`(bits: Int) throws {
        let (d, m) = (12, 20)
        let codec = try trainedLike(d, m, bits)
        let parameters = codec.parameters
        let vectors = QuantizerFixtures.clustered(70, dimensions: d, seed: 3)
        func map(_ name: String, _ x: [Double]) throws -> [Double] {
            func times(_ part: String, _ x: [Double]) throws -> [Double] {
                let weight = try #require(parameters[name + part])
                return (0..<weight.rows).map { row in
                    zip(weight.row(row), x).reduce(0) { $0 + Double($1.0) * $1.1 }
                }
            }
            func bias(_ part: String) throws -> [Float] { try #require(parameters[name + part]).row(0) }
            let hidden = zip(try times(".hidden.weight", x), try bias(".hidden.bias")).map {
                max(0, $0 + Double($1))
            }
            return zip(zip(try times(".weight", x), try bias(".bias")), try times(".output.weight", hidden))
                .map { $0.0 + Double($0.1) + $1 }
        }
        func sign(_ x: [Double]) -> [Double] { x.map { $0 < 0 ? -1 : 1 } }
        func unit(_ x: [Double]) -> [Double] {
            let length = x.reduce(0) { $0 + $1 * $1 }.squareRoot()
            return x.map { $0 / length }
        }
        let found = codec.wholeCodes(of: vectors)
        let bytes = QuantizerFixtures.encode(codec, vectors)
        #expect(bytes.withUnsafeBytes { codec.wholeCodes($0, count: 70) } == found)
        let decoded = bytes.withUnsafeBytes { codec.decode($0, count: 70) }
        for row in 0..<70 {
            let f = vectors.row(row).map(Double.init)
            var b = sign(try map("encoder", f))
            for i in 0..<bits - 1 {
                let back = unit(try map("reconstruction.\(i)", b))
                let step = sign(try map("residual.\(i)", zip(f, back).map { $0 - $1 }))
                b = zip(b, step).map { $0 + $1 / Double(2 << i) }
            }
            #expect(found.row(row) == b.map { Float($0 * Double(1 << (bits - 1))) })
            let vector = unit(try map("reconstruction.\(bits - 1)", b))
            for (a, b) in zip(decoded.row(row), vector) { #expect(abs(Double(a) - b) < 1e-5) }
        }
        // Bytes and values of every code: odd, below 2^bits.
        #expect(found.elements.allSatisfy { abs($0) < Float(1 << bits) && Int($0) & 1 == 1 })
    }

    @Test(arguments: CPULevel.available, [1, 2, 4])
    func `products of all nibbles are exact`(level: CPULevel, bits: Int) throws {
        let m = 4 / bits
        let codec = try codec(3, m, bits)
        let top = 1 << bits - 1
        let all = Matrix(rows: 16, columns: m) { out in
            for i in out.indices { out[i] = Float(2 * ((i / m) >> (i % m * bits) & top) - top) }
        }
        try checkProducts(codec, all, all, level)
    }

    @Test(arguments: CPULevel.available)
    func `products of random codes are exact`(level: CPULevel) throws {
        for (m, bits) in [(384, 1), (384, 2), (2052, 2), (387, 2), (385, 3), (384, 4), (64, 5), (33, 8)] {
            let codec = try codec(4, m, bits)
            try checkProducts(
                codec, odd(25, m, bits: bits, seed: 1), odd(400, m, bits: bits, seed: 2), level)
        }
    }

    /// Scores times both lengths are the whole-number products, and rank as cosines of the codes do.
    private func checkProducts(
        _ codec: RecurrentBinaryCodec, _ queries: Matrix, _ codes: Matrix, _ level: CPULevel
    ) throws {
        let found = QuantizerFixtures.scores(
            codec.symmetricScorer(forCodes: queries, level: level), codec, packed(codec, codes),
            count: codes.rows)
        func square(_ row: [Float]) -> Double { row.reduce(0) { $0 + Double($1) * Double($1) } }
        for q in 0..<queries.rows {
            let query = queries.row(q)
            var cosines: [Double] = []
            for v in 0..<codes.rows {
                let code = codes.row(v)
                let product = Double(zip(query, code).reduce(0) { $0 + Int($1.0) * Int($1.1) })
                let length = (square(query) * square(code)).squareRoot()
                cosines.append(product / length)
                // Products of odd numbers are 2 apart; the division by the lengths rounds in the seventh digit. Lengths of
                // more than 16 bits are rounded themselves.
                let isExact = codec.codeDimensions << (2 * codec.bits) < 8 * 65_536
                #expect(
                    abs(Double(found[q][v]) * length - product)
                        < max(isExact ? 4e-7 : 1e-4, 1e-9) * max(abs(product), 1))
            }
            let order = codes.rows > 1 ? found[q].indices.sorted { found[q][$0] > found[q][$1] } : []
            for (a, b) in zip(order, order.dropFirst()) { #expect(cosines[a] >= cosines[b] - 1e-4) }
        }
    }

    @Test func `floats find more than codes, and more bits more of the neighbours`() throws {
        let x = QuantizerFixtures.clustered(3000, dimensions: 128, seed: 1)
        let q = QuantizerFixtures.clustered(50, dimensions: 128, seed: 2)
        var (last, lastSymmetric) = (0.0, 0.0)
        for bits in 1...4 {
            let codec = try codec(128, 128, bits)
            let found = QuantizerFixtures.recall(codec, x, queries: q)
            let symmetric = QuantizerFixtures.recall(
                codec, x, queries: q, scorer: codec.symmetricScorer(for: q))
            #expect(found > last && symmetric > lastSymmetric && found > symmetric)
            (last, lastSymmetric) = (found, symmetric)
        }
        #expect(last > 0.8)
    }

    @Test func `a codec scores codes of a narrower one of other bits`() throws {
        let (old, new) = (try codec(16, 10, 2), try codec(16, 13, 4))
        let x = QuantizerFixtures.clustered(40, dimensions: 16, seed: 1)
        let q = QuantizerFixtures.clustered(3, dimensions: 16, seed: 2)
        let codes = QuantizerFixtures.encode(old, x)
        let stored = codes.withUnsafeBytes { old.wholeCodes($0, count: 40) }
        for (scorer, queries, tolerance) in [
            (new.symmetricScorer(for: q, against: old), new.wholeCodes(of: q), 1e-6),
            (new.scorer(for: q, against: old), new.activations(of: q), 2e-2),
        ] {
            let found = QuantizerFixtures.scores(scorer, old, codes, count: 40)
            for i in 0..<3 {
                let query = Array(queries.row(i).prefix(10))
                for v in 0..<40 {
                    let code = stored.row(v)
                    let product = exactScore(query, code, .cosine)
                    let lengths = exactScore(query, query, .cosine) * exactScore(code, code, .cosine)
                    #expect(abs(product / lengths.squareRoot() - Double(found[i][v])) < tolerance)
                }
            }
        }
    }

    @Test func `zero and huge vectors get finite scores`() throws {
        let codec = try trainedLike(9, 9, 3)
        var odd = Matrix(rows: 4, columns: 9)
        for i in 0..<9 {
            odd[1, i] = 1000
            odd[2, i] = -1000
            odd[3, i] = Float.leastNonzeroMagnitude
        }
        let scores = codec.scores(odd, codec.encoded(odd), count: 4)
        #expect(scores.joined().allSatisfy { $0.isFinite }, "\(scores)")
        let plain = try self.codec(9, 9, 3)
        #expect(plain.scores(odd, plain.encoded(odd), count: 4).joined().allSatisfy { $0.isFinite })
    }

    @Test(arguments: [Metric.innerProduct, .squaredEuclidean])
    func `other metrics are refused with what to do`(metric: Metric) throws {
        let configuration = try CodecConfiguration(parsing: "RBE8x2")
        let vectors = CodecCase.vectors(64, dimensions: 8, metric: metric, seed: 1)
        for attempt in [
            { _ = try configuration.train(on: vectors, metric: metric) },
            { _ = try configuration.bytesPerVector(dimensions: 8, metric: metric) },
            { _ = try configuration.restore(metric: metric, dimensions: 8, parameters: [:]) },
        ] {
            let error = #expect(throws: KuklaError.self, performing: attempt)
            #expect(error?.code == .usage)
            #expect(error?.message.contains("RQ2") == true)
        }
    }

    @Test func `parameters of a branch are held against each other`() throws {
        let codec = try trainedLike(5, 6, 2)
        let vectors = QuantizerFixtures.clustered(9, dimensions: 5, seed: 1)
        let again = try codec.configuration.restore(
            metric: .cosine, dimensions: 5, parameters: codec.parameters)
        #expect(again.encoded(vectors) == codec.encoded(vectors))
        for (name, value) in codec.parameters {
            for damaged in [nil, Matrix(rows: value.rows + 1, columns: value.columns)] {
                var parameters = codec.parameters
                parameters[name] = damaged
                let error = #expect(throws: KuklaError.self) {
                    try codec.configuration.restore(
                        metric: .cosine, dimensions: 5, parameters: parameters)
                }
                #expect(error?.code == .badData && error?.message.contains("Cannot restore") == true)
            }
        }
    }
}
