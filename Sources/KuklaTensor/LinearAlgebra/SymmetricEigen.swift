public import KuklaNumerics

extension Tensor {
    /// Eigenvalues `[..., n]`, least first, and eigenvectors `[..., n, n]`, one a column, of symmetric matrices `[..., n, n]`, in
    /// float64 inside: `self = vectors diag(values) vectors'`.
    ///
    /// Only the lower triangle is read; gradients are those of a symmetric matrix. The sign of an eigenvector is arbitrary, and a
    /// loss should not depend on it. Where eigenvalues agree to within what float32 can tell apart (4 ulp of the greatest),
    /// their eigenvectors are arbitrary within the space that they span: turning them into each other counts as no change,
    /// which is exact for a loss that depends on the space only, and keeps gradients finite for all others.
    /// *Source of the gradient:* Giles 2008; Ionescu, Vantzos and Sminchisescu 2015, "Matrix backpropagation for deep networks
    /// with structured layers".
    /// - Throws: `KuklaError.badData` where an element is not finite or the iteration does not converge.
    /// - Complexity: O(batch * n^3).
    public func symmetricEigen() throws(KuklaError) -> (values: Tensor, vectors: Tensor) {
        let batch = MatrixBatch(self, operation: "symmetricEigen", isSquare: true)
        let n = batch.rows
        let eigen = try batch.map { (i, a) throws(KuklaError) in try a.symmetricEigen(batch.name(i)) }
        let values = Tensor(lead: batch.lead, vectors: eigen.map(\.values), length: n).recorded(
            "symmetricEigenvalues",
            (
                self,
                { gradient in
                    Tape.requireFirstOrder("symmetricEigenvalues")
                    return batch.combined(with: gradient.reshaped(batch.lead + [1, n]), "symmetricEigen") {
                        i, _, gradient in
                        let v = eigen[i].vectors
                        return v.scalingColumns(by: gradient.values) * v.transposed
                    }
                }
            ))
        let vectors = Tensor(lead: batch.lead, eigen.map(\.vectors), shape: (n, n)).recorded(
            "symmetricEigenvectors",
            (
                self,
                { gradient in
                    Tape.requireFirstOrder("symmetricEigenvectors")
                    return batch.combined(with: gradient, "symmetricEigen") { i, _, gradient in
                        let (values, v) = eigen[i]
                        let inner = (v.transposed * gradient).dividedByGaps(values)
                        return (v * inner * v.transposed).symmetrized
                    }
                }
            ))
        return (values, vectors)
    }
}

extension DoubleMatrix {
    /// Element `[i, j]` divided by `values[j] - values[i]`; 0 where that is too small to tell apart in float32.
    func dividedByGaps(_ values: [Double]) -> DoubleMatrix {
        let tolerance = 4 * Double(Float.ulpOfOne) * (values.lazy.map(abs).max() ?? 0)
        return mapped { i, j, value in
            let gap = values[j] - values[i]
            return abs(gap) <= tolerance ? 0 : value / gap
        }
    }
}
