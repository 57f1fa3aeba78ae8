import CKernels
public import KuklaNumerics

/// `SQ8`, `SQ6`, `SQ4`: every dimension on `2^bits` evenly spaced levels of its own trained range.
///
/// Component i is `minimum[i] + step[i] * c`, `0 <= c < 2^bits`; what lies outside the range is clipped. Training
/// chooses both by least squared error (see `ScalarTraining`).
///
/// What a row holds, in bytes (`d` dimensions; see kk_scalar_quantizer.h for the order of the bits):
/// codes (`d`, `3 * ceil(d / 4)` or `ceil(d / 2)`), and, except under cosine, a float factor:
/// - `.innerProduct`: the length of the vector; the codes hold its direction. The error of a score is then
///   relative to the vector's own length, as it is under cosine, however much lengths differ in the collection:
///   one range for all lengths would be filled by the longest and leave few levels for the others.
/// - `.squaredEuclidean`: the squared length of the coded vector, measured from the middle of the ranges, so that a
///   scan is a dot product here too.
///
/// A scan folds `step` into the query and rounds that to 15 bits, so that it runs on integer instructions at the speed
/// of memory. That moves a score by less than 1e-4 of `|q| |x|` at 384 dimensions, a fifth of what 8-bit codes lose.
public struct ScalarCodec: VectorCodec {
    public let bits: Int
    public let metric: Metric
    public let dimensions: Int
    let minimum: [Float]
    let step: [Float]
    private let inverseStep: [Float]
    /// `-step * middle code`: decoding with it gives vectors measured from the middle of the ranges.
    let centredBias: [Float]

    public var configuration: CodecConfiguration { CodecConfiguration(quantizer: .scalar(bits: bits)) }
    public var layout: CodeLayout { Self.layout(dimensions: dimensions, bits: bits, metric: metric) }
    public var parameters: [String: Matrix] {
        [
            "minimum": Matrix(rows: 1, columns: dimensions, elements: minimum),
            "step": Matrix(rows: 1, columns: dimensions, elements: step),
        ]
    }

    init(bits: Int, metric: Metric, minimum: [Float], step: [Float]) {
        self.bits = bits
        self.metric = metric
        dimensions = minimum.count
        self.minimum = minimum
        self.step = step
        inverseStep = step.map { $0 > 0 ? 1 / $0 : 0 }
        let middle = Float(1 << (bits - 1))
        centredBias = step.map { -middle * $0 }
    }

    /// The codec that `parameters` describe.
    ///
    /// - Throws: `KuklaError.badData` that names the parameter which is missing or has a wrong shape or value.
    init(bits: Int, metric: Metric, dimensions: Int, from reader: ParameterReader) throws(KuklaError) {
        let minimum = try reader.vector("minimum", count: dimensions)
        let step = try reader.vector("step", count: dimensions)
        try reader.expectOnly(["minimum", "step"])
        guard step.allSatisfy({ $0 == 0 || $0.isNormal && $0 > 0 && (1 / $0).isFinite }) else {
            throw reader.failure("step", "expected positive numbers or 0")
        }
        self.init(bits: bits, metric: metric, minimum: minimum, step: step)
    }

    static func codeBytes(dimensions: Int, bits: Int) -> Int {
        switch bits {
        case 8: dimensions
        case 6: (dimensions + 3) / 4 * 3
        default: (dimensions + 1) / 2
        }
    }

    static func layout(dimensions: Int, bits: Int, metric: Metric) -> CodeLayout {
        CodeLayout(
            bytesPerBlock: codeBytes(dimensions: dimensions, bits: bits) + (metric == .cosine ? 0 : 4))
    }

