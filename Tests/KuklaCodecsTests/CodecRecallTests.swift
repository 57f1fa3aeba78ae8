import Foundation
import KuklaCodecs
import KuklaNumerics
import KuklaTestSupport
import Testing

/// How many of the exact ten nearest neighbours a codec finds.
@Suite struct CodecRecallTests {
    /// The mean of recall@10 over all queries.
    static func recall(_ factory: String, vectors: Matrix, queries: Matrix, metric: Metric) throws -> Double {
        func top(_ configuration: CodecConfiguration) throws -> [Set<Int>] {
            let codec = try configuration.train(on: vectors, metric: metric)
            let scores = codec.scores(queries, codec.encoded(vectors, threads: 2), count: vectors.rows)
            return scores.map { row in
                var best: [(score: Float, index: Int)] = []
                for (index, score) in row.enumerated() where best.count < 10 || score > best[9].score {
                    best.insert((score, index), at: best.firstIndex { $0.score < score } ?? best.count)
                    if best.count > 10 { best.removeLast() }
                }
                return Set(best.map(\.index))
            }
        }
        let exact = try top(CodecConfiguration(parsing: "F32"))
        let found = try top(CodecConfiguration(parsing: factory))
        return zip(exact, found).reduce(0.0) { $0 + Double($1.0.intersection($1.1).count) / 10 }
            / Double(queries.rows)
    }

    /// SIFT descriptors (128 dimensions), or `nil` where this machine does not have them.
    static func sift(_ name: String) throws -> Matrix {
        let url = try #require(SharedData.url("ann_sift5k/\(name).fvecs.gz"))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["gunzip", "-c", url.path]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = try #require(try pipe.fileHandleForReading.readToEnd())
        let rows = data.count / 516
        return data.withUnsafeBytes { bytes in
            Matrix(rows: rows, columns: 128) { out in
                for row in 0..<rows {
                    for i in 0..<128 {
                        out[row * 128 + i] = bytes.loadUnaligned(
                            fromByteOffset: row * 516 + 4 + 4 * i, as: Float.self)
                    }
                }
            }
        }
    }

    private static func withLengths(_ vectors: Matrix, seed: UInt64) -> Matrix {
        var random = RandomSource(seed: seed)
        var result = vectors
        result.withUnsafeMutableBufferPointer { all in
            for row in 0..<vectors.rows {
                let length = exp(random.uniform() * log(10))
                for i in 0..<vectors.columns { all[row * vectors.columns + i] *= length }
            }
        }
        return result
    }

    /// A known fault of other libraries: one range for all lengths leaves short vectors few levels.
    static let configurations = [
        "F16", "BF16", "SQ8", "SQ6", "SQ4", "RR,SQ4", "PCA48,SQ8", "PQ32", "PQ32x4fs", "OPQ32,PQ32", "B1",
        "PCA64,B1", "RQ1", "RQ2", "RQ4",
    ]

    @Test(arguments: configurations)
    func `lengths that vary ten times cost the inner product no more recall than cosine`(factory: String)
        throws
    {
        let vectors = CodecCase.vectors(4000, dimensions: 128, metric: .cosine, seed: 1)
        let queries = CodecCase.vectors(100, dimensions: 128, metric: .cosine, seed: 2)
        let cosine = try Self.recall(factory, vectors: vectors, queries: queries, metric: .cosine)
        let product = try Self.recall(
            factory, vectors: Self.withLengths(vectors, seed: 3), queries: queries, metric: .innerProduct)
        print("recall@10 \(factory): cosine \(cosine), inner product \(product)")
        #expect(1 - product <= 1 - cosine + 0.01, "cosine \(cosine), inner product \(product)")
    }

    /// SIFT components are never negative: their bare signs tell nothing.
    @Test(.enabled(if: SharedData.has("ann_sift5k")), arguments: configurations.filter { $0 != "B1" })
    func `the same holds for SIFT descriptors`(factory: String) throws {
        var vectors = try Self.sift("base")
        vectors.normalizeRows()
        let queries = try Self.sift("query")
        let cosine = try Self.recall(factory, vectors: vectors, queries: queries, metric: .cosine)
        let product = try Self.recall(
            factory, vectors: Self.withLengths(vectors, seed: 3), queries: queries, metric: .innerProduct)
        print("recall@10 SIFT \(factory): cosine \(cosine), inner product \(product)")
        #expect(1 - product <= 1 - cosine + 0.01, "cosine \(cosine), inner product \(product)")
    }

    @Test(
        .enabled(if: SharedData.has("ann_sift5k")),
        arguments: [
            ("F16", 0.999), ("BF16", 0.9), ("SQ8", 0.97), ("SQ6", 0.9), ("SQ4", 0.7), ("PCA64,SQ8", 0.7),
        ])
    func `SIFT neighbours under L2 are found`(factory: String, least: Double) throws {
        let recall = try Self.recall(
            factory, vectors: Self.sift("base"), queries: Self.sift("query"), metric: .squaredEuclidean)
        print("recall@10 SIFT L2 \(factory): \(recall)")
        #expect(recall >= least)
    }
}
