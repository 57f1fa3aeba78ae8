import CKernels
import KuklaNumerics

extension Tensor {
    /// The sum over `axes` (negative: from the end); the axes stay with length 1 where `keepingAxes`.
    public func sum(axes: [Int], keepingAxes: Bool = false) -> Tensor {
        let axes = Set(axes.map { shape.axis($0, operation: "sum") })
        let kept = shape.enumerated().map { axes.contains($0.offset) ? 1 : $0.element }
        let result = summed { axes.contains($0) }
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

    // Neighbouring axes that are all summed, or all kept, are one axis; then one axis after the other, last first.
    private func summed(_ isSummed: (Int) -> Bool) -> Tensor {
        var groups: [(length: Int, isSummed: Bool)] = []
        for (axis, length) in shape.enumerated() where length != 1 {
            if let last = groups.last, last.isSummed == isSummed(axis) {
                groups[groups.count - 1].length *= length
            } else {
                groups.append((length, isSummed(axis)))
            }
        }
        var result = Tensor(shape: groups.map(\.length), storage: storage, offset: offset)
        for axis in groups.indices.reversed() where groups[axis].isSummed {
            result = result.summed(axis: axis)
        }
        return result
    }

    // One axis, which stays with length 1.
    private func summed(axis: Int) -> Tensor {
        let (outer, length, inner) = shape.split(at: axis)
        var result = shape
        result[axis] = 1
        let kernels = trainingKernels
        if outer == 1 && inner == 1 { return Tensor(shape: result, elements: [sumOfAll]) }
        if outer == 1 {
            return summingOverRows(length, columns: inner, width: inner) { block, sums in
                kernels.column_sums(pointer + block.lowerBound * inner, sums, block.count, inner)
            }.reshaped(result)
        }
        return Tensor(shape: result) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            tensorFor(outer, grain: rowGrain(length * inner)) { block in
                if inner == 1 {
                    let from = pointer + block.lowerBound * length
                    return kernels.row_sums(from, to + block.lowerBound, block.count, length)
                }
                for o in block {
                    (to + o * inner).update(repeating: 0, count: inner)
                    kernels.column_sums(pointer + o * length * inner, to + o * inner, length, inner)
                }
            }
        }
    }

    // The sum of all elements: blocks in float32, their sums in double.
    private var sumOfAll: Float {
        let kernels = trainingKernels
        let blocks = (count + elementGrain - 1) / elementGrain
        let partial = Tensor(shape: [blocks]) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes an element of its own
            tensorFor(count, grain: elementGrain) { block in
                kernels.row_sums(
                    pointer + block.lowerBound, to + block.lowerBound / elementGrain, 1, block.count)
            }
        }
        return partial.withUnsafeBufferPointer { Float($0.reduce(0.0) { $0 + Double($1) }) }
    }
}
