import KuklaNumerics

// Sums at indices: the gradients of gathering, and segment sums in their own right. Each has gradients of gradients.

extension Tensor {
    /// Zeros of `length` along `axis`, to which each slice of this tensor is added at its index.
    ///
    /// *Shapes:* `[..., indices.count, ...]` becomes `[..., length, ...]`. Slices of one index are added in their order.
    public func scatteredAdd(axis: Int = 0, indices: [Int32], length: Int) -> Tensor {
        let axis = shape.axis(axis, operation: "scatteredAdd")
        let (outer, count, inner) = shape.split(at: axis)
        contract(
            indices.count == count,
            "scatteredAdd: \(indices.count) indices for axis \(axis) of shape \(shape)")
        indices.requireBelow(length, of: shape, operation: "scatteredAdd")
        var result = shape
        result[axis] = length
        // One slab is split into stretches of columns, so that no two threads meet in an element.
        let stretch = Swift.max(16, elementGrain / Swift.max(count, 1))
        let stretches = Swift.max(1, (inner + stretch - 1) / stretch)
        return Tensor(shape: result) { out in
            guard let base = out.baseAddress, inner > 0 else { return }
            nonisolated(unsafe) let to = base  // every block writes columns of its own
            let work = Swift.min(inner, stretch) * Swift.max(count, length)
            tensorFor(outer * stretches, grain: Swift.max(1, elementGrain / Swift.max(work, 1))) { block in
                for piece in block {
                    let (o, s) = piece.quotientAndRemainder(dividingBy: stretches)
                    let columns = s * stretch..<Swift.min(inner, (s + 1) * stretch)
                    let from = pointer + o * count * inner + columns.lowerBound
                    let slab = to + o * length * inner + columns.lowerBound
                    let width = columns.count
                    for l in 0..<length { (slab + l * inner).update(repeating: 0, count: width) }
                    for i in 0..<count {
                        let (x, y) = (from + i * inner, slab + Int(indices[i]) * inner)
                        for n in 0..<width { y[n] += x[n] }
                    }
                }
            }
        }.recorded("scatteredAdd", (self, { $0.gathered(axis: axis, indices: indices) }))
    }

    /// This tensor with `values` added at `rows` of its first axis ("index add"); rows may repeat.
    public func indexAdd(rows: [Int32], _ values: Tensor) -> Tensor {
        contract(
            rank > 0 && values.rank > 0 && values.shape.dropFirst() == shape.dropFirst(),
            "indexAdd: rows of shape \(values.shape) for a tensor of shape \(shape)")
        return self + values.scatteredAdd(axis: 0, indices: rows, length: shape[0])
    }

    /// Zeros of `length` along `axis`, to each lane of which this tensor's elements are added at their indices: the opposite
    /// of `taken(along:indices:)`, `result[o, indices[o, i, n], n] += self[o, i, n]`.
    public func scatteredAdd(along axis: Int, indices: [Int32], length: Int) -> Tensor {
        let axis = shape.axis(axis, operation: "scatteredAdd")
        let (outer, count, inner) = shape.split(at: axis)
        contract(
            indices.count == self.count,
            "scatteredAdd: \(indices.count) indices for the \(self.count) elements of shape \(shape)")
        indices.requireBelow(length, of: shape, operation: "scatteredAdd")
        var result = shape
        result[axis] = length
        return Tensor(shape: result) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes slabs of its own
            let work = Swift.max(1, Swift.max(count, length) * inner)
            tensorFor(outer, grain: Swift.max(1, elementGrain / work)) { block in
                let from = pointer
                indices.withUnsafeBufferPointer { indices in
                    for o in block {
                        let slab = to + o * length * inner
                        slab.update(repeating: 0, count: length * inner)
                        for i in o * count..<(o + 1) * count {
                            for n in 0..<inner {
                                slab[Int(indices[i * inner + n]) * inner + n] += from[i * inner + n]
                            }
                        }
                    }
                }
            }
        }.recorded("scatteredAddAlong", (self, { $0.taken(along: axis, indices: indices) }))
    }
}
