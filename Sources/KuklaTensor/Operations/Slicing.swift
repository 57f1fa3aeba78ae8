import KuklaNumerics

// Ranges of an axis and zeros around them: each is the other's gradient.

extension Tensor {
    /// The part of `axis` in `range`; a range of the first axis is not copied.
    public func slice(axis: Int, _ range: Range<Int>) -> Tensor {
        let axis = shape.axis(axis, operation: "slice")
        let (outer, length, inner) = shape.split(at: axis)
        contract(
            range.lowerBound >= 0 && range.upperBound <= length,
            "slice: range \(range) of axis \(axis) of shape \(shape)")
        if range.count == length { return self }
        if axis == 0 { return self[rows: range] }
        var result = shape
        result[axis] = range.count
        let stretch = range.count * inner
        return Tensor(shape: result) { out in
            guard let base = out.baseAddress, stretch > 0 else { return }
            nonisolated(unsafe) let to = base  // every block writes stretches of its own
            tensorFor(outer, grain: Swift.max(1, elementGrain / stretch)) { block in
                let from = pointer + range.lowerBound * inner
                for o in block {
                    let (x, y) = (from + o * length * inner, to + o * stretch)
                    if stretch >= 64 {
                        y.update(from: x, count: stretch)
                    } else {
                        for i in 0..<stretch { y[i] = x[i] }
                    }
                }
            }
        }.recorded(
            "slice",
            (self, { $0.padded(axis: axis, before: range.lowerBound, after: length - range.upperBound) }))
    }

    /// The part of `axis` in `range`.
    public func slice(axis: Int, range: Range<Int>) -> Tensor { slice(axis: axis, range) }

    /// Every `step`-th slice of `axis`, from `start` on.
    public func strided(axis: Int, by step: Int, from start: Int = 0) -> Tensor {
        let axis = shape.axis(axis, operation: "strided")
        contract(step > 0 && start >= 0, "strided: step \(step) from \(start)")
        return gathered(axis: axis, indices: stride(from: start, to: shape[axis], by: step).map { Int32($0) })
    }

    /// `value` before and after the elements of every axis: one pair of lengths for each axis.
    public func padded(_ padding: [(before: Int, after: Int)], value: Float = 0) -> Tensor {
        contract(
            padding.count == rank, "padded: \(padding.count) pairs for a tensor of shape \(shape)")
        var result = self
        for (axis, pair) in padding.enumerated() where pair != (0, 0) {
            result = result.padded(axis: axis, before: pair.before, after: pair.after, value: value)
        }
        return result
    }

    /// `value` before and after the elements of one axis.
    public func padded(axis: Int, before: Int, after: Int, value: Float = 0) -> Tensor {
        let axis = shape.axis(axis, operation: "padded")
        contract(
            before >= 0 && after >= 0, "padded: \(before) before and \(after) after axis \(axis) of \(shape)")
        let (outer, length, inner) = shape.split(at: axis)
        var result = shape
        result[axis] = before + length + after
        let (lead, stretch, tail) = (before * inner, length * inner, after * inner)
        let whole = lead + stretch + tail
        return Tensor(shape: result) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes stretches of its own
            tensorFor(outer, grain: Swift.max(1, elementGrain / Swift.max(whole, 1))) { block in
                let from = pointer
                for o in block {
                    let y = to + o * whole
                    y.update(repeating: value, count: lead)
                    (y + lead).update(from: from + o * stretch, count: stretch)
                    (y + lead + stretch).update(repeating: value, count: tail)
                }
            }
        }.recorded("padded", (self, { $0.slice(axis: axis, before..<before + length) }))
    }
}
