import CKernels
public import KuklaNumerics

/// Randomly rotated grid codes of 1 to 8 bits a dimension with an unbiased inner product (`RQb`).
///
/// With `c` the mean of the training vectors and `P` a random rotation, the direction `o = P (x - c) / |x - c|` is rounded to the
/// grid point `y`, `y_i = u_i - (2^b - 1) / 2` with `u_i` in `0..<2^b`, that has the largest cosine with `o` over all
/// scales of the grid. Then `q . x` is estimated by
///
///     q . c + f * (P q . y),   f = |x - c| / (o . y),
///
/// whose expectation over rotations is exact. The part that is lost has the length `g = tan(o, y)` (the angle's tangent),
/// and the error is that of a random direction of that length: with standard deviation about
/// `|q| |x - c| g / sqrt(d - 1)`, which every code carries too.
///
/// Under `.squaredEuclidean` the true `|x - c|^2` is kept, so that a score is `-|q - x'|^2 + |x' - x|^2` with `x'` the
/// decoded vector: the square of what decoding loses does not count as distance.
///
/// Codes are `ceil(d b / 8)` bytes where `8` divides `d`, and two floats (`f` and the error); three under
/// `.squaredEuclidean` (`|x - c|^2`). See `layout(dimensions:bits:metric:)`.
///
/// *Sources:* Gao and Long 2024, "RaBitQ", doi:10.1145/3654970; Gao et al. 2025, "Practical and asymptotically optimal
/// quantization of high-dimensional vectors in Euclidean space for approximate nearest neighbor search",
/// doi:10.1145/3725413. Here the scale is searched numerically and codes are scored by table look-up.
public struct RandomizedQuantizer: VectorCodec {
    public let configuration: CodecConfiguration
    public let metric: Metric
    public let dimensions: Int
    /// Bits a dimension.
    public let bits: Int
    /// `[dimensions, dimensions]`.
    let rotation: Matrix
    /// `[1, dimensions]`.
    let mean: Matrix
    let grid: GridCodes

    public var layout: CodeLayout { grid.codes.layout }
    /// `rotation` `[d, d]` and `mean` `[1, d]`.
    public var parameters: [String: Matrix] { ["rotation": rotation, "mean": mean] }

    /// How codes of that shape lie in memory, known before training.
    public static func layout(dimensions: Int, bits: Int, metric: Metric) -> CodeLayout {
        GridCodes(dimensions: dimensions, bits: bits, metric: metric).codes.layout
    }

