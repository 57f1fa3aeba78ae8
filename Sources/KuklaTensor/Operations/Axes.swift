import KuklaNumerics

// Axes that come, go, repeat and turn round: made of reshape, broadcast, gather and concatenation.

extension Tensor {
    /// A new axis of length 1 at `axis` of the result.
    public func unsqueezed(axis: Int) -> Tensor {
        let place = axis < 0 ? axis + rank + 1 : axis
        contract(place >= 0 && place <= rank, "unsqueezed: axis \(axis) for a tensor of shape \(shape)")
        var result = shape
        result.insert(1, at: place)
        return reshaped(result)
    }

    /// Without `axis`, which has length 1.
    public func squeezed(axis: Int) -> Tensor {
        let axis = shape.axis(axis, operation: "squeezed")
        contract(shape[axis] == 1, "squeezed: axis \(axis) of shape \(shape) is \(shape[axis]) long, not 1")
        var result = shape
        result.remove(at: axis)
        return reshaped(result)
    }

    /// The whole tensor `times` times over along `axis` ("tile": a b a b).
    public func repeated(_ times: Int, axis: Int = 0) -> Tensor {
        let axis = shape.axis(axis, operation: "repeated")
        contract(times >= 0, "repeated: \(times) times along axis \(axis) of shape \(shape)")
        var (wide, result) = (shape, shape)
        wide.insert(times, at: axis)
        result[axis] *= times
        return unsqueezed(axis: axis).broadcast(to: wide).reshaped(result)
    }

    /// Every slice of `axis` `times` times in a row ("repeat interleave": a a b b).
    public func repeatedEach(_ times: Int, axis: Int = 0) -> Tensor {
        let axis = shape.axis(axis, operation: "repeatedEach")
        contract(times >= 0, "repeatedEach: \(times) times along axis \(axis) of shape \(shape)")
        var (wide, result) = (shape, shape)
        wide.insert(times, at: axis + 1)
        result[axis] *= times
        return unsqueezed(axis: axis + 1).broadcast(to: wide).reshaped(result)
    }

    /// `axis` in the opposite order.
    public func flipped(axis: Int) -> Tensor {
        let axis = shape.axis(axis, operation: "flipped")
        return gathered(axis: axis, indices: (0..<Int32(shape[axis])).reversed())
    }

    /// `axis` moved on by `shift` places; what leaves at one end enters at the other.
    public func rolled(_ shift: Int, axis: Int) -> Tensor {
        let axis = shape.axis(axis, operation: "rolled")
        let length = shape[axis]
        guard length > 0 else { return self }
        let cut = length - ((shift % length) + length) % length
        guard cut != length else { return self }
        return Tensor.concatenated(
            [slice(axis: axis, cut..<length), slice(axis: axis, 0..<cut)], axis: axis)
    }
}
