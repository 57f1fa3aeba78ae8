import Foundation
public import KuklaNumerics

extension ProductQuantizer {
    /// Finds the rotation after which product quantization loses least (`OPQm`).
    ///
    /// Starts from principal directions, dealt out so that all subspaces have about the same product of variances, then
    /// alternates between fitting a codebook and the rotation that brings the vectors nearest to their codes (an
    /// orthogonal Procrustes problem, solved by SVD).
    ///
    /// *Shapes:* the result is `[outputDimensions, vectors.columns]` with orthonormal rows: a vector `x` becomes
    /// `rotation * x`, many vectors `vectors.multiplied(by: rotation, transposed: true)`. Vectors are not centred.
    ///
    /// *Source:* Ge, He, Ke and Sun 2013, "Optimized product quantization", doi:10.1109/TPAMI.2013.240, the
    /// non-parametric solution from the parametric start.
    ///
    /// - Parameter bits: bits a subspace of the quantizer that follows.
    /// - Throws: `KuklaError.usage` where the shapes do not fit; `KuklaError.badData` where there are fewer than
    ///   `2^bits` vectors or they are not finite.
    /// - Complexity: O(iterations * n * columns * (outputDimensions + 2^bits)) for `n` vectors, at most 16,384 of them, and
    ///   O(iterations * columns^3).
    public static func learnRotation(
        on vectors: Matrix, subspaces: Int, outputDimensions: Int? = nil, bits: Int = 8, iterations: Int = 12,
        seed: UInt64 = 0, threads: Int = defaultThreadCount,
        progress: some ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> Matrix {
        let output = outputDimensions ?? vectors.columns
        guard output <= vectors.columns else {
            throw KuklaError(
                .usage,
                "Cannot rotate \(vectors.columns) dimensions to \(output): give at most \(vectors.columns).")
        }
        try ProductCodebook.check(dimensions: output, subspaces: subspaces, bits: bits)
        guard vectors.rows >= 1 << bits else {
            throw KuklaError(
                .badData,
                "Cannot learn a rotation for \(1 << bits) centroids a subspace on \(vectors.rows) vectors: give at least \(1 << bits)."
            )
        }
        var random = RandomSource(seed: seed)
        let sample =
            vectors.rows <= 16_384
            ? vectors : vectors.gathering(rows: random.sample(16_384, below: vectors.rows).sorted())
        var rotation = try balancedDirections(of: sample, subspaces: subspaces, output: output)
        var codebook: ProductCodebook?
        progress.begin("Training the rotation", total: iterations, unit: "iterations")
        for _ in 0..<iterations {
            let turned = sample.multiplied(by: rotation, transposed: true, threads: threads)
            let fitted = try ProductCodebook.train(
                on: turned, subspaces: subspaces, bits: bits, initial: codebook,
                iterations: codebook == nil ? 8 : 4, seed: seed, threads: threads, progress: SilentProgress())
            codebook = fitted
            let coded = fitted.nearest(to: turned, threads: threads)
            var product = Matrix(rows: output, columns: sample.columns)
            product.withUnsafeMutableBufferPointer { c in
                coded.withUnsafeBufferPointer { a in
                    sample.withUnsafeBufferPointer { b in
                        GEMM.multiply(
                            a.baseAddress!, b.baseAddress!, into: c.baseAddress!, m: output,
                            n: sample.columns,
                            k: sample.rows, transposeA: true)
                    }
                }
            }
            let (u, _, vt) = try product.singularValues()
            rotation = u.multiplied(by: vt, threads: threads)
            progress.advance(by: 1)
        }
        progress.end()
        return rotation
    }

    /// Principal directions, one a row, dealt out to subspaces of equal size: each goes, largest variance first, to the
    /// subspace with the smallest product of variances that has room.
    private static func balancedDirections(
        of vectors: Matrix, subspaces: Int, output: Int
    ) throws(KuklaError) -> Matrix {
        let d = vectors.columns
        var sums = [Double](repeating: 0, count: d)
        vectors.withUnsafeBufferPointer { x in
            for r in 0..<vectors.rows { for i in 0..<d { sums[i] += Double(x[r * d + i]) } }
        }
        let count = Double(max(vectors.rows, 1))
        let centered = Matrix(rows: vectors.rows, columns: d) { out in
            vectors.withUnsafeBufferPointer { x in
                for r in 0..<vectors.rows {
                    for i in 0..<d { out[r * d + i] = x[r * d + i] - Float(sums[i] / count) }
                }
            }
        }
        var covariance = Matrix(rows: d, columns: d)
        covariance.withUnsafeMutableBufferPointer { c in
            centered.withUnsafeBufferPointer { x in
                GEMM.multiply(
                    x.baseAddress!, x.baseAddress!, into: c.baseAddress!, m: d, n: d, k: vectors.rows,
                    transposeA: true, alpha: Float(1 / count))
            }
        }
        let (values, directions) = try covariance.symmetricEigen()
        // Relative to a floor, so that all logarithms are positive and a product only grows.
        let floor = max((values.first ?? 0) * 1e-6, .leastNormalMagnitude)
        var products = [Float](repeating: 0, count: subspaces)
        var members = [[Int]](repeating: [], count: subspaces)
        for i in 0..<output {
            let open = members.indices.filter { members[$0].count < output / subspaces }
            let to = open.min { products[$0] < products[$1] }!
            members[to].append(i)
            products[to] += log2(max(values[i] / floor, 1))
        }
        return directions.gathering(rows: members.flatMap { $0 })
    }
}

extension ProductCodebook {
    /// Each row replaced by the vector that its code stands for.
    func nearest(to vectors: Matrix, threads: Int) -> Matrix {
        Matrix(rows: vectors.rows, columns: dimensions) { out in
            nonisolated(unsafe) let out = out.baseAddress!  // every range writes rows of its own
            parallelFor(vectors.rows, grain: 512, threads: threads) { range in
                withUnsafeTemporaryAllocation(of: UInt8.self, capacity: range.count * subspaces) { codes in
                    encode(vectors, rows: range, into: codes.baseAddress!)
                    for (i, row) in range.enumerated() {
                        decode(codes.baseAddress! + i * subspaces, into: out + row * dimensions)
                    }
                }
            }
        }
    }
}
