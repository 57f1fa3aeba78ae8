import KuklaNumerics

extension Tensor {
    /// The slices of `axis` that `indices` name, in their order, repeats allowed ("index select").
    ///
    /// *Shapes:* `[..., length, ...]` becomes `[..., indices.count, ...]`.
    public func gathered(axis: Int, indices: [Int32]) -> Tensor {
        let axis = shape.axis(axis, operation: "gathered")
        let (outer, length, inner) = shape.split(at: axis)
        indices.requireBelow(length, of: shape, operation: "gathered")
        var result = shape
        result[axis] = indices.count
        let count = indices.count
        return Tensor(shape: result) { out in
            guard let base = out.baseAddress, inner > 0 else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            tensorFor(outer * count, grain: Swift.max(1, elementGrain / inner)) { block in
                let from = pointer
                for row in block {
                    let (o, i) = row.quotientAndRemainder(dividingBy: count)
                    let source = from + (o * length + Int(indices[i])) * inner
                    if inner == 1 {
                        to[row] = source[0]
                    } else {
                        (to + row * inner).update(from: source, count: inner)
                    }
                }
            }
        }.recorded("gathered", (self, { $0.scatteredAdd(axis: axis, indices: indices, length: length) }))
    }

    /// One element of `axis` for each lane: `result[o, i, n] = self[o, indices[o, i, n], n]` ("gather", "take along axis").
    ///
    /// `indices` is row-major, of this tensor's shape but for the length of `axis`, which its count gives.
    public func taken(along axis: Int, indices: [Int32]) -> Tensor {
        let axis = shape.axis(axis, operation: "taken")
        let (outer, length, inner) = shape.split(at: axis)
        let count = indices.lengthOfAxis(outer, inner, shape: shape, operation: "taken")
        indices.requireBelow(length, of: shape, operation: "taken")
        var result = shape
        result[axis] = count
        return Tensor(shape: result) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            tensorFor(outer * count, grain: Swift.max(1, elementGrain / Swift.max(inner, 1))) { block in
                let from = pointer
                indices.withUnsafeBufferPointer { indices in
                    for row in block {
                        let slab = from + row / count * length * inner
                        for n in 0..<inner {
                            to[row * inner + n] = slab[Int(indices[row * inner + n]) * inner + n]
                        }
                    }
                }
            }
        }.recorded("taken", (self, { $0.scatteredAdd(along: axis, indices: indices, length: length) }))
    }
}

extension [Int32] {
    /// Traps unless every index is in `0..<length`.
    package func requireBelow(_ length: Int, of shape: [Int], operation: StaticString) {
        let bound = UInt32(clamping: length)
        guard let at = firstIndex(where: { UInt32(bitPattern: $0) >= bound }) else { return }
        contract(
            false,
            "\(operation): index \(self[at]) at place \(at) of an axis of length \(length) in shape \(shape)")
    }

    /// How many indices each lane has, where there are `outer * inner` lanes.
    package func lengthOfAxis(_ outer: Int, _ inner: Int, shape: [Int], operation: StaticString) -> Int {
        let lanes = outer * inner
        if lanes == 0 {
            contract(isEmpty, "\(operation): \(count) indices for shape \(shape), which has no lanes")
            return 0
        }
        contract(
            count % lanes == 0, "\(operation): \(count) indices do not fill the \(lanes) lanes of \(shape)")
        return count / lanes
    }
}
