import CKernels
import KuklaNumerics

/// The centroids of all subspaces, in the forms that training, encoding and scoring read.
struct ProductCodebook: Sendable {
    let subspaces: Int
    let bits: Int
    /// Components of a subspace.
    let subspaceDimensions: Int
    /// `[subspaces * 2^bits, subspaceDimensions]`.
    let centroids: Matrix
    /// `[subspaces * subspaceDimensions, 2^bits]`.
    private let transposed: Matrix
    /// `[subspaces, 2^bits]`.
    private let halfNorms: Matrix

    var centroidCount: Int { 1 << bits }
    var dimensions: Int { subspaces * subspaceDimensions }

    init(subspaces: Int, bits: Int, centroids: Matrix) {
        let (count, size) = (1 << bits, centroids.columns)
        contract(centroids.rows == subspaces * count, "codebook of shape [\(centroids.rows), \(size)]")
        self.subspaces = subspaces
        self.bits = bits
        subspaceDimensions = size
        self.centroids = centroids
        var transposed = Matrix(rows: subspaces * size, columns: count)
        var halfNorms = Matrix(rows: subspaces, columns: count)
        centroids.withUnsafeBufferPointer { from in
            transposed.withUnsafeMutableBufferPointer { to in
                halfNorms.withUnsafeMutableBufferPointer { norms in
                    for j in 0..<subspaces {
                        SubspaceCenters.prepare(
                            from.baseAddress! + j * count * size, count, size,
                            transposed: to.baseAddress! + j * count * size,
                            halfNorms: norms.baseAddress! + j * count)
                    }
                }
            }
        }
        self.transposed = transposed
        self.halfNorms = halfNorms
    }

    /// The codebook that the parameter `codebooks` holds.
    init(
        dimensions: Int, subspaces: Int, bits: Int, from reader: ParameterReader
    ) throws(KuklaError) {
        try Self.check(dimensions: dimensions, subspaces: subspaces, bits: bits)
        try reader.expectOnly(["codebooks"])
        let centroids = try reader.matrix(
            "codebooks", rows: subspaces << bits, columns: dimensions / subspaces)
        self.init(subspaces: subspaces, bits: bits, centroids: centroids)
    }

    static func check(dimensions: Int, subspaces: Int, bits: Int) throws(KuklaError) {
        guard (4...8).contains(bits) else {
            throw KuklaError(
                .usage, "Cannot use \(bits) bits a subspace for product quantization: give 4 to 8.")
        }
        guard subspaces > 0, dimensions > 0, dimensions % subspaces == 0 else {
            throw KuklaError(
                .usage,
                "Cannot cut \(dimensions) dimensions into \(subspaces) subspaces of equal size: give a number of subspaces that divides \(dimensions), or put PCA or OPQ with a fitting number of dimensions before."
            )
        }
    }

    /// Finds the centroids by k-means in each subspace, on at most 16,384 of the vectors.
    ///
    /// - Parameter initial: the codebook to start from; where `nil`, start from random vectors.
    static func train(
        on vectors: Matrix, metric: Metric = .squaredEuclidean, subspaces: Int, bits: Int,
        initial: ProductCodebook? = nil, iterations: Int = 20,
        seed: UInt64, threads: Int, progress: some ProgressReporter
    ) throws(KuklaError) -> ProductCodebook {
        try check(dimensions: vectors.columns, subspaces: subspaces, bits: bits)
        let (count, size) = (1 << bits, vectors.columns / subspaces)
        guard vectors.rows >= count else {
            throw KuklaError(
                .badData,
                "Cannot train \(count) centroids a subspace on \(vectors.rows) vectors: at least \(count) are needed. Give more vectors, or use fewer bits (PQ\(subspaces)x4)."
            )
        }
        var random = RandomSource(seed: seed)
        let chosen =
            vectors.rows <= 16_384
            ? vectors : vectors.gathering(rows: random.sample(16_384, below: vectors.rows).sorted())
        let sample = coded(chosen, metric: metric).vectors
        progress.begin("Training centroids", total: subspaces, unit: "subspaces")
        let centroids = Matrix(rows: subspaces * count, columns: size) { out in
            nonisolated(unsafe) let out = out.baseAddress!  // every subspace writes rows of its own
            parallelFor(subspaces, grain: 1, threads: threads) { range in
                for j in range {
                    var random = RandomSource(seed: seed &+ UInt64(j + 1) &* 0x9E37_79B9)
                    let clusters = withUnsafeTemporaryAllocation(of: Float.self, capacity: sample.rows * size)
                    {
                        piece in
                        sample.withUnsafeBufferPointer { all in
                            for row in 0..<sample.rows {
                                (piece.baseAddress! + row * size).update(
                                    from: all.baseAddress! + row * sample.columns + j * size, count: size)
                            }
                        }
                        return ClusterCenters(
                            of: piece.baseAddress!, rows: sample.rows, dimensions: size, count: count,
                            initial: initial.map {
                                Array($0.centroids[rows: j * count..<(j + 1) * count].elements)
                            },
                            iterations: iterations, random: &random)
                    }
                    (out + j * count * size).update(from: clusters.centers, count: count * size)
                    progress.advance(by: 1)
                }
            }
        }
        progress.end()
        return ProductCodebook(subspaces: subspaces, bits: bits, centroids: centroids)
    }

