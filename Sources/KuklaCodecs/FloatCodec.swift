import CKernels
public import KuklaNumerics

/// `F32`: vectors as they are. Exact up to the rounding of the score itself.
public struct FloatCodec: VectorCodec {
    public let metric: Metric
    public let dimensions: Int

    public init(metric: Metric, dimensions: Int) {
        self.metric = metric
        self.dimensions = dimensions
    }

    public var configuration: CodecConfiguration { CodecConfiguration(quantizer: .float32) }
    public var layout: CodeLayout { CodeLayout(bytesPerBlock: 4 * dimensions) }
    public var parameters: [String: Matrix] { [:] }
    public var scoresGroups: Bool { true }

    public func encode(_ vectors: Matrix, into codes: UnsafeMutableRawBufferPointer, threads: Int) {
        checkEncode(vectors, into: codes)
        vectors.withUnsafeBufferPointer { codes.copyMemory(from: UnsafeRawBufferPointer($0)) }
    }

    public func decode(_ codes: UnsafeRawBufferPointer, count: Int) -> Matrix {
        checkDecode(codes, count: count)
        return Matrix(rows: count, columns: dimensions) {
            UnsafeMutableRawBufferPointer($0).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: codes[..<layout.byteCount(of: count)]))
        }
    }

    public func scorer(for queries: Matrix) -> any CodeScorer {
        checkQueries(queries)
        return FloatScorer(queries: FloatQueries(queries, metric: metric))
    }

    public func randomAccessScorer(for query: Matrix) -> any RandomAccessScorer {
        checkRandomAccess(query)
        return PickedFloatScorer(query: query, metric: metric)
    }
}

private struct PickedFloatScorer: RandomAccessScorer {
    let query: Matrix
    let metric: Metric

    func score(
        rows: UnsafePointer<UInt32>, count: Int, of codes: UnsafeRawPointer,
        into scores: UnsafeMutablePointer<Float>
    ) {
        guard query.columns > 0 else { return scores.update(repeating: 0, count: count) }
        let kernels = kk_picked_kernels_for(CPULevel.current.kernelLevel).pointee
        let vectors = codes.assumingMemoryBound(to: Float.self)
        query.withUnsafeBufferPointer { query in
            guard metric == .squaredEuclidean else {
                return kernels.dot_f32(query.baseAddress!, vectors, query.count, rows, count, scores)
            }
            kernels.squared_euclidean_f32(query.baseAddress!, vectors, query.count, rows, count, scores)
            for i in 0..<count { scores[i] = -scores[i] }
        }
    }
}

private struct FloatScorer: CodeScorer {
    let queries: FloatQueries

    var queryCount: Int { queries.count }

    func score(_ codes: UnsafeRawPointer, count: Int, into scores: UnsafeMutablePointer<Float>, stride: Int) {
        guard count > 0 else { return }
        let vectors = codes.assumingMemoryBound(to: Float.self)
        if queryCount >= FloatQueries.productThreshold {
            return queries.scoreByProduct(vectors, rows: count, into: scores, stride: stride)
        }
        let kernels = kk_distance_kernels_for(CPULevel.current.kernelLevel).pointee
        let d = queries.queries.columns
        let rows =
            queries.metric == .squaredEuclidean ? kernels.squared_euclidean_rows_f32 : kernels.dot_rows_f32
        queries.scoreByScan(count: count, bytesPerVector: 4 * d, into: scores, stride: stride) {
            _, query, range, out in
            rows(query, vectors + range.lowerBound * d, range.count, d, out)
        }
    }
}

extension VectorCodec {
    /// Stops the program where the caller's buffers do not fit the codec.
    package func checkEncode(_ vectors: Matrix, into codes: UnsafeMutableRawBufferPointer) {
        contract(
            vectors.columns == dimensions,
            "encode: vectors of \(vectors.columns) dimensions, codec of \(dimensions)")
        contract(
            codes.count >= layout.byteCount(of: vectors.rows),
            "encode: \(codes.count) bytes for \(vectors.rows) vectors of '\(configuration)', which need \(layout.byteCount(of: vectors.rows))"
        )
    }

    /// Stops the program where there are fewer bytes than `count` vectors need.
    package func checkDecode(_ codes: UnsafeRawBufferPointer, count: Int) {
        contract(
            codes.count >= layout.byteCount(of: count),
            "decode: \(codes.count) bytes, \(count) vectors of '\(configuration)' need \(layout.byteCount(of: count))"
        )
    }

    /// Stops the program where queries have other dimensions than the codec.
    package func checkQueries(_ queries: Matrix) {
        contract(
            queries.columns == dimensions,
            "scorer: queries of \(queries.columns) dimensions, codec of \(dimensions)")
    }
}