    public func encode(_ vectors: Matrix, into codes: UnsafeMutableRawBufferPointer, threads: Int) {
        checkEncode(vectors, into: codes)
        guard vectors.rows > 0 else { return }
        nonisolated(unsafe) let codes = codes
        parallelFor(vectors.rows, grain: 1024, threads: threads) { rows in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * dimensions) { scratch in
                for row in rows {
                    vectors.withUnsafeRow(row) {
                        encode($0, to: codes.baseAddress! + row * layout.bytesPerBlock, scratch: scratch)
                    }
                }
            }
        }
    }

    private func encode(
        _ vector: UnsafeBufferPointer<Float>, to code: UnsafeMutableRawPointer,
        scratch: UnsafeMutableBufferPointer<Float>
    ) {
        let bytes = code.assumingMemoryBound(to: UInt8.self)
        let decode = decodeRows
        var source = vector.baseAddress!
        let direction = scratch.baseAddress!
        let decoded = direction + dimensions
        if metric == .innerProduct {
            let length = Self.length(vector)
            let inverse = length > 0 ? 1 / length : 0
            for i in 0..<dimensions { direction[i] = Float(Double(vector[i]) * inverse) }
            source = UnsafePointer(direction)
        }
        kk_scalar_encode_row(source, dimensions, Int32(bits), minimum, inverseStep, bytes)
        guard metric != .cosine else { return }
        var factor = 0.0
        if metric == .innerProduct {
            // The multiple of the decoded direction that is nearest to the vector.
            decode(bytes, 1, layout.bytesPerBlock, dimensions, minimum, step, decoded)
            var product = 0.0
            var square = 0.0
            for i in 0..<dimensions {
                product += Double(vector[i]) * Double(decoded[i])
                square += Double(decoded[i]) * Double(decoded[i])
            }
            factor = square > 0 ? product / square : 0
        } else {
            decode(bytes, 1, layout.bytesPerBlock, dimensions, centredBias, step, decoded)
            for i in 0..<dimensions { factor += Double(decoded[i]) * Double(decoded[i]) }
        }
        code.storeBytes(
            of: Float(factor), toByteOffset: Self.codeBytes(dimensions: dimensions, bits: bits),
            as: Float.self)
    }

    static func length(_ vector: UnsafeBufferPointer<Float>) -> Double {
        var sum = 0.0
        for x in vector { sum += Double(x) * Double(x) }
        return sum.squareRoot()
    }

    public func decode(_ codes: UnsafeRawBufferPointer, count: Int) -> Matrix {
        checkDecode(codes, count: count)
        return Matrix(rows: count, columns: dimensions) { out in
            guard out.count > 0 else { return }
            let bytes = codes.baseAddress!.assumingMemoryBound(to: UInt8.self)
            decodeRows(bytes, count, layout.bytesPerBlock, dimensions, minimum, step, out.baseAddress!)
            guard metric == .innerProduct else { return }
            for row in 0..<count {
                let factor = self.factor(of: row, in: codes.baseAddress!)
                for i in row * dimensions..<(row + 1) * dimensions { out[i] *= factor }
            }
        }
    }

    public func scorer(for queries: Matrix) -> any CodeScorer {
        checkQueries(queries)
        return ScalarScorer(codec: self, queries: queries)
    }

    public func randomAccessScorer(for query: Matrix) -> any RandomAccessScorer {
        checkRandomAccess(query)
        return ScalarScorer(codec: self, queries: query)
    }

    /// The float that follows the codes of vector `index`.
    @inline(__always)
    func factor(of index: Int, in codes: UnsafeRawPointer) -> Float {
        let row = layout.bytesPerBlock
        return codes.loadUnaligned(fromByteOffset: index * row + row - 4, as: Float.self)
    }

    var decodeRows: kk_scalar_decode_rows {
        let kernels = kk_scalar_kernels_for(CPULevel.current.kernelLevel).pointee
        return bits == 8 ? kernels.decode_rows_8 : bits == 6 ? kernels.decode_rows_6 : kernels.decode_rows_4
    }

    var dotRows: kk_scalar_dot_rows {
        let kernels = kk_scalar_kernels_for(CPULevel.current.kernelLevel).pointee
        return bits == 8 ? kernels.dot_rows_8 : bits == 6 ? kernels.dot_rows_6 : kernels.dot_rows_4
    }
}
