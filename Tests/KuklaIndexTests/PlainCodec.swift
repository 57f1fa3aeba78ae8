import CKernels
import KuklaCodecs
import KuklaNumerics

/// Float vectors as they are, in blocks of a chosen size: the plainest codec there is.
struct PlainCodec: VectorCodec {
    var configuration: CodecConfiguration { fatalError("a codec for tests has no factory string") }
    let metric: Metric
    let dimensions: Int
    let layout: CodeLayout
    var parameters: [String: Matrix] { [:] }

    init(dimensions: Int, metric: Metric, vectorsPerBlock: Int = 1) {
        self.metric = metric
        self.dimensions = dimensions
        layout = CodeLayout(
            vectorsPerBlock: vectorsPerBlock, bytesPerBlock: dimensions * 4 * vectorsPerBlock)
    }

    func encode(_ vectors: Matrix, into codes: UnsafeMutableRawBufferPointer, threads: Int) {
        codes.initializeMemory(as: UInt8.self, repeating: 0)
        vectors.withUnsafeBufferPointer { codes.copyMemory(from: UnsafeRawBufferPointer($0)) }
    }

    func decode(_ codes: UnsafeRawBufferPointer, count: Int) -> Matrix {
        Matrix(
            rows: count, columns: dimensions,
            elements: Array(codes.bindMemory(to: Float.self).prefix(count * dimensions)))
    }

    func scorer(for queries: Matrix) -> any CodeScorer { Scorer(queries: queries, metric: metric) }

    private struct Scorer: CodeScorer {
        let queries: Matrix
        let metric: Metric
        var queryCount: Int { queries.rows }

        func score(
            _ codes: UnsafeRawPointer, count: Int, into scores: UnsafeMutablePointer<Float>, stride: Int
        ) {
            let kernels = kk_distance_kernels_for(CPULevel.current.kernelLevel).pointee
            let vectors = codes.assumingMemoryBound(to: Float.self)
            queries.withUnsafeBufferPointer { q in
                guard metric == .squaredEuclidean || queries.rows < 4 else {
                    return GEMM.multiply(
                        q.baseAddress!, vectors, into: scores, m: queries.rows, n: count, k: queries.columns,
                        transposeB: true, ldc: stride)
                }
                for row in 0..<queries.rows {
                    let (query, out) = (q.baseAddress! + row * queries.columns, scores + row * stride)
                    guard metric == .squaredEuclidean else {
                        kernels.dot_rows_f32(query, vectors, count, queries.columns, out)
                        continue
                    }
                    kernels.squared_euclidean_rows_f32(query, vectors, count, queries.columns, out)
                    for i in 0..<count { out[i] = -out[i] }
                }
            }
        }
    }
}

/// The first `kept` components and nothing else: a codec that loses much.
struct PrefixCodec: VectorCodec {
    var configuration: CodecConfiguration { fatalError("a codec for tests has no factory string") }
    var metric: Metric { plain.metric }
    let dimensions: Int
    var layout: CodeLayout { plain.layout }
    var parameters: [String: Matrix] { [:] }
    private let plain: PlainCodec

    init(dimensions: Int, kept: Int, metric: Metric) {
        self.dimensions = dimensions
        plain = PlainCodec(dimensions: kept, metric: metric)
    }

    private func prefix(_ vectors: Matrix) -> Matrix {
        Matrix(
            rows: vectors.rows, columns: plain.dimensions,
            elements: (0..<vectors.rows).flatMap { vectors.row($0).prefix(plain.dimensions) })
    }

    func encode(_ vectors: Matrix, into codes: UnsafeMutableRawBufferPointer, threads: Int) {
        plain.encode(prefix(vectors), into: codes, threads: threads)
    }

    func decode(_ codes: UnsafeRawBufferPointer, count: Int) -> Matrix {
        let kept = plain.decode(codes, count: count)
        return Matrix(
            rows: count, columns: dimensions,
            elements: (0..<count).flatMap {
                kept.row($0) + [Float](repeating: 0, count: dimensions - plain.dimensions)
            })
    }

    func scorer(for queries: Matrix) -> any CodeScorer { plain.scorer(for: prefix(queries)) }
}
