import KuklaNumerics

// Everything of one tensor against everything of another.

extension Tensor {
    /// The squared Euclidean distance of each row to each of the other's: `[..., n, d]` and `[..., m, d]` give `[..., n, m]`.
    ///
    /// Computed as `|a|^2 + |b|^2 - 2 ab'`, never below zero.
    /// *Precision:* absolute, about 1e-7 times the squared lengths of the rows: rows that nearly meet far from the origin should
    /// be centered first.
    public func pairwiseSquaredDistances(_ other: Tensor) -> Tensor {
        let (a, b) = (self, other)
        contract(
            a.rank >= 2 && b.rank >= 2 && a.shape[a.rank - 1] == b.shape[b.rank - 1],
            "pairwiseSquaredDistances: shapes \(a.shape) and \(b.shape): expected rows of one length")
        let (x, y) = (a.detached, b.detached)
        let rows = x.dot(x).unsqueezed(axis: -1)
        let columns = y.dot(y).unsqueezed(axis: -2)
        let squares = rows + columns - x.matmul(y, transposingOther: true) * 2
        // The derivative is that of the exact distance, also where rounding went below zero.
        return squares.clamp(min: 0).recorded(
            "pairwiseSquaredDistances",
            (a, { g in (a * g.sum(axes: [-1], keepingAxes: true) - g.matmul(b)) * 2 }),
            (
                b,
                { g in
                    let sums = g.sum(axes: [-2]).unsqueezed(axis: -1)
                    return (b * sums - g.matmul(a, transposingSelf: true)) * 2
                }
            ))
    }

    /// The cosine of the angle between each row and each of the other's: `[..., n, d]` and `[..., m, d]` give `[..., n, m]`.
    public func pairwiseCosineSimilarities(_ other: Tensor, epsilon: Float = 1e-12) -> Tensor {
        normalized(epsilon: epsilon).matmul(other.normalized(epsilon: epsilon), transposingOther: true)
    }

    /// Every element of the last axis times every one of the other's: `[..., m]` and `[..., n]` give `[..., m, n]`.
    public func outer(_ other: Tensor) -> Tensor {
        unsqueezed(axis: -1) * other.unsqueezed(axis: -2)
    }

    /// The Kronecker product: every element of `[m, n]` times the whole of `[p, q]`, `[m p, n q]`.
    public func kronecker(_ other: Tensor) -> Tensor {
        contract(
            rank == 2 && other.rank == 2,
            "kronecker: shapes \(shape) and \(other.shape), expected two matrices")
        let (m, n, p, q) = (shape[0], shape[1], other.shape[0], other.shape[1])
        return (reshaped([m, 1, n, 1]) * other.reshaped([1, p, 1, q])).reshaped([m * p, n * q])
    }
}
