public import KuklaNumerics

extension Tensor {
    /// `X [..., n, k]` of `self X = other` for square matrices `[..., n, n]`, by LU with row exchanges in float64 inside.
    ///
    /// Leading axes agree. *Source of the gradient:* Giles 2008.
    /// - Throws: `KuklaError.badData`, naming the matrix and the pivot, where one is singular.
    /// - Complexity: O(batch * (n^3 + n^2 k)).
    public func solve(_ other: Tensor) throws(KuklaError) -> Tensor {
        let batch = MatrixBatch(self, operation: "solve", isSquare: true)
        let sides = MatrixBatch(other, operation: "solve")
        contract(
            batch.lead == sides.lead && batch.rows == sides.rows,
            "solve: matrices of shape \(shape) and right-hand sides of shape \(other.shape) do not agree")
        let factors = try batch.map { (i, a) throws(KuklaError) in try a.luFactors(batch.name(i)) }
        let solutions = factors.indices.map { factors[$0].solution(sides.matrices[$0]) }
        return Tensor(lead: batch.lead, solutions, shape: (sides.rows, sides.columns)).recorded(
            "solve", from: [self, other]
        ) { gradient, inputs in
            Tape.requireFirstOrder("solve")
            let side = MatrixBatch(gradient, operation: "solve")
            let sideGradients = side.matrices.indices.map {
                factors[$0].solution(side.matrices[$0], transposed: true)
            }
            inputs.add(Tensor(lead: side.lead, sideGradients, shape: (side.rows, side.columns)), to: other)
            inputs.add(
                Tensor(
                    lead: batch.lead,
                    batch.matrices.indices.map { -(sideGradients[$0] * solutions[$0].transposed) },
                    shape: (batch.rows, batch.rows)), to: self)
        }
    }

    /// The inverses of square matrices `[..., n, n]`, in float64 inside. To solve a system, `solve` is better.
    ///
    /// *Source of the gradient:* Giles 2008.
    /// - Throws: `KuklaError.badData`, naming the matrix and the pivot, where one is singular.
    /// - Complexity: O(batch * n^3).
    public func inverse() throws(KuklaError) -> Tensor {
        let batch = MatrixBatch(self, operation: "inverse", isSquare: true)
        let inverses = try batch.map { (i, a) throws(KuklaError) in try a.luFactors(batch.name(i)).inverse }
        return Tensor(lead: batch.lead, inverses, shape: (batch.rows, batch.rows)).recorded(
            "inverse",
            (
                self,
                { gradient in
                    Tape.requireFirstOrder("inverse")
                    return batch.combined(with: gradient, "inverse") { i, _, gradient in
                        let turned = inverses[i].transposed
                        return -(turned * gradient * turned)
                    }
                }
            ))
    }
}
