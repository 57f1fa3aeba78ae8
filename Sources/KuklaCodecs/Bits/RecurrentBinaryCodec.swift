import CKernels
public import KuklaNumerics

/// Recurrent binary codes (`RBEmxk`): m components of k bits each, found in k steps that each add one bit to all of them.
///
/// The first bits are the signs of a map of the vector; every further bit is the sign of a map of what the bits before fail
/// to reconstruct (`RecurrentBinaryNetwork`). A code is then a vector of m odd whole numbers below `2^k`, and the score
/// of two vectors is the cosine in that space.
///
/// `init(metric:dimensions:codeDimensions:bits:seed:)` needs no vectors: the maps are random rotations and their
/// transposes. `BinaryTask` (KuklaObjectives) trains them.
///
/// - Queries stay floats (`scorer`): the cosine between what the first step's signs are taken of and the code. Or they are
///   coded themselves (`symmetricScorer`, the paper's symmetric distance): whole-number products, exact. On 63,000 MiniLM
///   vectors floats find 0.86 of the true ten nearest at 384x2 and 0.95 at 384x4, codes 0.82 and 0.93.
/// - Both also score codes of an older codec (`against:`), of which this one was trained to be compatible.
///
/// A vector takes `m k / 8` bytes (each part of 4, 2 or 1 bits rounded up to a byte), and two for the length of its code.
/// That is kept as a whole number: exact where `m (4^k - 2^(k+1)) / 8 < 65,536`, as for 384 components of up to 5 bits.
///
/// *Source:* Gan et al. 2023, "Binary embedding-based retrieval at Tencent", doi:10.1145/3580305.3599782, with rotations to begin
/// with in place of random layers, and linear maps beside the layers.
public struct RecurrentBinaryCodec: VectorCodec {
    public let dimensions: Int
    /// Components of a code, m.
    public let codeDimensions: Int
    /// Bits of a component, k.
    public let bits: Int
    package let network: RecurrentBinaryNetwork
    let grid: GridCodes

    public var configuration: CodecConfiguration {
        CodecConfiguration(quantizer: .recurrentBinary(dimensions: codeDimensions, bits: bits))
    }
    public var metric: Metric { .cosine }
    public var layout: CodeLayout { grid.codes.layout }
    /// Of each map (`encoder`, `residual.i`, `reconstruction.i`): `weight`, `bias`, and with a branch `hidden.weight`,
    /// `hidden.bias` and `output.weight`.
    public var parameters: [String: Matrix] { network.parameters }

    /// How codes of that shape lie in memory, known before training.
    ///
    /// - Throws: `KuklaError.usage` under another metric than `.cosine`.
    public static func layout(codeDimensions: Int, bits: Int, metric: Metric) throws(KuklaError) -> CodeLayout
    {
        try check(metric, codeDimensions, bits)
        return grid(codeDimensions, bits).codes.layout
    }

    private static func grid(_ codeDimensions: Int, _ bits: Int) -> GridCodes {
        GridCodes(dimensions: codeDimensions, bits: bits, factorCount: 1, factorType: .uint16)
    }

    private static func check(_ metric: Metric, _ codeDimensions: Int, _ bits: Int) throws(KuklaError) {
        guard (1...8).contains(bits), codeDimensions > 0 else {
            throw KuklaError(
                .usage,
                "Cannot make recurrent binary codes of \(codeDimensions) components and \(bits) bits: give at least 1 component and 1 to 8 bits."
            )
        }
        guard metric == .cosine else {
            throw KuklaError(
                .usage,
                "Cannot make 'RBE\(codeDimensions)x\(bits)' for the metric \(metric): recurrent binary codes keep directions only. Use cosine, or 'RQ\(bits)', which keeps lengths."
            )
        }
    }

    /// The codec of random rotations.
    ///
    /// - Throws: `KuklaError.usage` under another metric than `.cosine`, or where `bits` is outside 1...8.
    public init(
        metric: Metric = .cosine, dimensions: Int, codeDimensions: Int, bits: Int, seed: UInt64 = 1
    ) throws(KuklaError) {
        try Self.check(metric, codeDimensions, bits)
        self.init(
            dimensions: dimensions, codeDimensions: codeDimensions, bits: bits,
            network: try RecurrentBinaryNetwork(
                dimensions: dimensions, codeDimensions: codeDimensions, bits: bits, seed: seed))
    }

