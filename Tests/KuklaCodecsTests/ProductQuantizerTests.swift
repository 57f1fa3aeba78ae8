import Foundation
import KuklaCodecs
import KuklaNumerics
import Testing

@Suite struct ProductQuantizerTests {
    @Test(arguments: Metric.allCases)
    func `scores equal the metric of query and decoded vector`(metric: Metric) throws {
        let x = QuantizerFixtures.clustered(
            300, dimensions: 30, normSpread: metric == .cosine ? 1 : 10, seed: 1)
        let q = QuantizerFixtures.clustered(4, dimensions: 30, seed: 2)
        for (m, bits) in [(10, 8), (5, 4), (3, 5), (6, 6), (15, 7), (1, 8), (30, 4)] {
            let codec = try ProductQuantizer.train(
                on: x, metric: metric, subspaces: m, bits: bits, configuration: .any)
            #expect(codec.layout.bytesPerBlock == (m * bits + 7) / 8 + (metric == .innerProduct ? 4 : 0))
            QuantizerFixtures.checkScoresMatchDecoded(codec, x[rows: 0..<77], queries: q, tolerance: 1e-5)
        }
    }

    @Test(arguments: Metric.allCases)
    func `fast-scan scores equal the metric of query and decoded vector`(metric: Metric) throws {
        let x = QuantizerFixtures.clustered(
            300, dimensions: 30, normSpread: metric == .cosine ? 1 : 10, seed: 1)
        let q = QuantizerFixtures.clustered(9, dimensions: 30, seed: 2)
        for m in [1, 3, 5, 10, 15, 30] {
            let codec = try FastScanProductQuantizer.train(
                on: x, metric: metric, subspaces: m, configuration: .any)
            let bytes = (m + 1) / 2 + (metric == .innerProduct ? 4 : 0)
            #expect(codec.layout.vectorsPerBlock == 32 && codec.layout.bytesPerBlock == 32 * bytes)
            for rows in [1, 31, 32, 33, 77] {
                QuantizerFixtures.checkScoresMatchDecoded(
                    codec, x[rows: 0..<rows], queries: q, tolerance: 0.02)
            }
        }
    }

    @Test func `encoding picks the nearest centroids`() throws {
        let x = QuantizerFixtures.clustered(400, dimensions: 12, seed: 1)
        let codec = try ProductQuantizer.train(
            on: x, metric: .squaredEuclidean, subspaces: 3, bits: 5, configuration: .any)
        let codes = QuantizerFixtures.encode(codec, x)
        let decoded = codes.withUnsafeBytes { codec.decode($0, count: 400) }
        let book = codec.parameters["codebooks"]!
        for r in 0..<400 {
            for j in 0..<3 {
                let piece = Array(x.row(r)[j * 4..<j * 4 + 4])
                let best = (0..<32).map {
                    QuantizerFixtures.score(.squaredEuclidean, piece, book.row(j * 32 + $0))
                }
                .max()!
                let got = QuantizerFixtures.score(
                    .squaredEuclidean, piece, Array(decoded.row(r)[j * 4..<j * 4 + 4]))
                #expect(got >= best - 1e-5)
            }
        }
    }

    @Test func `recall falls with the bytes, and fast scan equals plain 4-bit codes`() throws {
        let x = QuantizerFixtures.clustered(4000, dimensions: 96, seed: 1)
        let q = QuantizerFixtures.clustered(60, dimensions: 96, seed: 2)
        func recall(_ m: Int, _ bits: Int) throws -> Double {
            QuantizerFixtures.recall(
                try ProductQuantizer.train(
                    on: x, metric: .cosine, subspaces: m, bits: bits, configuration: .any, seed: 3), x,
                queries: q)
        }
        let (fine, coarse, four) = (try recall(48, 8), try recall(12, 8), try recall(48, 4))
        let fast = QuantizerFixtures.recall(
            try FastScanProductQuantizer.train(
                on: x, metric: .cosine, subspaces: 48, configuration: .any, seed: 3), x, queries: q)
        // Seen: 0.762, 0.343, 0.468, 0.470.
        #expect(abs(fine - 0.762) < 0.03)
        #expect(abs(coarse - 0.343) < 0.03)
        #expect(abs(four - 0.468) < 0.03)
        #expect(abs(fast - four) <= 0.01)
    }