    /// What is coded of some vectors under a metric: the vectors, or under inner product their directions, since
    /// rounding should cost long and short vectors the same share. Also each vector's norm; zero stays zero.
    static func coded(_ vectors: Matrix, metric: Metric) -> (vectors: Matrix, norms: [Float]) {
        guard metric == .innerProduct else { return (vectors, []) }
        let d = vectors.columns
        var norms = [Float](repeating: 0, count: vectors.rows)
        let directions = Matrix(rows: vectors.rows, columns: d) { out in
            vectors.withUnsafeBufferPointer { x in
                for row in 0..<vectors.rows {
                    var sum: Float = 0
                    for i in 0..<d { sum += x[row * d + i] * x[row * d + i] }
                    norms[row] = sum.squareRoot()
                    let scale = sum.isNormal ? 1 / norms[row] : 0
                    for i in 0..<d { out[row * d + i] = x[row * d + i] * scale }
                }
            }
        }
        return (directions, norms)
    }

    /// Writes the nearest centroid of every piece of the rows in `range`: `[range.count, subspaces]`.
    func encode(_ vectors: Matrix, rows range: Range<Int>, into codes: UnsafeMutablePointer<UInt8>) {
        let kernels = kk_product_kernels_for(CPULevel.current.kernelLevel)
        let (count, size, rows) = (centroidCount, subspaceDimensions, range.count)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(rows, 1)) { nearest in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: max(rows, 1)) { affinities in
                vectors[rows: range].withUnsafeBufferPointer { x in
                    transposed.withUnsafeBufferPointer { centroids in
                        halfNorms.withUnsafeBufferPointer { norms in
                            for j in 0..<subspaces {
                                kernels.pointee.nearest_centroids(
                                    x.baseAddress! + j * size, vectors.columns, rows, size,
                                    centroids.baseAddress! + j * size * count, norms.baseAddress! + j * count,
                                    count, nearest.baseAddress!, affinities.baseAddress!)
                                for row in 0..<rows { codes[row * subspaces + j] = nearest[row] }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Writes the vector that one code `[subspaces]` stands for.
    func decode(_ code: UnsafePointer<UInt8>, into out: UnsafeMutablePointer<Float>) {
        centroids.withUnsafeBufferPointer { all in
            for j in 0..<subspaces {
                let from = all.baseAddress! + (j * centroidCount + Int(code[j])) * subspaceDimensions
                (out + j * subspaceDimensions).update(from: from, count: subspaceDimensions)
            }
        }
    }

    /// Writes what each centroid adds to the score of a query, `[subspaces, 2^bits]`, and returns what is added to
    /// all scores: `q . c` under cosine and inner product, `2 q . c - |c|^2` and `-|q|^2` under squared distance.
    func fillTable(
        query: UnsafePointer<Float>, metric: Metric, level: CPULevel, into table: UnsafeMutablePointer<Float>
    ) -> Float {
        transposed.withUnsafeBufferPointer {
            kk_product_kernels_for(level.kernelLevel).pointee.centroid_products(
                query, subspaces, subspaceDimensions, $0.baseAddress!, centroidCount, table)
        }
        guard metric == .squaredEuclidean else { return 0 }
        halfNorms.withUnsafeBufferPointer { for i in $0.indices { table[i] = 2 * (table[i] - $0[i]) } }
        var norm: Float = 0
        for i in 0..<dimensions { norm += query[i] * query[i] }
        return -norm
    }
}
