public import KuklaNumerics

extension Tensor {
    /// `self = q r` with orthonormal columns of `q [..., m, k]` and upper triangular `r [..., k, n]`, `k = min(m, n)`, in float64
    /// inside. Signs are LAPACK's: the diagonal of `r` may be negative.
    ///
    /// The gradient needs the first `k` columns to be independent: elsewhere it is infinite, or NaN.
    /// *Source of the gradient:* Seeger, Hetzel, Dai, Meissner and Lawrence 2017, "Auto-differentiating linear algebra",
    /// arXiv:1710.08717; for more columns than rows, the first `m` columns carry `q`.
    /// - Throws: `KuklaError.badData` where an element is not finite.
    /// - Complexity: O(batch * m * n * k).
    public func qr() throws(KuklaError) -> (q: Tensor, r: Tensor) {
        let batch = MatrixBatch(self, operation: "qr")
        let k = Swift.min(batch.rows, batch.columns)
        let factors = try batch.map { (i, a) throws(KuklaError) in
            let (q, r) = try a.qrFactors(batch.name(i))
            return QRFactors(a: a, q: q, r: r)
        }
        let q = Tensor(lead: batch.lead, factors.map(\.q), shape: (batch.rows, k)).recorded(
            "qrOrthonormal",
            (
                self,
                { gradient in
                    Tape.requireFirstOrder("qrOrthonormal")
                    return batch.combined(with: gradient, "qr") { i, _, gradient in
                        factors[i].gradient(
                            q: gradient, r: DoubleMatrix(rows: k, columns: factors[i].r.columns))
                    }
                }
            ))
        let r = Tensor(lead: batch.lead, factors.map(\.r), shape: (k, batch.columns)).recorded(
            "qrTriangular",
            (
                self,
                { gradient in
                    Tape.requireFirstOrder("qrTriangular")
                    return batch.combined(with: gradient, "qr") { i, _, gradient in
                        factors[i].gradient(
                            q: DoubleMatrix(rows: factors[i].q.rows, columns: k), r: gradient)
                    }
                }
            ))
        return (q, r)
    }
}

private struct QRFactors: Sendable {
    let a, q, r: DoubleMatrix

    func gradient(q gradientQ: DoubleMatrix, r gradientR: DoubleMatrix) -> DoubleMatrix {
        let k = q.columns
        guard r.columns > k else { return tall(gradientQ, gradientR.upper, triangle: r) }
        // A = [X Y], Q R = [X Y] with R = [U V]: V = Q'Y.
        let gradientV = gradientR[columns: k..<r.columns]
        let y = a[columns: k..<r.columns]
        let x = tall(
            gradientQ + y * gradientV.transposed, gradientR[columns: 0..<k].upper, triangle: r[columns: 0..<k]
        )
        let rest = q * gradientV
        return DoubleMatrix(rows: a.rows, columns: a.columns).mapped { i, j, _ in
            j < k ? x[i, j] : rest[i, j - k]
        }
    }

    // (G_Q + Q copyltu(R G_R' - G_Q' Q)) R^-T, copyltu mirroring the lower triangle to the upper one.
    private func tall(
        _ gradientQ: DoubleMatrix, _ gradientR: DoubleMatrix, triangle: DoubleMatrix
    ) -> DoubleMatrix {
        let m = triangle * gradientR.transposed - gradientQ.transposed * q
        let mirrored = m.mapped { i, j, value in i >= j ? value : m[j, i] }
        let inner = gradientQ + q * mirrored
        // inner R^-T = (R^-1 inner')'
        let solved =
            (try? triangle.triangularSolution(inner.transposed, isUpper: true, transposed: false, "factor"))
            ?? DoubleMatrix(rows: inner.columns, columns: inner.rows, repeating: .nan)
        return solved.transposed
    }
}
