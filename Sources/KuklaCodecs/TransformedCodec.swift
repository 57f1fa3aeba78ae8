public import KuklaNumerics

/// A chain of transforms with a quantizer behind it, as one codec: `PCA128,SQ8`.
///
/// Scores approximate the metric on the original vectors (see `VectorTransform` for the transforms that change
/// it). Under `.innerProduct` and `.cosine` principal components centre stored vectors only, and a query's
/// product with the mean is added to its scores.
public struct TransformedCodec: VectorCodec {
    /// The codec of the transformed vectors.
    public let quantizer: any VectorCodec
    public let configuration: CodecConfiguration
    public let metric: Metric
    public let dimensions: Int
    private let transforms: [VectorTransform]

    init(
        _ configuration: CodecConfiguration, transforms: [VectorTransform], quantizer: any VectorCodec,
        metric: Metric
    ) {
        self.configuration = configuration
        self.transforms = transforms
        self.quantizer = quantizer
        self.metric = metric
        dimensions = transforms[0].inputDimensions
    }

    public var layout: CodeLayout { quantizer.layout }

    /// The quantizer's as `quantizer.NAME`, and those of transform i (from 0) as `transform.i.NAME`.
    public var parameters: [String: Matrix] {
        var all: [String: Matrix] = [:]
        for (name, value) in quantizer.parameters { all["quantizer.\(name)"] = value }
        for (i, transform) in transforms.enumerated() {
            for (name, value) in transform.parameters { all["transform.\(i).\(name)"] = value }
        }
        return all
    }

    /// Stored vectors as the quantizer sees them, `[n, quantizer.dimensions]`.
    package func transformed(_ vectors: Matrix) -> Matrix {
        transforms.reduce(vectors) { $1.stored($0) }
    }

    /// Queries as the quantizer sees them, and what is added to their scores.
    package func transformedQueries(_ queries: Matrix) -> (queries: Matrix, offsets: [Float]) {
        var (current, sum) = (queries, [Float](repeating: 0, count: queries.rows))
        for transform in transforms {
            let (next, offsets) = transform.queries(current)
            current = next
            for i in sum.indices { sum[i] += offsets[i] }
        }
        return (current, sum)
    }

    public func encode(_ vectors: Matrix, into codes: UnsafeMutableRawBufferPointer, threads: Int) {
        checkEncode(vectors, into: codes)
        let layout = layout
        // Whole blocks of codes, about 1024 vectors at a time.
        let grain = (1024 + layout.vectorsPerBlock - 1) / layout.vectorsPerBlock * layout.vectorsPerBlock
        nonisolated(unsafe) let codes = codes
        parallelFor(vectors.rows, grain: grain, threads: threads) { rows in
            let start = rows.lowerBound / layout.vectorsPerBlock * layout.bytesPerBlock
            let bytes = UnsafeMutableRawBufferPointer(
                rebasing: codes[start..<start + layout.byteCount(of: rows.count)])
            quantizer.encode(transformed(vectors[rows: rows]), into: bytes, threads: 1)
        }
    }

    public func decode(_ codes: UnsafeRawBufferPointer, count: Int) -> Matrix {
        checkDecode(codes, count: count)
        return transforms.reversed().reduce(quantizer.decode(codes, count: count)) { $1.restored($0) }
    }

    public func scorer(for queries: Matrix) -> any CodeScorer {
        checkQueries(queries)
        let (transformed, offsets) = transformedQueries(queries)
        let scorer = quantizer.scorer(for: transformed)
        return offsets.allSatisfy { $0 == 0 } ? scorer : OffsetScorer(scorer: scorer, offsets: offsets)
    }

    public var rowwise: (any VectorCodec)? {
        quantizer.rowwise.map {
            TransformedCodec(configuration, transforms: transforms, quantizer: $0, metric: metric)
        }
    }

    public func randomAccessScorer(for query: Matrix) -> any RandomAccessScorer {
        checkRandomAccess(query)
        let (transformed, offsets) = transformedQueries(query)
        let scorer = quantizer.randomAccessScorer(for: transformed)
        return offsets[0] == 0 ? scorer : PickedOffsetScorer(scorer: scorer, offset: offsets[0])
    }
}

/// Adds a constant to the scores of one query.
private struct PickedOffsetScorer: RandomAccessScorer {
    let scorer: any RandomAccessScorer
    let offset: Float

    func score(
        rows: UnsafePointer<UInt32>, count: Int, of codes: UnsafeRawPointer,
        into scores: UnsafeMutablePointer<Float>
    ) {
        scorer.score(rows: rows, count: count, of: codes, into: scores)
        for i in 0..<count { scores[i] += offset }
    }
}

/// Adds a constant to the scores of each query.
private struct OffsetScorer: CodeScorer {
    let scorer: any CodeScorer
    let offsets: [Float]

    var queryCount: Int { scorer.queryCount }

    func score(_ codes: UnsafeRawPointer, count: Int, into scores: UnsafeMutablePointer<Float>, stride: Int) {
        scorer.score(codes, count: count, into: scores, stride: stride)
        for (q, offset) in offsets.enumerated() where offset != 0 {
            let out = scores + q * stride
            for i in 0..<count { out[i] += offset }
        }
    }
}
