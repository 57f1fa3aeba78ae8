import CKernels
import KuklaNumerics

// Loops over gradients that write where nobody else looks.

extension Tensor {
    /// Adds `other` of the same shape, over this tensor's memory where nobody shares it.
    package mutating func accumulate(_ other: Tensor) {
        contract(shape == other.shape, "accumulate: shapes \(shape) and \(other.shape) differ")
        guard node == nil, isUnshared() else {
            self = self + other
            return
        }
        let (count, from) = (count, other)
        withUnsafeMutableBufferPointer { to in
            guard let base = to.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            tensorFor(count, grain: elementGrain) { block in
                let from = from.pointer
                for i in block { to[i] += from[i] }
            }
        }
    }

    /// Adds gradients of some rows of this table.
    mutating func accumulate(_ rows: RowGradient) {
        contract(
            shape == [rows.rowCount] + rows.rowShape,
            "accumulate: rows of shape \(rows.rowShape) of \(rows.rowCount) added to shape \(shape)")
        let width = rows.rowShape.elementCount
        withUnsafeMutableBufferPointer { to in
            guard let base = to.baseAddress, width > 0 else { return }
            nonisolated(unsafe) let to = base  // every row is named once
            tensorFor(rows.indices.count, grain: rowGrain(width)) { block in
                for i in block {
                    let (to, from) = (to + Int(rows.indices[i]) * width, rows.values.pointer + i * width)
                    for j in 0..<width { to[j] += from[j] }
                }
            }
        }
    }

    /// Multiplies every element by `factor`.
    mutating func scale(by factor: Float) {
        let count = count
        withUnsafeMutableBufferPointer { to in
            guard let base = to.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            tensorFor(count, grain: elementGrain) { block in for i in block { to[i] *= factor } }
        }
    }

    /// The sum of the squares of all elements.
    package var sumOfSquares: Double {
        let kernels = trainingKernels
        let partial = AlignedStorage<Double>(uninitialized: (count + elementGrain - 1) / elementGrain)
        tensorFor(count, grain: elementGrain) { block in
            partial.pointer[block.lowerBound / elementGrain] =
                kernels.sum_squares(pointer + block.lowerBound, block.count)
        }
        return partial.buffer.reduce(0, +)
    }
}
