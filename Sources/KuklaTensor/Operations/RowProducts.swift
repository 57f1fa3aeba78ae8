import CKernels
import KuklaNumerics

extension Tensor {
    /// The inner product of each row with the other's: `[..., n]` and `[..., n]` give `[...]`.
    public func dot(_ other: Tensor) -> Tensor {
        contract(
            rank > 0 && shape == other.shape,
            "dot: shapes \(shape) and \(other.shape) are not rows of one shape")
        let length = shape[rank - 1]
        let rows = shape.dropLast().reduce(1, *)
        let (a, b) = (self, other)
        return Tensor(shape: Array(shape.dropLast())) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            tensorFor(rows, grain: Swift.max(1, elementGrain / Swift.max(1, length))) { block in
                let dot = kk_distance_kernels_for(CPULevel.current.kernelLevel).pointee.dot_rows_f32
                for row in block {
                    dot(a.pointer + row * length, b.pointer + row * length, 1, length, to + row)
                }
            }
        }.recorded(
            "dot", (a, { $0.unsqueezed(axis: -1) * b }), (b, { $0.unsqueezed(axis: -1) * a }))
    }

    /// The cosine of the angle between each row and the other's: `[..., n]` and `[..., n]` give `[...]`.
    public func cosineSimilarity(_ other: Tensor, epsilon: Float = 1e-12) -> Tensor {
        normalized(epsilon: epsilon).dot(other.normalized(epsilon: epsilon))
    }

    /// The cosine of the angle between each row of `a` and that of `b`.
    public static func cosineSimilarity(_ a: Tensor, _ b: Tensor, epsilon: Float = 1e-12) -> Tensor {
        a.cosineSimilarity(b, epsilon: epsilon)
    }
}
