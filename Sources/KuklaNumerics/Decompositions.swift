internal import CLAPACK

extension Matrix {
    /// Eigenvalues, largest first, and eigenvectors (one a row) of a symmetric matrix, by LAPACK `ssyevd`.
    ///
    /// - Throws: `KuklaError.badData` where a component is not finite or the iteration does not converge.
    /// - Complexity: O(rows^3).
    public func symmetricEigen() throws(KuklaError) -> (values: [Float], vectors: Matrix) {
        contract(rows == columns, "symmetricEigen: shape [\(rows), \(columns)] is not square")
        var a = self
        var values = [Float](repeating: 0, count: rows)
        guard rows > 0 else { return (values, a) }
        let n = Int32(rows)
        // Column-major output holds one eigenvector a column: read row-major, one a row.
        let info = a.withUnsafeMutableBufferPointer {
            // 'V', 'U'
            LAPACKE_ssyevd(LAPACK_COL_MAJOR, CChar(86), CChar(85), n, $0.baseAddress!, n, &values)
        }
        try Matrix.check(info, "eigenvalues of a [\(rows), \(rows)] matrix")
        return (values.reversed(), a.gathering(rows: (0..<rows).reversed()))
    }

    /// The singular value decomposition `self = U * diag(values) * VT`, thin, by LAPACK `sgesdd`.
    ///
    /// *Shapes:* `U` `[rows, r]`, `values` `[r]` largest first, `VT` `[r, columns]`, `r = min(rows, columns)`.
    /// - Throws: `KuklaError.badData` where a component is not finite or the iteration does not converge.
    public func singularValues() throws(KuklaError) -> (u: Matrix, values: [Float], vt: Matrix) {
        let r = min(rows, columns)
        var a = self
        var u = Matrix(rows: rows, columns: r)
        var vt = Matrix(rows: r, columns: columns)
        var values = [Float](repeating: 0, count: r)
        guard r > 0 else { return (u, values, vt) }
        let (m, n, k) = (Int32(rows), Int32(columns), Int32(r))
        let info = a.withUnsafeMutableBufferPointer { a in
            u.withUnsafeMutableBufferPointer { u in
                vt.withUnsafeMutableBufferPointer { vt in
                    LAPACKE_sgesdd(
                        LAPACK_ROW_MAJOR, CChar(83), m, n, a.baseAddress!, n, &values,  // 'S'
                        u.baseAddress!, k, vt.baseAddress!, n)
                }
            }
        }
        try Matrix.check(info, "singular values of a [\(rows), \(columns)] matrix")
        return (u, values, vt)
    }

    /// A random rotation: the orthogonal factor of a matrix of normal numbers, uniform over all rotations.
    ///
    /// *Source:* Mezzadri 2007, "How to generate random matrices from the classical compact groups".
    public static func randomRotation(dimensions: Int, seed: UInt64) throws(KuklaError) -> Matrix {
        var random = RandomSource(seed: seed)
        var q = Matrix(rows: dimensions, columns: dimensions) {
            for i in $0.indices { $0[i] = random.normal() }
        }
        guard dimensions > 0 else { return q }
        let n = Int32(dimensions)
        var tau = [Float](repeating: 0, count: dimensions)
        var signs = [Float](repeating: 1, count: dimensions)
        let info = q.withUnsafeMutableBufferPointer { q in
            let first = LAPACKE_sgeqrf(LAPACK_ROW_MAJOR, n, n, q.baseAddress!, n, &tau)
            guard first == 0 else { return first }
            // The signs of R's diagonal make the distribution uniform.
            for i in 0..<dimensions where q[i * dimensions + i] < 0 { signs[i] = -1 }
            return LAPACKE_sorgqr(LAPACK_ROW_MAJOR, n, n, n, q.baseAddress!, n, &tau)
        }
        try check(info, "QR of a [\(dimensions), \(dimensions)] matrix")
        q.withUnsafeMutableBufferPointer { q in
            for r in 0..<dimensions { for c in 0..<dimensions { q[r * dimensions + c] *= signs[c] } }
        }
        return q
    }

    private static func check(_ info: Int32, _ what: String) throws(KuklaError) {
        guard info != 0 else { return }
        let reason = info < 0 ? "argument \(-info) is not finite or out of range" : "no convergence (\(info))"
        throw KuklaError(
            .badData, "Cannot compute the \(what): \(reason). Look for NaN or infinite components.")
    }
}
