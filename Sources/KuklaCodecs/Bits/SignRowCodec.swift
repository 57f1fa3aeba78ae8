import CKernels
import KuklaNumerics

/// `B1` with one vector a block: `ceil(d / 8)` bytes of signs, then under `.innerProduct` and `.squaredEuclidean` the
/// vector's factor. What `SignBitCodec` stores, laid out for picking single codes.
struct SignRowCodec: VectorCodec {
    let signs: SignBitCodec

    var configuration: CodecConfiguration { signs.configuration }
    var metric: Metric { signs.metric }
    var dimensions: Int { signs.dimensions }
    var parameters: [String: Matrix] { signs.parameters }
    private var codeBytes: Int { signs.codes.codeBytes }
    var layout: CodeLayout { CodeLayout(bytesPerBlock: codeBytes + 4 * signs.codes.factorCount) }

    func encode(_ vectors: Matrix, into codes: UnsafeMutableRawBufferPointer, threads: Int) {
        checkEncode(vectors, into: codes)
        nonisolated(unsafe) let codes = codes  // every row is written once
        parallelFor(vectors.rows, grain: 1024, threads: threads) { rows in
            for row in rows {
                vectors.withUnsafeRow(row) { x in
                    let code = codes.baseAddress! + row * layout.bytesPerBlock
                    SignBitCodec.packSigns(
                        x.baseAddress!, count: dimensions, into: code.assumingMemoryBound(to: UInt8.self))
                    guard metric != .cosine else { return }
                    code.storeBytes(
                        of: SignBitCodec.factor(x, metric), toByteOffset: codeBytes, as: Float.self)
                }
            }
        }
    }

    func decode(_ codes: UnsafeRawBufferPointer, count: Int) -> Matrix {
        checkDecode(codes, count: count)
        return Matrix(rows: count, columns: dimensions) { out in
            for row in 0..<count {
                let code = codes.baseAddress! + row * layout.bytesPerBlock
                let f = factor(of: code)
                for i in 0..<dimensions {
                    let byte = code.load(fromByteOffset: i / 8, as: UInt8.self)
                    out[row * dimensions + i] = byte >> UInt8(i % 8) & 1 == 1 ? f : -f
                }
            }
        }
    }

    func scorer(for queries: Matrix) -> any CodeScorer {
        checkQueries(queries)
        return SignRowScorer(codec: self, queries: queries)
    }

    func randomAccessScorer(for query: Matrix) -> any RandomAccessScorer {
        checkRandomAccess(query)
        return SignRowScorer(codec: self, queries: query)
    }

    /// The factor of the vector with this code.
    @inline(__always)
    func factor(of code: UnsafeRawPointer) -> Float {
        metric == .cosine
            ? signs.factor : code.loadUnaligned(fromByteOffset: codeBytes, as: Float.self)
    }
}

/// Float queries against sign bits in rows: with `s` the sum of the query where the sign is positive and `t` its whole
/// sum, `q . (f * signs) = f * (2 s - t)`.
private struct SignRowScorer: RowScorer {
    let codec: SignRowCodec
    let queries: Matrix
    private let sums: [Float]
    private let squaredNorms: [Float]

    var queryCount: Int { queries.rows }

    init(codec: SignRowCodec, queries: Matrix) {
        self.codec = codec
        self.queries = queries
        sums = (0..<queries.rows).map { queries.withUnsafeRow($0) { $0.reduce(0, +) } }
        squaredNorms = (0..<queries.rows).map { queries.withUnsafeRow($0) { squaredNorm($0) } }
    }

    func score(
        _ query: Int, rows: UnsafePointer<UInt32>, count: Int, of codes: UnsafeRawPointer,
        into scores: UnsafeMutablePointer<Float>
    ) {
        let (row, d) = (codec.layout.bytesPerBlock, Float(codec.dimensions))
        queries.withUnsafeRow(query) {
            kk_picked_kernels_for(CPULevel.current.kernelLevel).pointee.sign_sums(
                $0.baseAddress!, $0.count, codes.assumingMemoryBound(to: UInt8.self), row, rows, count, scores
            )
        }
        for i in 0..<count {
            let f = codec.factor(of: codes + Int(rows[i]) * row)
            let product = f * (2 * scores[i] - sums[query])
            scores[i] =
                codec.metric == .squaredEuclidean ? 2 * product - f * f * d - squaredNorms[query] : product
        }
    }
}
