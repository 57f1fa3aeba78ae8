public import KuklaNumerics

extension Tensor {
    /// `X [..., n, k]` of `op(self) X = other` for triangular matrices `[..., n, n]`, in float64 inside.
    ///
    /// `op` transposes where `transposed`; only the lower triangle (the upper one where `isUpper`) is read and gets a gradient.
    /// Leading axes agree. *Source of the gradient:* Giles 2008, "Collected matrix derivative results for forward and reverse
    /// mode algorithmic differentiation".
    /// - Throws: `KuklaError.badData`, naming the matrix and the row, where a diagonal holds 0.
    /// - Complexity: O(batch * n^2 * k).
    public func triangularSolve(
        _ other: Tensor, isUpper: Bool = false, transposed: Bool = false
    ) throws(KuklaError) -> Tensor {
        let batch = MatrixBatch(self, operation: "triangularSolve", isSquare: true)
        let sides = MatrixBatch(other, operation: "triangularSolve")
        contract(
            batch.lead == sides.lead && batch.rows == sides.rows,
            "triangularSolve: matrices of shape \(shape) and right-hand sides of shape \(other.shape) do not agree"
        )
        let solutions = try batch.map { (i, a) throws(KuklaError) in
            try a.triangularSolution(
                sides.matrices[i], isUpper: isUpper, transposed: transposed, batch.name(i))
        }
        return Tensor(lead: batch.lead, solutions, shape: (sides.rows, sides.columns)).recorded(
            "triangularSolve", from: [self, other]
        ) { gradient, inputs in
            Tape.requireFirstOrder("triangularSolve")
            // The gradient of the right-hand side, op(A)^-T G, serves both.
            let side = MatrixBatch(gradient, operation: "triangularSolve")
            let sideGradients = side.matrices.indices.map { i in
                let matrix = batch.matrices[i]
                return
                    (try? matrix.triangularSolution(
                        side.matrices[i], isUpper: isUpper, transposed: !transposed, batch.name(i)))
                    ?? DoubleMatrix(rows: side.rows, columns: side.columns, repeating: .nan)
            }
            inputs.add(Tensor(lead: side.lead, sideGradients, shape: (side.rows, side.columns)), to: other)
            inputs.add(
                Tensor(
                    lead: batch.lead,
                    batch.matrices.indices.map { i in
                        let product =
                            transposed
                            ? -(solutions[i] * sideGradients[i].transposed)
                            : -(sideGradients[i] * solutions[i].transposed)
                        return isUpper ? product.upper : product.lower()
                    }, shape: (batch.rows, batch.rows)), to: self)
        }
    }
}