    /// The codec that `parameters` describe.
    ///
    /// - Throws: `KuklaError` where a parameter is missing, surplus, has another shape or is not finite.
    package init(
        metric: Metric, dimensions: Int, codeDimensions: Int, bits: Int, from reader: ParameterReader
    ) throws(KuklaError) {
        try Self.check(metric, codeDimensions, bits)
        self.init(
            dimensions: dimensions, codeDimensions: codeDimensions, bits: bits,
            network: try RecurrentBinaryNetwork(
                dimensions: dimensions, codeDimensions: codeDimensions, bits: bits, from: reader))
    }

    /// The codec with these maps, which fit the dimensions.
    package init(dimensions: Int, codeDimensions: Int, bits: Int, network: RecurrentBinaryNetwork) {
        self.dimensions = dimensions
        self.codeDimensions = codeDimensions
        self.bits = bits
        self.network = network
        grid = Self.grid(codeDimensions, bits)
    }

    public func encode(_ vectors: Matrix, into buffer: UnsafeMutableRawBufferPointer, threads: Int) {
        checkEncode(vectors, into: buffer)
        pack(vectors.rows, into: buffer, threads: threads) { wholeCodes(of: vectors[rows: $0]) }
    }

    /// Writes one code of odd whole numbers to zeroed bytes.
    func pack(_ code: UnsafePointer<Float>, into bytes: UnsafeMutablePointer<UInt8>) {
        let top = Float(1 << bits - 1)
        for i in 0..<codeDimensions { grid.set(level: Int((code[i] + top) / 2), at: i, in: bytes) }
    }

    /// Stores codes of odd whole numbers as `encode` does.
    package func pack(
        _ rows: Int, into buffer: UnsafeMutableRawBufferPointer, threads: Int,
        codes: @Sendable (Range<Int>) -> Matrix
    ) {
        let (grid, lengths) = (grid, lengths)
        grid.codes.write(rows: rows, into: buffer, threads: threads) { range, bytes, factors in
            let codes = codes(range)
            for row in 0..<range.count {
                codes.withUnsafeRow(row) {
                    pack($0.baseAddress!, into: bytes + row * grid.codes.codeBytes)
                    factors[row] = lengths.factor(squaredNorm($0))
                }
            }
        }
    }

    public func decode(_ buffer: UnsafeRawBufferPointer, count: Int) -> Matrix {
        vectors(of: wholeCodes(buffer, count: count))
    }

    /// The vectors that codes of odd whole numbers stand for.
    func vectors(of codes: Matrix) -> Matrix {
        var codes = codes
        let scale = 1 / Float(1 << (bits - 1))
        codes.withUnsafeMutableBufferPointer { for i in $0.indices { $0[i] *= scale } }
        return network.vectors(of: codes)
    }

    /// The codes `[n, codeDimensions]` of vectors as odd whole numbers.
    package func wholeCodes(of vectors: Matrix) -> Matrix {
        var codes = network.codes(of: vectors)
        let scale = Float(1 << (bits - 1))
        codes.withUnsafeMutableBufferPointer { for i in $0.indices { $0[i] *= scale } }
        return codes
    }

    /// Float queries in code space: what the first step's signs are taken of.
    package func activations(of queries: Matrix) -> Matrix { network.encoder(queries) }

    /// What `count` stored codes hold: odd whole numbers `[count, codeDimensions]`.
    package func wholeCodes(_ buffer: UnsafeRawBufferPointer, count: Int) -> Matrix {
        grid.codes.decode(buffer, count: count, dimensions: codeDimensions) { code, _, out in
            unpack(code, into: out)
        }
    }

    /// Writes the odd whole numbers of one code.
    func unpack(_ code: UnsafePointer<UInt8>, into out: UnsafeMutablePointer<Float>) {
        grid.decode(code, into: out)
        for i in 0..<codeDimensions { out[i] *= 2 }
    }

    public var rowwise: (any VectorCodec)? { RecurrentBinaryRowCodec(recurrent: self) }

    public func scorer(for queries: Matrix) -> any CodeScorer { scorer(for: queries, against: self) }

    /// Prepares float queries for codes of `stored`: this codec, or one that this is compatible with.
    public func scorer(for queries: Matrix, against stored: RecurrentBinaryCodec) -> any CodeScorer {
        checkQueries(queries)
        return RecurrentBinaryScorer(
            activations(of: queries), wholeBits: nil, codec: stored, level: .current)
    }

