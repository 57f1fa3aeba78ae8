public import KuklaNumerics

extension Tensor {
    /// The thin singular value decomposition `self = u diag(values) vt` of matrices `[..., m, n]`, in float64 inside.
    ///
    /// *Shapes:* `u [..., m, k]`, `values [..., k]` greatest first, `vt [..., k, n]`, `k = min(m, n)`.
    /// The sign of a pair of singular vectors is arbitrary, and a loss should not depend on it. Where squares of singular values
    /// agree to within what float32 can tell apart (4 ulp of the greatest), turning their vectors into each other counts as no
    /// change, as in `symmetricEigen`; a singular value of 0 (to within 4 ulp of the greatest) passes nothing on to the space
    /// outside `u` and `v`.
    /// *Source of the gradient:* Giles 2008; Ionescu, Vantzos and Sminchisescu 2015; Townsend 2016, "Differentiating the singular
    /// value decomposition".
    /// - Throws: `KuklaError.badData` where an element is not finite or the iteration does not converge.
    /// - Complexity: O(batch * m * n * k).
    public func singularValues() throws(KuklaError) -> (u: Tensor, values: Tensor, vt: Tensor) {
        let batch = MatrixBatch(self, operation: "singularValues")
        let k = Swift.min(batch.rows, batch.columns)
        let svd = try batch.map { (i, a) throws(KuklaError) in
            let (u, values, vt) = try a.singularValues(batch.name(i))
            return SVD(u: u, values: values, vt: vt)
        }
        let values = Tensor(lead: batch.lead, vectors: svd.map(\.values), length: k).recorded(
            "singularValues",
            (
                self,
                { gradient in
                    Tape.requireFirstOrder("singularValues")
                    return batch.combined(with: gradient.reshaped(batch.lead + [1, k]), "singularValues") {
                        i, _, gradient in
                        svd[i].u.scalingColumns(by: gradient.values) * svd[i].vt
                    }
                }
            ))
        let u = Tensor(lead: batch.lead, svd.map(\.u), shape: (batch.rows, k)).recorded(
            "leftSingularVectors",
            (
                self,
                { gradient in
                    Tape.requireFirstOrder("leftSingularVectors")
                    return batch.combined(with: gradient, "singularValues") { i, _, gradient in
                        svd[i].gradient(ofU: gradient)
                    }
                }
            ))
        let vt = Tensor(lead: batch.lead, svd.map(\.vt), shape: (k, batch.columns)).recorded(
            "rightSingularVectors",
            (
                self,
                { gradient in
                    Tape.requireFirstOrder("rightSingularVectors")
                    return batch.combined(with: gradient, "singularValues") { i, _, gradient in
                        // The transpose of A has u and v in each other's place.
                        svd[i].transposed.gradient(ofU: gradient.transposed).transposed
                    }
                }
            ))
        return (u, values, vt)
    }
}

private struct SVD: Sendable {
    let u: DoubleMatrix
    let values: [Double]
    let vt: DoubleMatrix

    var transposed: SVD { SVD(u: vt.transposed, values: values, vt: u.transposed) }

    // U (F o (U'G - G'U)) S V' + (I - U U') G S^-1 V', F[i, j] = 1 / (s_j^2 - s_i^2).
    func gradient(ofU gradient: DoubleMatrix) -> DoubleMatrix {
        let inside = u.transposed * gradient
        let turning = (inside - inside.transposed).dividedByGaps(values.map { $0 * $0 })
        let least = 4 * Double(Float.ulpOfOne) * (values.first ?? 0)
        let outside = (gradient - u * inside).scalingColumns(by: values.map { $0 <= least ? 0 : 1 / $0 })
        return (u * turning.scalingColumns(by: values) + outside) * vt
    }
}
