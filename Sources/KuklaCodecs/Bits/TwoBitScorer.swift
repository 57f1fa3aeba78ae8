import CKernels
import KuklaNumerics

/// Queries that are codes of two bits against codes of two bits: cosines, their products exact.
struct TwoBitScorer: CodeScorer {
    let queryCount: Int
    private let codes: InterleavedCodes
    private let lengths: CodeLengths
    /// 9 times the components: the largest product.
    private let top: Float
    private let level: CPULevel
    private let queries: AlignedStorage<UInt8>
    /// 1 over the length of each query.
    private let scales: [Float]

    /// - Parameter queries: `[queries, at least codec.codeDimensions]`, odd whole numbers below 4; the leading ones count.
    /// - Precondition: `codec.bits == 2`, and a code has at most `kk_two_bit_most_bytes`.
    init(_ queries: Matrix, codec: RecurrentBinaryCodec, level: CPULevel) {
        contract(
            queries.columns >= codec.codeDimensions,
            "scorer: queries of \(queries.columns) code dimensions against codes of \(codec.codeDimensions)")
        queryCount = queries.rows
        codes = codec.grid.codes
        lengths = codec.lengths
        top = Float(9 * codec.codeDimensions)
        self.level = level
        let (bytes, stride) = (codes.codeBytes, (codes.codeBytes + 3) / 4 * 128)
        let storage = AlignedStorage<UInt8>(uninitialized: queries.rows * stride)
        let kernels = kk_bit_kernels_for(level.kernelLevel)
        var scales: [Float] = []
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: bytes) { code in
            for row in 0..<queries.rows {
                code.initialize(repeating: 0)
                queries.withUnsafeRow(row) {
                    let query = UnsafeBufferPointer(rebasing: $0[..<codec.codeDimensions])
                    codec.pack(query.baseAddress!, into: code.baseAddress!)
                    scales.append(1 / squaredNorm(query).squareRoot())
                }
                kernels.pointee.two_bit_query(
                    code.baseAddress!, bytes, storage.buffer.baseAddress! + row * stride)
            }
        }
        self.queries = storage
        self.scales = scales
    }

    func score(_ pointer: UnsafeRawPointer, count: Int, into scores: UnsafeMutablePointer<Float>, stride: Int)
    {
        let blocks = codes.layout.blockCount(of: count)
        contract(
            stride >= blocks * InterleavedCodes.blockVectors,
            "score: stride \(stride) for \(count) vectors in blocks of \(InterleavedCodes.blockVectors)")
        guard count > 0, queryCount > 0 else { return }
        kk_bit_kernels_for(level.kernelLevel).pointee.two_bit_scan(
            pointer.assumingMemoryBound(to: UInt8.self), blocks, codes.layout.bytesPerBlock, codes.codeBytes,
            queries.buffer.baseAddress!, queryCount, top, scales, lengths.base, lengths.step, scores, stride)
    }
}