    /// Prepares queries that are coded themselves: a score is the cosine of two codes.
    ///
    /// The product of two codes is an exact whole number where `m 4^k < 2^23`; only the division by the lengths rounds.
    /// - Parameter stored: whose codes are scored: this codec's own where left out, or those of one that this is
    ///   compatible with.
    public func symmetricScorer(
        for queries: Matrix, against stored: RecurrentBinaryCodec? = nil
    ) -> any CodeScorer {
        checkQueries(queries)
        return symmetricScorer(forCodes: wholeCodes(of: queries), against: stored, level: .current)
    }

    /// As `symmetricScorer(for:against:)`, for queries that are codes of odd whole numbers already.
    package func symmetricScorer(
        forCodes codes: Matrix, against stored: RecurrentBinaryCodec? = nil, level: CPULevel
    ) -> any CodeScorer {
        let stored = stored ?? self
        if bits == 2, stored.bits == 2, stored.grid.codes.codeBytes <= kk_two_bit_most_bytes {
            return TwoBitScorer(codes, codec: stored, level: level)
        }
        return RecurrentBinaryScorer(codes, wholeBits: bits, codec: stored, level: level)
    }

    var lengths: CodeLengths { CodeLengths(dimensions: codeDimensions, bits: bits) }

    /// 2 over the length of each query in code space, 0 for one without length: grid points are halves of the odd numbers.
    static func scales(of queries: Matrix) -> [Float] {
        (0..<queries.rows).map { row in
            let square = queries.withUnsafeRow(row) { squaredNorm($0) }
            return square > 0 ? 2 / square.squareRoot() : 0
        }
    }
}

/// How the squared length of a code of m odd whole numbers is kept in 16 bits: an odd square is 8 n + 1, so the sum of m
/// of them is 8 n + m, and n is kept, without its lowest bits where it may exceed 65,535.
struct CodeLengths: Sendable {
    let dimensions: Int
    /// Bits of n that are dropped.
    let shift: Int

    init(dimensions: Int, bits: Int) {
        self.dimensions = dimensions
        let top = 1 << bits - 1
        let most = dimensions * (top * top - 1) / 8
        shift = max(0, Int.bitWidth - most.leadingZeroBitCount - 16)
    }

    func factor(_ squaredLength: Float) -> Float {
        let n = (Int(squaredLength) - dimensions) / 8
        return Float(min((n + (1 << shift) / 2) >> shift, 65_535))
    }

    /// A squared length is `base + step * factor`.
    var base: Float { Float(dimensions) }
    var step: Float { Float(8 << shift) }
}

/// Queries in code space against codes: cosines.
private struct RecurrentBinaryScorer: CodeScorer {
    let tables: NibbleTables
    let codes: InterleavedCodes
    let lengths: CodeLengths
    let level: CPULevel
    let scales: [Float]

    var queryCount: Int { tables.queryCount }

    /// - Parameters:
    ///   - queries: `[queries, at least codec.codeDimensions]`; the leading components count.
    ///   - wholeBits: of queries that are odd whole numbers below `2^wholeBits`, which are scored exactly.
    init(_ queries: Matrix, wholeBits: Int?, codec: RecurrentBinaryCodec, level: CPULevel) {
        contract(
            queries.columns >= codec.codeDimensions,
            "scorer: queries of \(queries.columns) code dimensions against codes of \(codec.codeDimensions)")
        let queries = queries.truncated(to: codec.codeDimensions)
        let grid = codec.grid
        codes = grid.codes
        lengths = codec.lengths
        self.level = level
        scales = RecurrentBinaryCodec.scales(of: queries)
        // 8-bit tables are finer than grids of up to 4 bits, and hold all products of two whole numbers of up to 4 bits.
        let planes = max(codec.bits, wholeBits ?? 1) > 4 ? 2 : 1
        tables = NibbleTables(
            queries: queries.rows, codes: grid.codes, planes: planes, step: wholeBits == nil ? nil : 1,
            level: level
        ) { query, table in queries.withUnsafeRow(query) { grid.fillTable($0.baseAddress!, into: table) } }
    }

    func score(_ pointer: UnsafeRawPointer, count: Int, into scores: UnsafeMutablePointer<Float>, stride: Int)
    {
        tables.score(pointer, count: count, into: scores, stride: stride)
        let kernels = kk_bit_kernels_for(level.kernelLevel).pointee
        let numbers = pointer.assumingMemoryBound(to: UInt8.self) + codes.factorOffset(0)
        for query in 0..<queryCount {
            kernels.divide_by_lengths(
                numbers, codes.layout.blockCount(of: count), codes.layout.bytesPerBlock, scales[query],
                lengths.base, lengths.step, scores + query * stride)
        }
    }
}
