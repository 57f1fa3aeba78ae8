public import KuklaNumerics

extension Tensor {
    /// The lower triangular `L [..., n, n]` of `self = L L'` for symmetric positive definite matrices `[..., n, n]`, each of the
    /// batch by itself, in float64 inside.
    ///
    /// Only the lower triangle is read; the gradient is that of a symmetric matrix (both triangles get half).
    /// *Source of the gradient:* Murray 2016, "Differentiation of the Cholesky decomposition", arXiv:1602.07527.
    /// - Throws: `KuklaError.badData`, naming the matrix and the pivot, where one is not positive definite.
    /// - Complexity: O(batch * n^3).
    public func cholesky() throws(KuklaError) -> Tensor {
        let batch = MatrixBatch(self, operation: "cholesky", isSquare: true)
        let factors = try batch.map { (i, a) throws(KuklaError) in try a.choleskyFactor(batch.name(i)) }
        return Tensor(lead: batch.lead, factors, shape: (batch.rows, batch.rows)).recorded(
            "cholesky",
            (
                self,
                { gradient in
                    Tape.requireFirstOrder("cholesky")
                    return batch.combined(with: gradient, "cholesky") { i, _, gradient in
                        DoubleMatrix.choleskyGradient(factors[i], gradient)
                    }
                }
            ))
    }
}

extension DoubleMatrix {
    // L^-T Phi(L' G) L^-1, symmetrized, where Phi takes the lower triangle and half the diagonal.
    fileprivate static func choleskyGradient(_ factor: DoubleMatrix, _ gradient: DoubleMatrix) -> DoubleMatrix
    {
        let inner = (factor.transposed * gradient.lower()).lower(diagonal: 0.5)
        let left = factor.lowerSolution(inner, transposed: true)
        return factor.lowerSolution(left.transposed, transposed: true).transposed.symmetrized
    }

    /// `op(self)^-1 b` for a lower triangular matrix whose diagonal has no zero.
    func lowerSolution(_ b: DoubleMatrix, transposed: Bool) -> DoubleMatrix {
        // A gradient of NaN stays NaN: LAPACKE would refuse it.
        (try? triangularSolution(b, isUpper: false, transposed: transposed, "factor"))
            ?? DoubleMatrix(rows: b.rows, columns: b.columns, repeating: .nan)
    }
}
