import KuklaNumerics

// The greatest and the smallest of an axis. The first of equals counts, NaN above all; each has gradients of gradients.

extension Tensor {
    /// The greatest element along `axis`; the gradient goes to the first of equals.
    public func max(axis: Int, keepingAxes: Bool = false) -> Tensor {
        let indices = argmax(axis: axis)
        return extremum(axis: axis, indices: indices, keepingAxes: keepingAxes)
    }

    /// The smallest element along `axis`; the gradient goes to the first of equals.
    public func min(axis: Int, keepingAxes: Bool = false) -> Tensor {
        let indices = argmin(axis: axis)
        return extremum(axis: axis, indices: indices, keepingAxes: keepingAxes)
    }

    /// The greatest of all elements, a scalar.
    public func max() -> Tensor { reshaped([count]).max(axis: 0) }

    /// The smallest of all elements, a scalar.
    public func min() -> Tensor { reshaped([count]).min(axis: 0) }

    /// Where along `axis` the greatest element is: row-major over the other axes, the first of equals.
    public func argmax(axis: Int = -1) -> [Int32] {
        extremes(axis: axis, "argmax") { $0 > $1 || ($0 != $0 && $1 == $1) }
    }

    /// Where along `axis` the smallest element is: row-major over the other axes, the first of equals.
    public func argmin(axis: Int = -1) -> [Int32] {
        extremes(axis: axis, "argmin") { $0 < $1 || ($0 != $0 && $1 == $1) }
    }

    private func extremum(axis: Int, indices: [Int32], keepingAxes: Bool) -> Tensor {
        let axis = shape.axis(axis, operation: "max")
        let found = taken(along: axis, indices: indices)
        return keepingAxes ? found : found.squeezed(axis: axis)
    }

    private func extremes(
        axis: Int, _ operation: StaticString, _ beats: @Sendable (Float, Float) -> Bool
    ) -> [Int32] {
        let axis = shape.axis(axis, operation: operation)
        let (outer, length, inner) = shape.split(at: axis)
        contract(
            length > 0 || outer * inner == 0, "\(operation): axis \(axis) of shape \(shape) has no elements")
        return [Int32](unsafeUninitializedCapacity: outer * inner) { buffer, count in
            count = outer * inner
            guard let base = buffer.baseAddress, count > 0 else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            tensorFor(outer, grain: Swift.max(1, elementGrain / (length * inner))) { block in
                let from = pointer
                for o in block {
                    let slab = from + o * length * inner
                    for n in 0..<inner {
                        var (best, at) = (slab[n], 0)
                        for l in 1..<Swift.max(length, 1) where beats(slab[l * inner + n], best) {
                            (best, at) = (slab[l * inner + n], l)
                        }
                        to[o * inner + n] = Int32(at)
                    }
                }
            }
        }
    }
}
