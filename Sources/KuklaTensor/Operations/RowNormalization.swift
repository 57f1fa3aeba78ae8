import CKernels
import KuklaNumerics

extension Tensor {
    /// The Euclidean norm along `axis`. The slope at zero is taken as 0.
    public func norm(axis: Int, keepingAxes: Bool = false) -> Tensor {
        let axis = shape.axis(axis, operation: "norm")
        let squares = detached.square().sum(axes: [axis], keepingAxes: true)
        let length = squares.map { $0.squareRoot() }
        let kept = length.shape
        let result = length.recorded(
            "norm",
            (
                self,
                { g in
                    let length =
                        Tape.isDifferentiatingBackward ? self.norm(axis: axis, keepingAxes: true) : length
                    let isZero = length.isEqual(to: 0)
                    return self * (g.reshaped(kept) / Tensor.select(isZero, Tensor(1), length))
                }
            ))
        return keepingAxes ? result : result.squeezed(axis: axis)
    }

    /// The Euclidean norm of all elements, a scalar.
    public func norm() -> Tensor { reshaped([count]).norm(axis: 0) }

    /// Each row of `axis` scaled to Euclidean length 1: `x / max(|x|, epsilon)`.
    public func normalized(axis: Int = -1, epsilon: Float = 1e-12) -> Tensor {
        let axis = shape.axis(axis, operation: "normalized")
        if axis != rank - 1 {
            return transposed(axis, -1).normalized(epsilon: epsilon).transposed(axis, -1)
        }
        let length = shape[axis]
        let rows = shape.dropLast().reduce(1, *)
        let factors = Tensor(shape: shape.dropLast() + [1]) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            tensorFor(rows, grain: Swift.max(1, elementGrain / Swift.max(1, length))) { block in
                let dot = kk_distance_kernels_for(CPULevel.current.kernelLevel).pointee.dot_rows_f32
                for row in block {
                    let x = pointer + row * length
                    dot(x, x, 1, length, to + row)
                    // Not `max`, which would turn NaN into epsilon.
                    let norm = to[row].squareRoot()
                    to[row] = 1 / (norm < epsilon ? epsilon : norm)
                }
            }
        }
        let result = Tensor(shape: shape) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            tensorFor(rows, grain: Swift.max(1, elementGrain / Swift.max(1, length))) { block in
                for row in block {
                    let (x, y, factor) = (pointer + row * length, to + row * length, factors.pointer[row])
                    for i in 0..<length { y[i] = x[i] * factor }
                }
            }
        }
        return result.recorded(
            "normalized",
            (
                self,
                { g in
                    if Tape.isDifferentiatingBackward {
                        let norm = self.norm(axis: -1, keepingAxes: true)
                        let y = self / Tensor.maximum(norm, Tensor(epsilon))
                        let isLong = norm.isGreater(than: epsilon)
                        let along = (g * y).sum(axes: [-1], keepingAxes: true) * isLong
                        return (g - y * along) / Tensor.maximum(norm, Tensor(epsilon))
                    }
                    return result.normalizedSlope(g, factors: factors, epsilon: epsilon)
                }
            ))
    }

    // (g - y <g, y>) / |x|, in one pass over each row; where the norm was below epsilon the scale is constant.
    private func normalizedSlope(_ g: Tensor, factors: Tensor, epsilon: Float) -> Tensor {
        let length = shape[rank - 1]
        return Tensor(shape: shape) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            tensorFor(factors.count, grain: Swift.max(1, elementGrain / Swift.max(1, length))) { block in
                let dot = kk_distance_kernels_for(CPULevel.current.kernelLevel).pointee.dot_rows_f32
                for row in block {
                    let (y, g, dx) = (pointer + row * length, g.pointer + row * length, to + row * length)
                    let factor = factors.pointer[row]
                    var along: Float = 0
                    if factor * epsilon < 1 { dot(y, g, 1, length, &along) }
                    for i in 0..<length { dx[i] = (g[i] - y[i] * along) * factor }
                }
            }
        }
    }
}