    @Test func `norms do not cost recall under inner product`() throws {
        let unit = QuantizerFixtures.clustered(3000, dimensions: 96, seed: 1)
        let scaled = QuantizerFixtures.clustered(3000, dimensions: 96, normSpread: 10, seed: 1)
        let q = QuantizerFixtures.clustered(50, dimensions: 96, seed: 2)
        let cosine = QuantizerFixtures.recall(
            try ProductQuantizer.train(on: unit, metric: .cosine, subspaces: 24, configuration: .any), unit,
            queries: q)
        let product = QuantizerFixtures.recall(
            try ProductQuantizer.train(on: scaled, metric: .innerProduct, subspaces: 24, configuration: .any),
            scaled, queries: q)
        let fast = QuantizerFixtures.recall(
            try FastScanProductQuantizer.train(
                on: scaled, metric: .innerProduct, subspaces: 48, configuration: .any), scaled, queries: q)
        // Seen: 0.564, 0.948, 0.942 (large norms make the inner product the easier task).
        #expect(abs(cosine - 0.564) < 0.03)
        #expect(abs(product - 0.948) < 0.03)
        #expect(abs(fast - 0.942) < 0.03)
    }

    @Test func `training is seeded, and threads do not change it`() throws {
        let x = QuantizerFixtures.clustered(600, dimensions: 16, seed: 1)
        func book(_ seed: UInt64, threads: Int) throws -> Matrix {
            try ProductQuantizer.train(
                on: x, metric: .cosine, subspaces: 4, bits: 6, configuration: .any, seed: seed,
                threads: threads
            ).parameters["codebooks"]!
        }
        let (one, two, other) = (try book(1, threads: 1), try book(1, threads: 2), try book(2, threads: 1))
        #expect(one == two)
        #expect(one != other)
    }

    @Test func `training survives duplicates and zeros`() throws {
        let x = Matrix(rows: 50, columns: 8) { for i in $0.indices { $0[i] = i < 200 ? 0 : 1 } }
        let codec = try ProductQuantizer.train(
            on: x, metric: .squaredEuclidean, subspaces: 2, bits: 4, configuration: .any)
        QuantizerFixtures.checkScoresMatchDecoded(codec, x, queries: x[rows: 20..<30], tolerance: 1e-5)
    }

    @Test func `shapes that do not fit throw`() throws {
        let x = QuantizerFixtures.clustered(100, dimensions: 30, seed: 1)
        // The last: 100 vectors for 256 centroids.
        for (m, bits) in [(7, 4), (0, 4), (5, 3), (5, 9), (5, 8)] {
            #expect(throws: KuklaError.self) {
                try ProductQuantizer.train(
                    on: x, metric: .cosine, subspaces: m, bits: bits, configuration: .any)
            }
        }
        let good = try ProductQuantizer.train(
            on: x, metric: .cosine, subspaces: 5, bits: 4, configuration: .any)
        var damaged = good.parameters["codebooks"]!
        damaged[3, 1] = .infinity
        for bad: [String: Matrix] in [
            [:], ["codebooks": Matrix(rows: 80, columns: 5)], ["codebooks": damaged],
        ] {
            #expect(throws: KuklaError.self) {
                try ProductQuantizer(
                    configuration: .any, metric: .cosine, dimensions: 30, subspaces: 5, bits: 4,
                    from: ParameterReader(bad, codec: "PQ5"))
            }
            #expect(throws: KuklaError.self) {
                try FastScanProductQuantizer(
                    configuration: .any, metric: .cosine, dimensions: 30, subspaces: 5,
                    from: ParameterReader(bad, codec: "PQ5"))
            }
        }
    }

    @Test func `parameters make the same codec again`() throws {
        let x = QuantizerFixtures.clustered(100, dimensions: 30, seed: 1)
        let codec = try ProductQuantizer.train(
            on: x, metric: .cosine, subspaces: 5, bits: 4, configuration: .any)
        let again = try ProductQuantizer(
            configuration: .any, metric: .cosine, dimensions: 30, subspaces: 5, bits: 4,
            from: ParameterReader(codec.parameters, codec: "PQ5"))
        #expect(QuantizerFixtures.encode(codec, x) == QuantizerFixtures.encode(again, x, threads: 1))
        let fast = try FastScanProductQuantizer(
            configuration: .any, metric: .cosine, dimensions: 30, subspaces: 5,
            from: ParameterReader(codec.parameters, codec: "PQ5"))
        let codes = QuantizerFixtures.encode(fast, x)
        let decoded = codes.withUnsafeBytes { fast.decode($0, count: 100) }
        let plain = QuantizerFixtures.encode(again, x).withUnsafeBytes { again.decode($0, count: 100) }
        #expect(decoded == plain)
    }
}
