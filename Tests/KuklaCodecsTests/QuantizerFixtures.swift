import Foundation
import KuklaCodecs
import KuklaNumerics
import Testing

/// Vectors, truths and comparisons that the quantizer tests share.
enum QuantizerFixtures {
    /// Vectors around `clusters` random centers, normalised; `normSpread` > 1 multiplies each by a random norm between
    /// 1 and `normSpread`, evenly in the logarithm.
    static func clustered(
        _ rows: Int, dimensions: Int, clusters: Int = 40, noise: Float = 0.6, normSpread: Float = 1,
        seed: UInt64,
        centersSeed: UInt64 = 7
    ) -> Matrix {
        var random = RandomSource(seed: centersSeed)
        let centers = (0..<clusters * dimensions).map { _ in random.normal() }
        random = RandomSource(seed: seed)
        return Matrix(rows: rows, columns: dimensions) { out in
            for r in 0..<rows {
                let c = Int.random(in: 0..<clusters, using: &random)
                var norm: Float = 0
                for i in 0..<dimensions {
                    let x = centers[c * dimensions + i] + noise * random.normal()
                    out[r * dimensions + i] = x
                    norm += x * x
                }
                let scale = exp(log(normSpread) * random.uniform()) / norm.squareRoot()
                for i in 0..<dimensions { out[r * dimensions + i] *= scale }
            }
        }
    }

    static func score(_ metric: Metric, _ q: [Float], _ x: [Float]) -> Double {
        var sum = 0.0
        for (a, b) in zip(q, x) {
            sum += metric == .squaredEuclidean ? -pow(Double(a) - Double(b), 2) : Double(a) * Double(b)
        }
        return sum
    }

    /// The codes of all rows.
    static func encode(_ codec: some VectorCodec, _ vectors: Matrix, threads: Int = 2) -> [UInt8] {
        var codes = [UInt8](repeating: 0xAA, count: codec.layout.byteCount(of: vectors.rows))
        codes.withUnsafeMutableBytes { codec.encode(vectors, into: $0, threads: threads) }
        return codes
    }

    /// `[queries][vectors]` scores.
    static func scores(
        _ scorer: any CodeScorer, _ codec: some VectorCodec, _ codes: [UInt8], count: Int
    ) -> [[Float]] {
        let stride = codec.layout.blockCount(of: count) * codec.layout.vectorsPerBlock + 3
        var all = [Float](repeating: -7, count: scorer.queryCount * stride)
        codes.withUnsafeBytes { codes in
            all.withUnsafeMutableBufferPointer {
                scorer.score(codes.baseAddress!, count: count, into: $0.baseAddress!, stride: stride)
            }
        }
        return (0..<scorer.queryCount).map { Array(all[$0 * stride..<$0 * stride + count]) }
    }

    static func top(_ k: Int, _ scores: [Float]) -> Set<Int> {
        Set(scores.indices.sorted { scores[$0] > scores[$1] }.prefix(k))
    }

    /// Recall@10 of the codec's scores against the exact ones.
    static func recall(
        _ codec: some VectorCodec, _ vectors: Matrix, queries: Matrix, scorer: (any CodeScorer)? = nil
    ) -> Double {
        let codes = encode(codec, vectors)
        let found = scores(scorer ?? codec.scorer(for: queries), codec, codes, count: vectors.rows)
        let products = queries.multiplied(by: vectors, transposed: true)
        let norms = (0..<vectors.rows).map { vectors.row($0).reduce(0) { $0 + $1 * $1 } }
        var hits = 0
        for q in 0..<queries.rows {
            var exact = products.row(q)
            if codec.metric == .squaredEuclidean {
                for i in exact.indices { exact[i] = 2 * exact[i] - norms[i] }
            }
            hits += top(10, exact).intersection(top(10, found[q])).count
        }
        return Double(hits) / Double(10 * queries.rows)
    }

    static func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = RandomSource(seed: seed)
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    /// Checks that all scores equal the metric of the query and the decoded vector, within `tolerance` of the largest.
    static func checkScoresMatchDecoded(
        _ codec: some VectorCodec, _ vectors: Matrix, queries: Matrix, tolerance: Double,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let codes = encode(codec, vectors)
        let decoded = codes.withUnsafeBytes { codec.decode($0, count: vectors.rows) }
        let found = scores(codec.scorer(for: queries), codec, codes, count: vectors.rows)
        var worst = 0.0
        var largest = 0.0
        for q in 0..<queries.rows {
            for v in 0..<vectors.rows {
                let exact = score(codec.metric, queries.row(q), decoded.row(v))
                worst = max(worst, abs(exact - Double(found[q][v])))
                largest = max(largest, abs(exact))
            }
        }
        #expect(
            worst <= tolerance * largest, "worst difference \(worst), largest score \(largest)",
            sourceLocation: sourceLocation)
    }
}

extension CodecConfiguration {
    /// Some configuration: the quantizers under test only carry it.
    static var any: CodecConfiguration { CodecConfiguration() }
}
