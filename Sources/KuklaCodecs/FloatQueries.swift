import CKernels
import KuklaNumerics

/// Float queries against tiles of float vectors: the shared end of every codec that decodes before it scores.
struct FloatQueries: Sendable {
    let queries: Matrix
    let metric: Metric
    private let squaredNorms: [Float]

    /// From this many queries on, one matrix product beats a scan for each query (measured at 384 dimensions).
    static let productThreshold = 4

    init(_ queries: Matrix, metric: Metric) {
        self.queries = queries
        self.metric = metric
        squaredNorms =
            metric == .squaredEuclidean
            ? (0..<queries.rows).map { row in queries.withUnsafeRow(row) { squaredNorm($0) } } : []
    }

    var count: Int { queries.rows }

    /// Scores all queries against `rows` float vectors by one matrix product.
    func scoreByProduct(
        _ vectors: UnsafePointer<Float>, rows: Int, into scores: UnsafeMutablePointer<Float>, stride: Int
    ) {
        let d = queries.columns
        let euclidean = metric == .squaredEuclidean
        queries.withUnsafeBufferPointer {
            GEMM.multiply(
                $0.baseAddress!, vectors, into: scores, m: count, n: rows, k: d, transposeB: true,
                ldc: stride,
                alpha: euclidean ? 2 : 1)
        }
        guard euclidean else { return }
        // -|q - x|^2 = 2 q.x - |q|^2 - |x|^2
        let kernels = kk_distance_kernels_for(CPULevel.current.kernelLevel).pointee
        withUnsafeTemporaryAllocation(of: Float.self, capacity: rows) { norms in
            for i in 0..<rows {
                let row = vectors + i * d
                kernels.dot_rows_f32(row, row, 1, d, norms.baseAddress! + i)
            }
            for q in 0..<count {
                let out = scores + q * stride
                let own = squaredNorms[q]
                for i in 0..<rows { out[i] = min(0, out[i] - own - norms[i]) }
            }
        }
    }

    /// Scores all queries against `count` vectors that `decode(range, destination)` turns into floats, in pieces
    /// that stay in the second-level cache.
    func scoreDecoded(
        count vectors: Int, into scores: UnsafeMutablePointer<Float>, stride: Int,
        decode: (Range<Int>, UnsafeMutablePointer<Float>) -> Void
    ) {
        let d = queries.columns
        let piece = min(vectors, max(32, 96 * 1024 / d))
        withUnsafeTemporaryAllocation(byteCount: max(1, piece * d) * 4, alignment: 64) { scratch in
            let floats = scratch.baseAddress!.bindMemory(to: Float.self, capacity: piece * d)
            var start = 0
            while start < vectors {
                let end = min(vectors, start + piece)
                decode(start..<end, floats)
                scoreByProduct(floats, rows: end - start, into: scores + start, stride: stride)
                start = end
            }
        }
    }

    /// Calls `scan(query, query row, vectors, out)` for each query and each piece of the codes, pieces outermost so
    /// that several queries share what one of them brought into the cache.
    func scoreByScan(
        count vectors: Int, bytesPerVector: Int, into scores: UnsafeMutablePointer<Float>, stride: Int,
        scan: (Int, UnsafePointer<Float>, Range<Int>, UnsafeMutablePointer<Float>) -> Void
    ) {
        let piece = max(32, 128 * 1024 / bytesPerVector)
        queries.withUnsafeBufferPointer { all in
            var start = 0
            while start < vectors {
                let range = start..<min(vectors, start + piece)
                for q in 0..<count {
                    let out = scores + q * stride + start
                    scan(q, all.baseAddress! + q * queries.columns, range, out)
                    if metric == .squaredEuclidean { for i in 0..<range.count { out[i] = -out[i] } }
                }
                start = range.upperBound
            }
        }
    }
}

/// The sum of squares, in double.
func squaredNorm(_ vector: UnsafeBufferPointer<Float>) -> Float {
    var sum = 0.0
    for x in vector { sum += Double(x) * Double(x) }
    return Float(sum)
}
