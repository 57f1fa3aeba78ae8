import KuklaNumerics

extension Tensor {
    /// The sum over `axes` (negative: from the end); the axes stay with length 1 where `keepingAxes`.
    public func sum(axes: [Int], keepingAxes: Bool = false) -> Tensor {
        let axes = Set(axes.map { shape.axis($0, operation: "sum") })
        let kept = shape.enumerated().map { axes.contains($0.offset) ? 1 : $0.element }
        var result = self.detached
        for axis in axes.sorted(by: >) { result = result.summed(axis: axis) }
        let before = shape
        return Tensor(
            shape: keepingAxes ? kept : shape.indices.filter { !axes.contains($0) }.map { shape[$0] },
            storage: result.storage, offset: result.offset
        ).recorded("sum", (self, { $0.reshaped(kept).broadcast(to: before) }))
    }

    /// The sum of all elements, a scalar.
    public func sum() -> Tensor { sum(axes: Array(shape.indices)) }

    /// The mean over `axes`.
    public func mean(axes: [Int], keepingAxes: Bool = false) -> Tensor {
        let length = axes.reduce(1) { $0 * shape[shape.axis($1, operation: "mean")] }
        return sum(axes: axes, keepingAxes: keepingAxes) / Float(length)
    }

    /// The mean of all elements, a scalar.
    public func mean() -> Tensor { mean(axes: Array(shape.indices)) }

    // One axis, which stays with length 1.
    private func summed(axis: Int) -> Tensor {
        let (outer, length, inner) = shape.split(at: axis)
        var result = shape
        result[axis] = 1
        return Tensor(shape: result) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            tensorFor(outer, grain: max(1, elementGrain / max(1, length * inner))) { block in
                for o in block {
                    let from = pointer + o * length * inner
                    let row = to + o * inner
                    row.update(repeating: 0, count: inner)
                    for l in 0..<length { for i in 0..<inner { row[i] += from[l * inner + i] } }
                }
            }
        }
    }
}
