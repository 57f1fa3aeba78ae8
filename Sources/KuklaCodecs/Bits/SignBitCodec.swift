import CKernels
public import KuklaNumerics

/// One bit a dimension: the sign (`B1`).
///
/// Bit `i` of a code is 1 where `x_i > 0`; with `s_i` = +1 or -1 accordingly, a vector is read as `f * s`. Under
/// `.cosine` all norms are 1 and one trained `f` (the mean of `|x_i|`) serves all vectors: `ceil(d / 8)` bytes each.
/// Under the other metrics norms carry meaning and every vector keeps its own `f`: `ceil(d / 8) + 4` bytes.
///
/// - `.squaredEuclidean`: the factor of least squared error, the vector's mean of `|x_i|`.
/// - `.innerProduct`: `|x|^2 / sum |x_i|`, with which `f * s` keeps the vector's component along itself: the mean
///   of `|x_i|` shrinks a vector the more, the less its signs tell, and ranks it too low. On MiniLM vectors with
///   norms that vary 10 times this finds 1.5 points of recall@10 more.
///
/// Queries stay floats (`scorer`, asymmetric) or are cut to bits themselves (`hammingScorer`, symmetric). Codes lie in
/// blocks of 32 vectors.
public struct SignBitCodec: VectorCodec {
    public let configuration: CodecConfiguration
    public let metric: Metric
    public let dimensions: Int
    /// `factor` `[1, 1]` under `.cosine`, else nothing.
    public var parameters: [String: Matrix] {
        metric == .cosine ? ["factor": Matrix(rows: 1, columns: 1, elements: [factor])] : [:]
    }
    let codes: InterleavedCodes
    /// The factor of all vectors under `.cosine`.
    let factor: Float

    public var layout: CodeLayout { codes.layout }

    /// How codes of that many dimensions lie in memory, known before training.
    public static func layout(dimensions: Int, metric: Metric) -> CodeLayout {
        interleaving(dimensions: dimensions, metric: metric).layout
    }

    private static func interleaving(dimensions: Int, metric: Metric) -> InterleavedCodes {
        InterleavedCodes(codeBytes: (dimensions + 7) / 8, factorCount: metric == .cosine ? 0 : 1)
    }

    /// Finds the common factor under `.cosine`; the other metrics need no training.
    ///
    /// - Throws: `KuklaError.badData` where there are no training vectors, or they are all zero, under `.cosine`.
    public static func train(
        on vectors: Matrix, metric: Metric, configuration: CodecConfiguration, seed: UInt64 = 0,
        threads: Int = defaultThreadCount, progress: some ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> SignBitCodec {
        var parameters: [String: Matrix] = [:]
        if metric == .cosine {
            var sum = 0.0
            vectors.withUnsafeBufferPointer { for x in $0 { sum += Double(x.magnitude) } }
            let mean = sum / Double(max(vectors.rows * vectors.columns, 1))
            guard mean > 0 else {
                throw KuklaError(
                    .badData,
                    "Cannot train 'B1' on \(vectors.rows) vectors: expected some component that is not zero. Give vectors that are not all zero."
                )
            }
            parameters["factor"] = Matrix(rows: 1, columns: 1, elements: [Float(mean)])
        }
        return try SignBitCodec(
            configuration: configuration, metric: metric, dimensions: vectors.columns,
            from: ParameterReader(parameters, codec: "B1"))
    }

    /// The codec that `parameters` describe.
    ///
    /// - Throws: `KuklaError.badData` where the factor is missing, has another shape, or is not a positive number, or
    ///   where there are other parameters.
    package init(
        configuration: CodecConfiguration, metric: Metric, dimensions: Int, from reader: ParameterReader
    ) throws(KuklaError) {
        guard dimensions > 0 else {
            throw KuklaError(
                .badData, "Cannot make a sign-bit codec for \(dimensions) dimensions: give at least 1.")
        }
        self.configuration = configuration
        self.metric = metric
        self.dimensions = dimensions
        codes = Self.interleaving(dimensions: dimensions, metric: metric)
        guard metric == .cosine else {
            try reader.expectOnly([])
            factor = 1
            return
        }
        try reader.expectOnly(["factor"])
        factor = try reader.matrix("factor", rows: 1, columns: 1)[0, 0]
        guard factor > 0 else {
            throw reader.failure(
                "factor", "it is \(factor), expected more than 0 (vectors that are all zero make it 0)")
        }
    }

    public func encode(_ vectors: Matrix, into buffer: UnsafeMutableRawBufferPointer, threads: Int) {
        contract(vectors.columns == dimensions, "encode: \(vectors.columns) columns, codec of \(dimensions)")
        let (dimensions, codeBytes, codes, metric) = (dimensions, codes.codeBytes, codes, metric)
        codes.write(rows: vectors.rows, into: buffer, threads: threads) { range, bytes, factors in
            vectors[rows: range].withUnsafeBufferPointer { x in
                for row in 0..<range.count {
                    let from = x.baseAddress! + row * dimensions
                    Self.packSigns(from, count: dimensions, into: bytes + row * codeBytes)
                    guard codes.factorCount > 0 else { continue }
                    factors[row] = Self.factor(UnsafeBufferPointer(start: from, count: dimensions), metric)
                }
            }
        }
    }

    /// The factor of one vector under a metric that keeps one a vector.
    static func factor(_ x: UnsafeBufferPointer<Float>, _ metric: Metric) -> Float {
        var (sum, squares) = (0.0, 0.0)
        for value in x {
            sum += Double(value.magnitude)
            squares += Double(value) * Double(value)
        }
        guard metric == .innerProduct else { return Float(sum / Double(x.count)) }
        return sum > 0 ? Float(squares / sum) : 0
    }

    /// Sets bit `i % 8` of byte `i / 8` where `x[i] > 0`; the other bits are 0.
    static func packSigns(_ x: UnsafePointer<Float>, count: Int, into bytes: UnsafeMutablePointer<UInt8>) {
        for byte in 0..<(count + 7) / 8 {
            var value: UInt8 = 0
            for bit in 0..<min(8, count - byte * 8) where x[byte * 8 + bit] > 0 { value |= 1 << UInt8(bit) }
            bytes[byte] = value
        }
    }

    public func decode(_ buffer: UnsafeRawBufferPointer, count: Int) -> Matrix {
        codes.decode(buffer, count: count, dimensions: dimensions) { code, factors, out in
            let f = codes.factorCount > 0 ? factors[0] : factor
            for i in 0..<dimensions { out[i] = code[i / 8] >> UInt8(i % 8) & 1 == 1 ? f : -f }
        }
    }

    public var rowwise: (any VectorCodec)? { SignRowCodec(signs: self) }

    public func scorer(for queries: Matrix) -> any CodeScorer { scorer(for: queries, level: .current) }

    package func scorer(for queries: Matrix, level: CPULevel) -> any CodeScorer {
        SignBitScorer(codec: self, queries: queries, level: level)
    }

    /// Prepares queries for symmetric scoring: `-h`, with `h` the number of dimensions in which the signs of query and
    /// vector differ. The fastest scan there is; factors are ignored.
    public func hammingScorer(for queries: Matrix) -> any CodeScorer {
        hammingScorer(for: queries, level: .current)
    }

    package func hammingScorer(for queries: Matrix, level: CPULevel) -> any CodeScorer {
        HammingScorer(codec: self, queries: queries, level: level)
    }
}

/// Float queries against sign bits: `f * sum(q_i s_i)`, four dimensions a table.
private struct SignBitScorer: CodeScorer {
    let codec: SignBitCodec
    let tables: NibbleTables
    let squaredNorms: [Float]

