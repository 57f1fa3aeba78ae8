import Foundation
public import KuklaNumerics

extension Tensor {
    /// The logarithm of the absolute value of the determinant of each matrix of `[..., n, n]`: shape `[...]`.
    ///
    /// By LU with row exchanges, or by Cholesky where the matrices are said to be symmetric and positive definite (half the
    /// work, and it is checked that they are); in float64 inside. *Source of the gradient:* Giles 2008.
    /// - Throws: `KuklaError.badData`, naming the matrix and the pivot, where one is singular or not positive definite.
    /// - Complexity: O(batch * n^3).
    public func logDeterminant(isPositiveDefinite: Bool = false) throws(KuklaError) -> Tensor {
        try signAndLogDeterminant(isPositiveDefinite: isPositiveDefinite).logarithm
    }

    /// `logDeterminant` and the sign of each determinant, 1 or -1, through which no gradient flows.
    public func signAndLogDeterminant(
        isPositiveDefinite: Bool = false
    ) throws(KuklaError) -> (sign: Tensor, logarithm: Tensor) {
        let batch = MatrixBatch(self, operation: "logDeterminant", isSquare: true)
        let n = batch.rows
        var signs = [Double](repeating: 1, count: batch.count)
        let logarithms: [Double]
        let inverse: @Sendable (Int) -> DoubleMatrix
        if isPositiveDefinite {
            let factors = try batch.map { (i, a) throws(KuklaError) in try a.choleskyFactor(batch.name(i)) }
            logarithms = factors.map { factor in 2 * (0..<n).reduce(0) { $0 + Foundation.log(factor[$1, $1]) }
            }
            inverse = { i in
                let identity = DoubleMatrix(rows: n, columns: n).mapped { i, j, _ in i == j ? 1 : 0 }
                let half = factors[i].lowerSolution(identity, transposed: false)
                return half.transposed * half
            }
        } else {
            let factors = try batch.map { (i, a) throws(KuklaError) in try a.luFactors(batch.name(i)) }
            let determinants = factors.map(\.logDeterminant)
            signs = determinants.map(\.sign)
            logarithms = determinants.map(\.logarithm)
            inverse = { factors[$0].inverse }
        }
        let result = Tensor(shape: batch.lead, elements: logarithms.map(Float.init)).recorded(
            "logDeterminant",
            (
                self,
                { gradient in
                    Tape.requireFirstOrder("logDeterminant")
                    return batch.combined(with: gradient.reshaped(batch.lead + [1, 1]), "logDeterminant") {
                        i, _, gradient in
                        let turned = inverse(i).transposed
                        return turned.mapped { _, _, value in gradient.values[0] * value }
                    }
                }
            ))
        return (Tensor(shape: batch.lead, elements: signs.map(Float.init)), result)
    }
}
