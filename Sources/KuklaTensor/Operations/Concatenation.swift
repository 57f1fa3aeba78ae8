import KuklaNumerics

extension Tensor {
    /// The tensors one after another along `axis`; all other lengths must agree.
    public static func concatenated(_ tensors: [Tensor], axis: Int = 0) -> Tensor {
        contract(!tensors.isEmpty, "concatenated: no tensors")
        let axis = tensors[0].shape.axis(axis, operation: "concatenated")
        var shape = tensors[0].shape
        for tensor in tensors.dropFirst() {
            var other = tensor.shape
            contract(
                other.count == shape.count, "concatenated: shapes \(tensors[0].shape) and \(tensor.shape)")
            shape[axis] += other[axis]
            other[axis] = shape[axis]
            contract(
                other == shape,
                "concatenated: shapes \(tensors[0].shape) and \(tensor.shape) differ beside axis \(axis)")
        }
        if tensors.count == 1 { return tensors[0] }
        let (outer, length, inner) = shape.split(at: axis)
        var starts: [Int] = []
        var end = 0
        for tensor in tensors {
            starts.append(end)
            end += tensor.shape[axis]
        }
        let begin = starts
        return Tensor(shape: shape) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes slabs of its own
            tensorFor(outer, grain: Swift.max(1, elementGrain / Swift.max(1, length * inner))) { block in
                for (tensor, start) in zip(tensors, begin) {
                    let stretch = tensor.shape[axis] * inner
                    let from = tensor.pointer
                    for o in block {
                        (to + (o * length + start) * inner).update(from: from + o * stretch, count: stretch)
                    }
                }
            }
        }.recorded("concatenated", from: tensors) { gradient, accumulator in
            for (tensor, start) in zip(tensors, begin) {
                accumulator.add(
                    gradient.slice(axis: axis, start..<start + tensor.shape[axis]), to: tensor)
            }
        }
    }

    /// Tensors of one shape side by side along a new axis at `axis`.
    public static func stacked(_ tensors: [Tensor], axis: Int = 0) -> Tensor {
        contract(!tensors.isEmpty, "stacked: no tensors")
        for tensor in tensors {
            contract(
                tensor.shape == tensors[0].shape,
                "stacked: shapes \(tensors[0].shape) and \(tensor.shape) differ")
        }
        let place = axis < 0 ? axis + tensors[0].rank + 1 : axis
        return concatenated(tensors.map { $0.unsqueezed(axis: place) }, axis: place)
    }

    /// The pieces of these lengths along `axis`, which they must fill.
    public func split(lengths: [Int], axis: Int = 0) -> [Tensor] {
        let axis = shape.axis(axis, operation: "split")
        contract(
            lengths.reduce(0, +) == shape[axis] && lengths.allSatisfy { $0 >= 0 },
            "split: lengths \(lengths) for axis \(axis) of shape \(shape)")
        var start = 0
        return lengths.map { length in
            defer { start += length }
            return slice(axis: axis, start..<start + length)
        }
    }

    /// `count` pieces of equal length along `axis`.
    public func split(into count: Int, axis: Int = 0) -> [Tensor] {
        let axis = shape.axis(axis, operation: "split")
        contract(
            count > 0 && shape[axis] % count == 0, "split: \(count) parts of axis \(axis) of shape \(shape)")
        return split(lengths: [Int](repeating: shape[axis] / count, count: count), axis: axis)
    }
}