    /// Takes the mean of the vectors and draws a rotation.
    ///
    /// - Throws: `KuklaError.usage` where `bits` is outside 1...8; `KuklaError.badData` where vectors are not finite.
    public static func train(
        on vectors: Matrix, metric: Metric, bits: Int, configuration: CodecConfiguration, seed: UInt64 = 0,
        threads: Int = defaultThreadCount, progress: some ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> RandomizedQuantizer {
        let d = vectors.columns
        var sums = [Double](repeating: 0, count: d)
        vectors.withUnsafeBufferPointer { x in
            for r in 0..<vectors.rows { for i in 0..<d { sums[i] += Double(x[r * d + i]) } }
        }
        let mean = Matrix(
            rows: 1, columns: d, elements: sums.map { Float($0 / Double(max(vectors.rows, 1))) })
        let rotation = try Matrix.randomRotation(dimensions: d, seed: seed)
        return try RandomizedQuantizer(
            configuration: configuration, metric: metric, dimensions: d, bits: bits,
            from: ParameterReader(["rotation": rotation, "mean": mean], codec: "RQ\(bits)"))
    }

    /// The codec that `parameters` describe.
    ///
    /// - Throws: `KuklaError` where a parameter is missing, surplus, has another shape or is not finite.
    package init(
        configuration: CodecConfiguration, metric: Metric, dimensions: Int, bits: Int,
        from reader: ParameterReader
    ) throws(KuklaError) {
        guard (1...8).contains(bits), dimensions > 0 else {
            throw KuklaError(
                .usage,
                "Cannot make a randomized quantizer of \(bits) bits for \(dimensions) dimensions: give 1 to 8 bits and at least 1 dimension."
            )
        }
        self.configuration = configuration
        self.metric = metric
        self.dimensions = dimensions
        self.bits = bits
        try reader.expectOnly(["rotation", "mean"])
        rotation = try reader.matrix("rotation", rows: dimensions, columns: dimensions)
        mean = try reader.matrix("mean", rows: 1, columns: dimensions)
        grid = GridCodes(dimensions: dimensions, bits: bits, metric: metric)
    }

    public func encode(_ vectors: Matrix, into buffer: UnsafeMutableRawBufferPointer, threads: Int) {
        contract(vectors.columns == dimensions, "encode: \(vectors.columns) columns, codec of \(dimensions)")
        let (grid, d) = (grid, dimensions)
        grid.codes.write(rows: vectors.rows, into: buffer, threads: threads) { range, bytes, factors in
            var residuals = rotated(centered(vectors[rows: range]))
            residuals.withUnsafeMutableBufferPointer { o in
                for row in 0..<range.count {
                    grid.encode(
                        o.baseAddress! + row * d, into: bytes + row * grid.codes.codeBytes,
                        factors: factors + row * grid.codes.factorCount)
                }
            }
        }
    }

    public func decode(_ buffer: UnsafeRawBufferPointer, count: Int) -> Matrix {
        let (grid, d) = (grid, dimensions)
        let points = grid.codes.decode(buffer, count: count, dimensions: d) { code, factors, out in
            grid.decode(code, into: out)
            for i in 0..<d { out[i] *= factors[0] }
        }
        var vectors = points.multiplied(by: rotation, threads: 1)  // a row times P is the rotation back
        vectors.withUnsafeMutableBufferPointer { x in
            mean.withUnsafeBufferPointer { c in
                for row in 0..<count { for i in 0..<d { x[row * d + i] += c[i] } }
            }
        }
        return vectors
    }

    public func scorer(for queries: Matrix) -> any CodeScorer { scorer(for: queries, level: .current) }

    package func scorer(for queries: Matrix, level: CPULevel) -> any CodeScorer {
        RandomizedScorer(codec: self, queries: queries, level: level)
    }

    /// A score with the error that it may have.
    public struct Estimate: Hashable, Sendable {
        public let score: Float
        /// `epsilon` standard deviations of the score's error over random rotations.
        public let errorBound: Float
    }

    /// Scores of one query `[1, dimensions]` against the codes of `count` vectors, with error bounds.
    ///
    /// - Parameter epsilon: how many standard deviations a bound is wide. The error is close to normal: 1.9, the
    ///   paper's choice, covers 94% of errors, 3.3 covers 99.9%.
    public func estimates(
        for query: Matrix, codes buffer: UnsafeRawBufferPointer, count: Int, epsilon: Float = 1.9
    ) -> [Estimate] {
        contract(query.rows == 1, "estimates: \(query.rows) queries")
        contract(
            buffer.count >= layout.byteCount(of: count), "estimates: \(buffer.count) bytes, \(count) vectors")
        guard count > 0, let codes = buffer.baseAddress else { return [] }
        let scorer = RandomizedScorer(codec: self, queries: query, level: .current)
        let slots = layout.blockCount(of: count) * InterleavedCodes.blockVectors
        var scores = [Float](repeating: 0, count: slots)
        scores.withUnsafeMutableBufferPointer {
            scorer.score(codes, count: count, into: $0.baseAddress!, stride: slots)
        }
        var bounds = [Float](repeating: 0, count: slots)
        let length = scorer.rotatedNorms[0].squareRoot() * (metric == .squaredEuclidean ? 2 : 1)
        bounds.withUnsafeMutableBufferPointer {
            grid.codes.rescale($0.baseAddress!, codes: codes, count: count) { _, factors in
                factors(1) * (epsilon * length)
            }
        }
        return (0..<count).map { Estimate(score: scores[$0], errorBound: bounds[$0]) }
    }

    fileprivate func centered(_ vectors: Matrix) -> Matrix {
        let d = dimensions
        return Matrix(rows: vectors.rows, columns: d) { out in
            vectors.withUnsafeBufferPointer { x in
                mean.withUnsafeBufferPointer { c in
                    for row in 0..<vectors.rows {
                        for i in 0..<d { out[row * d + i] = x[row * d + i] - c[i] }
                    }
                }
            }
        }
    }

    fileprivate func rotated(_ vectors: Matrix) -> Matrix {
        vectors.multiplied(by: rotation, transposed: true, threads: 1)
    }
}

/// Rotated float queries against grid codes.
private struct RandomizedScorer: CodeScorer {
    let codec: RandomizedQuantizer
    let tables: NibbleTables
    /// What each query adds to all scores: `q . c`, or `-|q - c|^2`.
    let offsets: [Float]
    /// Squared norms of the rotated queries.
    let rotatedNorms: [Float]

    var queryCount: Int { tables.queryCount }

    init(codec: RandomizedQuantizer, queries: Matrix, level: CPULevel) {
        contract(
            queries.columns == codec.dimensions,
            "scorer: \(queries.columns) columns, codec of \(codec.dimensions)")
        self.codec = codec
        let isDistance = codec.metric == .squaredEuclidean
        let rotated = codec.rotated(isDistance ? codec.centered(queries) : queries)
        let norms = (0..<queries.rows).map { r in rotated.withUnsafeRow(r) { $0.reduce(0) { $0 + $1 * $1 } } }
        rotatedNorms = norms
        offsets =
            isDistance
            ? norms.map { -$0 } : queries.multiplied(by: codec.mean, transposed: true, threads: 1).elements
        let grid = codec.grid
        // 8-bit tables are finer than grids of up to 4 bits; beyond, they take 16 bits.
        tables = NibbleTables(
            queries: queries.rows, codes: grid.codes, planes: codec.bits > 4 ? 2 : 1, level: level
        ) { query, table in rotated.withUnsafeRow(query) { grid.fillTable($0.baseAddress!, into: table) } }
    }

    func score(_ pointer: UnsafeRawPointer, count: Int, into scores: UnsafeMutablePointer<Float>, stride: Int)
    {
        tables.score(pointer, count: count, into: scores, stride: stride)
        for query in 0..<queryCount {
            let offset = offsets[query]
            if codec.metric == .squaredEuclidean {
                codec.grid.codes.rescale(scores + query * stride, codes: pointer, count: count) {
                    s, factors in
                    2 * factors(0) * s + (offset - factors(2))
                }
            } else {
                codec.grid.codes.rescale(scores + query * stride, codes: pointer, count: count) {
                    s, factors in
                    factors(0) * s + offset
                }
            }
        }
    }
}
