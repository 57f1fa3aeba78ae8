package import KuklaNumerics

/// The directions in which a set of vectors varies most (Pearson 1901; here by the covariance and LAPACK's
/// symmetric eigenvalues).
package struct PrincipalComponents {
    /// `[dimensions]`.
    package let mean: [Float]
    /// Variance along each direction, largest first, `[dimensions]`.
    package let variances: [Float]
    /// One direction a row, orthonormal, `[dimensions, dimensions]`.
    package let directions: Matrix

    /// The components of `vectors` `[n, d]`, with sums in an order that does not depend on `threads`.
    ///
    /// - Throws: `KuklaError.badData` where the eigenvalues do not converge.
    /// - Complexity: O(n d^2 + d^3).
    package init(of vectors: Matrix, threads: Int = defaultThreadCount) throws(KuklaError) {
        let n = vectors.rows
        let d = vectors.columns
        let groups = 4
        let perGroup = max(1, (n + groups - 1) / groups)

        // Sums in double, by group.
        var sums = [Double](repeating: 0, count: groups * d)
        sums.withUnsafeMutableBufferPointer { sums in
            nonisolated(unsafe) let sums = sums
            parallelFor(n, grain: perGroup, threads: threads) { rows in
                let own = sums.baseAddress! + rows.lowerBound / perGroup * d
                vectors[rows: rows].withUnsafeBufferPointer { all in
                    for row in 0..<rows.count {
                        for i in 0..<d { own[i] += Double(all[row * d + i]) }
                    }
                }
            }
        }
        let mean = (0..<d).map { i in
            Float((0..<groups).reduce(0.0) { $0 + sums[$1 * d + i] } / Double(max(n, 1)))
        }

        // Centred products, by group, as matrix products of 2048 rows.
        var products = Matrix(rows: groups * d, columns: d)
        products.withUnsafeMutableBufferPointer { products in
            nonisolated(unsafe) let products = products
            parallelFor(n, grain: perGroup, threads: threads) { rows in
                let own = products.baseAddress! + rows.lowerBound / perGroup * d * d
                var start = rows.lowerBound
                while start < rows.upperBound {
                    let end = min(rows.upperBound, start + 2048)
                    var block = vectors[rows: start..<end]
                    block.addToRows(mean, times: -1)
                    block.withUnsafeBufferPointer {
                        GEMM.multiply(
                            $0.baseAddress!, $0.baseAddress!, into: own, m: d, n: d, k: end - start,
                            transposeA: true, beta: 1)
                    }
                    start = end
                }
            }
        }
        let scale = 1 / Float(max(n, 1))
        let covariance = Matrix(rows: d, columns: d) { c in
            products.withUnsafeBufferPointer { p in
                for i in 0..<d * d {
                    var sum: Float = 0
                    for group in 0..<groups { sum += p[group * d * d + i] }
                    c[i] = sum * scale
                }
            }
        }
        self.mean = mean
        (variances, directions) = try covariance.symmetricEigen()
    }
}
