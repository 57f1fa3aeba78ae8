import KuklaNumerics

// Diagonals and triangles of matrices: made of gather, scatter and select.

extension Tensor {
    /// The elements whose indices along axes `a` and `b` are equal, as a new last axis; the two axes go.
    ///
    /// *Shapes:* `[..., m, n]` becomes `[..., min(m, n)]`.
    public func diagonal(_ a: Int = -2, _ b: Int = -1) -> Tensor {
        let (a, b) = (
            shape.axis(a, operation: "diagonal"), shape.axis(b, operation: "diagonal")
        )
        contract(a != b, "diagonal: axis \(a) of shape \(shape) twice")
        let others = shape.indices.filter { $0 != a && $0 != b }
        let (rows, columns) = (shape[a], shape[b])
        return permuted(others + [a, b])
            .reshaped(others.map { shape[$0] } + [rows * columns])
            .gathered(
                axis: -1, indices: (0..<Swift.min(rows, columns)).map { Int32($0 * (columns + 1)) })
    }

    /// Square matrices with the last axis on their diagonals and zeros elsewhere: `[..., n]` becomes `[..., n, n]`.
    public func diagonalMatrix() -> Tensor {
        contract(rank > 0, "diagonalMatrix: a scalar has no last axis")
        let n = shape[rank - 1]
        return scatteredAdd(axis: -1, indices: (0..<n).map { Int32($0 * (n + 1)) }, length: n * n)
            .reshaped(shape + [n])
    }

    /// A mask `[rows, columns]`: 1 where the column is at most the row's number plus `diagonal`.
    public static func lowerTriangle(_ rows: Int, _ columns: Int, diagonal: Int = 0) -> Tensor {
        Tensor(shape: [rows, columns]) { out in
            for i in out.indices { out[i] = i % columns <= i / columns + diagonal ? 1 : 0 }
        }
    }

    /// A mask `[rows, columns]`: 1 where the column is at least the row's number plus `diagonal`.
    public static func upperTriangle(_ rows: Int, _ columns: Int, diagonal: Int = 0) -> Tensor {
        lowerTriangle(rows, columns, diagonal: diagonal - 1).negatedMask()
    }

    /// These matrices with zeros right of the diagonal that lies `diagonal` columns right of the main one ("tril").
    public func lowerTriangle(diagonal: Int = 0) -> Tensor {
        contract(rank >= 2, "lowerTriangle: shape \(shape), expected [..., rows, columns]")
        return Tensor.select(
            .lowerTriangle(shape[rank - 2], shape[rank - 1], diagonal: diagonal), self, Tensor(0))
    }

    /// These matrices with zeros left of the diagonal that lies `diagonal` columns right of the main one ("triu").
    public func upperTriangle(diagonal: Int = 0) -> Tensor {
        contract(rank >= 2, "upperTriangle: shape \(shape), expected [..., rows, columns]")
        return Tensor.select(
            .upperTriangle(shape[rank - 2], shape[rank - 1], diagonal: diagonal), self, Tensor(0))
    }
}
