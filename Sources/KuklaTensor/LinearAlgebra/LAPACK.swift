internal import CLAPACK
import Foundation
import KuklaNumerics

// The factorizations, each a call of LAPACK on one matrix in float64. `name` is how a message calls the matrix.

extension DoubleMatrix {
    /// `L` of `self = L L'`; only the lower triangle is read.
    func choleskyFactor(_ name: String) throws(KuklaError) -> DoubleMatrix {
        var factor = self
        let n = Int32(rows)
        let info = n == 0 ? 0 : LAPACKE_dpotrf(LAPACK_ROW_MAJOR, CChar(76), n, &factor.values, n)  // 'L'
        if info > 0 {
            throw KuklaError(
                .badData,
                "Cannot factor \(name) by Cholesky: expected a positive definite matrix, found that the leading \(info) x \(info) part is not (pivot \(info) is not positive). Add a small multiple of the identity, or look for dependent columns."
            )
        }
        try Self.check(info, "factor \(name) by Cholesky")
        return factor.lower()
    }

    /// `X` of `op(self) X = b` for a triangular matrix, of which the other triangle is not read.
    func triangularSolution(
        _ b: DoubleMatrix, isUpper: Bool, transposed: Bool, _ name: String
    ) throws(KuklaError) -> DoubleMatrix {
        var x = b
        guard rows > 0, b.columns > 0 else { return x }
        let info = LAPACKE_dtrtrs(
            // U/L, T/N, N
            LAPACK_ROW_MAJOR, CChar(isUpper ? 85 : 76), CChar(transposed ? 84 : 78), CChar(78),
            Int32(rows), Int32(b.columns), values, Int32(rows), &x.values, Int32(b.columns))
        if info > 0 {
            throw KuklaError(
                .badData,
                "Cannot solve with triangular \(name): expected a diagonal without zeros, found 0 at row \(info - 1). The system has no unique solution; drop the dependent row."
            )
        }
        try Self.check(info, "solve with triangular \(name)")
        return x
    }

    /// The LU factorization with row exchanges of a square matrix that is not singular.
    func luFactors(_ name: String) throws(KuklaError) -> LUFactors {
        var factors = self
        var pivots = [Int32](repeating: 0, count: rows)
        let n = Int32(rows)
        let info = n == 0 ? 0 : LAPACKE_dgetrf(LAPACK_ROW_MAJOR, n, n, &factors.values, n, &pivots)
        if info > 0 {
            throw KuklaError(
                .badData,
                "Cannot factor \(name): expected a matrix of full rank, found a singular one (pivot \(info) is 0). Add a small multiple of the identity, or look for dependent rows."
            )
        }
        try Self.check(info, "factor \(name)")
        return LUFactors(matrix: factors, pivots: pivots)
    }

    /// Eigenvalues, least first, and eigenvectors, one a column, of a symmetric matrix; only the lower triangle is read.
    func symmetricEigen(_ name: String) throws(KuklaError) -> (values: [Double], vectors: DoubleMatrix) {
        var vectors = self
        var eigenvalues = [Double](repeating: 0, count: rows)
        let n = Int32(rows)
        let info =
            n == 0
            ? 0 : LAPACKE_dsyevd(LAPACK_ROW_MAJOR, CChar(86), CChar(76), n, &vectors.values, n, &eigenvalues)
        try Self.check(info, "find the eigenvalues of \(name)")
        return (eigenvalues, vectors)
    }

    /// `self = u diag(values) vt`, thin, greatest first.
    func singularValues(
        _ name: String
    ) throws(KuklaError) -> (u: DoubleMatrix, values: [Double], vt: DoubleMatrix) {
        let k = min(rows, columns)
        var a = self
        var u = DoubleMatrix(rows: rows, columns: k)
        var vt = DoubleMatrix(rows: k, columns: columns)
        var singular = [Double](repeating: 0, count: k)
        guard k > 0 else { return (u, singular, vt) }
        let info = LAPACKE_dgesdd(
            // 'S'
            LAPACK_ROW_MAJOR, CChar(83), Int32(rows), Int32(columns), &a.values, Int32(columns), &singular,
            &u.values, Int32(k), &vt.values, Int32(columns))
        try Self.check(info, "find the singular values of \(name)")
        return (u, singular, vt)
    }

    /// `self = q r` with `k = min(rows, columns)` orthonormal columns of `q`.
    func qrFactors(_ name: String) throws(KuklaError) -> (q: DoubleMatrix, r: DoubleMatrix) {
        let k = min(rows, columns)
        var a = self
        var tau = [Double](repeating: 0, count: k)
        guard k > 0 else {
            return (DoubleMatrix(rows: rows, columns: 0), DoubleMatrix(rows: 0, columns: columns))
        }
        let (m, n) = (Int32(rows), Int32(columns))
        try Self.check(
            LAPACKE_dgeqrf(LAPACK_ROW_MAJOR, m, n, &a.values, n, &tau), "factor \(name) by QR")
        let r = DoubleMatrix(rows: k, columns: columns, values: Array(a.values.prefix(k * columns))).upper
        var q = a[columns: 0..<k]
        try Self.check(
            LAPACKE_dorgqr(LAPACK_ROW_MAJOR, m, Int32(k), Int32(k), &q.values, Int32(k), tau),
            "factor \(name) by QR")
        return (q, r)
    }

    fileprivate static func check(_ info: Int32, _ what: String) throws(KuklaError) {
        guard info != 0 else { return }
        let found = info < 0 ? "NaN or infinite elements" : "no convergence (\(info))"
        throw KuklaError(
            .badData, "Cannot \(what): expected finite elements, found \(found). Look at what made them.")
    }
}

/// `P L U`, packed as LAPACK packs it.
struct LUFactors: Sendable {
    fileprivate let matrix: DoubleMatrix
    fileprivate let pivots: [Int32]

    /// `X` of `op(A) X = b`.
    func solution(_ b: DoubleMatrix, transposed: Bool = false) -> DoubleMatrix {
        var x = b
        guard matrix.rows > 0, b.columns > 0 else { return x }
        let info = LAPACKE_dgetrs(
            // 'T' or 'N'
            LAPACK_ROW_MAJOR, CChar(transposed ? 84 : 78), Int32(matrix.rows), Int32(b.columns),
            matrix.values, Int32(matrix.rows), pivots, &x.values, Int32(b.columns))
        // LAPACKE refuses NaN on the right-hand side, where the answer is NaN.
        if info != 0 { x = DoubleMatrix(rows: x.rows, columns: x.columns, repeating: .nan) }
        return x
    }

    var inverse: DoubleMatrix {
        solution(DoubleMatrix(rows: matrix.rows, columns: matrix.rows).mapped { i, j, _ in i == j ? 1 : 0 })
    }

    /// The sign of the determinant and the logarithm of its absolute value.
    var logDeterminant: (sign: Double, logarithm: Double) {
        var (sign, sum) = (1.0, 0.0)
        for i in 0..<matrix.rows {
            let pivot = matrix[i, i]
            if pivot < 0 { sign.negate() }
            if pivots[i] != Int32(i + 1) { sign.negate() }
            sum += log(abs(pivot))
        }
        return (sign, sum)
    }
}
