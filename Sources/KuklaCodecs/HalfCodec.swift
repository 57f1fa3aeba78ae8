import CKernels
public import KuklaNumerics

/// `F16` and `BF16`: 2 bytes a dimension, rounded to nearest, ties to even.
///
/// Relative error of a component at most 2^-11 (`F16`, within 6.1e-5 ... 65504; larger magnitudes saturate) or 2^-8
/// (`BF16`, over the range of floats). Scores are float sums of float products with the rounded components.
public struct HalfCodec: VectorCodec {
    /// Which 16-bit format.
    public enum Format: Hashable, Sendable { case float16, bfloat16 }

    public let format: Format
    public let metric: Metric
    public let dimensions: Int

    public init(_ format: Format, metric: Metric, dimensions: Int) {
        self.format = format
        self.metric = metric
        self.dimensions = dimensions
    }

    public var configuration: CodecConfiguration {
        CodecConfiguration(quantizer: format == .float16 ? .float16 : .bfloat16)
    }
    public var layout: CodeLayout { CodeLayout(bytesPerBlock: 2 * dimensions) }
    public var parameters: [String: Matrix] { [:] }
    public var scoresGroups: Bool { true }

    public func encode(_ vectors: Matrix, into codes: UnsafeMutableRawBufferPointer, threads: Int) {
        checkEncode(vectors, into: codes)
        guard vectors.rows > 0 else { return }
        let kernels = kk_half_kernels_for(CPULevel.current.kernelLevel).pointee
        let convert = format == .float16 ? kernels.to_f16 : kernels.to_bf16
        let d = dimensions
        nonisolated(unsafe) let out = codes.baseAddress!.assumingMemoryBound(to: UInt16.self)
        parallelFor(vectors.rows, grain: 4096, threads: threads) { rows in
            vectors[rows: rows].withUnsafeBufferPointer {
                convert($0.baseAddress!, $0.count, out + rows.lowerBound * d)
            }
        }
    }

    public func decode(_ codes: UnsafeRawBufferPointer, count: Int) -> Matrix {
        checkDecode(codes, count: count)
        return Matrix(rows: count, columns: dimensions) {
            guard $0.count > 0 else { return }
            let kernels = kk_half_kernels_for(CPULevel.current.kernelLevel).pointee
            (format == .float16 ? kernels.from_f16 : kernels.from_bf16)(
                codes.baseAddress!.assumingMemoryBound(to: UInt16.self), $0.count, $0.baseAddress!)
        }
    }

    public func scorer(for queries: Matrix) -> any CodeScorer {
        checkQueries(queries)
        return HalfScorer(format: format, queries: FloatQueries(queries, metric: metric))
    }
}

private struct HalfScorer: CodeScorer {
    let format: HalfCodec.Format
    let queries: FloatQueries

    var queryCount: Int { queries.count }

    func score(_ codes: UnsafeRawPointer, count: Int, into scores: UnsafeMutablePointer<Float>, stride: Int) {
        let vectors = codes.assumingMemoryBound(to: UInt16.self)
        let kernels = kk_half_kernels_for(CPULevel.current.kernelLevel).pointee
        let d = queries.queries.columns
        if queryCount >= FloatQueries.productThreshold {
            let convert = format == .float16 ? kernels.from_f16 : kernels.from_bf16
            return queries.scoreDecoded(count: count, into: scores, stride: stride) { range, floats in
                convert(vectors + range.lowerBound * d, range.count * d, floats)
            }
        }
        let rows =
            switch (format, queries.metric) {
            case (.float16, .squaredEuclidean): kernels.squared_euclidean_rows_f16
            case (.float16, _): kernels.dot_rows_f16
            case (.bfloat16, .squaredEuclidean): kernels.squared_euclidean_rows_bf16
            case (.bfloat16, _): kernels.dot_rows_bf16
            }
        queries.scoreByScan(count: count, bytesPerVector: 2 * d, into: scores, stride: stride) {
            _, query, range, out in
            rows(query, vectors + range.lowerBound * d, range.count, d, out)
        }
    }
}