    var queryCount: Int { tables.queryCount }

    init(codec: SignBitCodec, queries: Matrix, level: CPULevel) {
        contract(
            queries.columns == codec.dimensions,
            "scorer: \(queries.columns) columns, codec of \(codec.dimensions)")
        let dimensions = codec.dimensions
        let factor = codec.factor
        self.codec = codec
        squaredNorms = (0..<queries.rows).map { r in
            queries.withUnsafeRow(r) { $0.reduce(0) { $0 + $1 * $1 } }
        }
        tables = NibbleTables(queries: queries.rows, codes: codec.codes, level: level) { query, table in
            queries.withUnsafeRow(query) { q in
                for n in 0..<(dimensions + 3) / 4 {
                    let entries = table + n * 16
                    // Entry v: each bit that is 1 adds q, each 0 takes q away.
                    var count = 1
                    for i in n * 4..<min(n * 4 + 4, dimensions) {
                        let x = q[i] * factor
                        for v in 0..<count {
                            entries[v + count] = entries[v] + x
                            entries[v] -= x
                        }
                        count *= 2
                    }
                }
            }
            return 0
        }
    }

    func score(_ pointer: UnsafeRawPointer, count: Int, into scores: UnsafeMutablePointer<Float>, stride: Int)
    {
        tables.score(pointer, count: count, into: scores, stride: stride)
        for query in 0..<queryCount {
            let row = scores + query * stride
            switch codec.metric {
            case .cosine: break
            case .innerProduct:
                codec.codes.rescale(row, codes: pointer, count: count) { $0 * $1(0) }
            case .squaredEuclidean:
                let (norm, d) = (squaredNorms[query], Float(codec.dimensions))
                codec.codes.rescale(row, codes: pointer, count: count) { s, factors in
                    let f = factors(0)
                    return f * (2 * s - f * d) - norm
                }
            }
        }
    }
}

/// Sign bits against sign bits.
private struct HammingScorer: CodeScorer {
    let codec: SignBitCodec
    let queryCount: Int
    let bits: AlignedStorage<UInt8>
    let level: CPULevel

    init(codec: SignBitCodec, queries: Matrix, level: CPULevel) {
        contract(
            queries.columns == codec.dimensions,
            "scorer: \(queries.columns) columns, codec of \(codec.dimensions)")
        self.codec = codec
        queryCount = queries.rows
        self.level = level
        let stride = (codec.codes.codeBytes + 3) / 4 * 4
        bits = AlignedStorage(uninitialized: queries.rows * stride)
        bits.buffer.initialize(repeating: 0)
        for query in 0..<queries.rows {
            queries.withUnsafeRow(query) {
                SignBitCodec.packSigns(
                    $0.baseAddress!, count: codec.dimensions, into: bits.buffer.baseAddress! + query * stride)
            }
        }
    }

    func score(_ pointer: UnsafeRawPointer, count: Int, into scores: UnsafeMutablePointer<Float>, stride: Int)
    {
        contract(
            stride >= codec.layout.blockCount(of: count) * InterleavedCodes.blockVectors,
            "score: stride \(stride) for \(count) vectors in blocks of \(InterleavedCodes.blockVectors)")
        guard count > 0, queryCount > 0 else { return }
        kk_bit_kernels_for(level.kernelLevel).pointee.hamming_scan(
            pointer.assumingMemoryBound(to: UInt8.self), codec.layout.blockCount(of: count),
            codec.layout.bytesPerBlock, codec.codes.codeBytes, bits.buffer.baseAddress!, queryCount, -1,
            scores,
            stride)
    }
}
