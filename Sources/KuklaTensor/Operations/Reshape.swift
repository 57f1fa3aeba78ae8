import KuklaNumerics

extension Tensor {
    /// The same elements under another shape, without a copy. One length may be -1: what is left over.
    public func reshaped(_ shape: [Int]) -> Tensor {
        var shape = shape
        if let free = shape.firstIndex(of: -1) {
            let known = shape.enumerated().reduce(1) { $1.offset == free ? $0 : $0 * $1.element }
            contract(
                known > 0 && count % known == 0,
                "reshape: \(count) elements of \(self.shape) do not fill \(shape)")
            shape[free] = count / known
        }
        contract(
            shape.elementCount == count && shape.allSatisfy { $0 >= 0 },
            "reshape: \(self.shape) holds \(count) elements, \(shape) \(shape.elementCount)")
        let before = self.shape
        return Tensor(shape: shape, storage: storage, offset: offset)
            .recorded("reshape", (self, { $0.reshaped(before) }))
    }

    /// The rows (of the first axis) in `range`, without a copy.
    public subscript(rows range: Range<Int>) -> Tensor {
        contract(
            rank > 0 && range.lowerBound >= 0 && range.upperBound <= shape[0],
            "rows \(range) of a tensor of shape \(shape)")
        let width = shape.dropFirst().reduce(1, *)
        let before = shape
        return Tensor(
            shape: [range.count] + shape.dropFirst(), storage: storage,
            offset: offset + range.lowerBound * width
        ).recorded("rows", (self, { $0.paddedRows(from: range.lowerBound, shape: before) }))
    }

    /// These rows from row `start` on, zeros before and after, in a tensor of `shape`.
    func paddedRows(from start: Int, shape: [Int]) -> Tensor {
        let width = shape.dropFirst().reduce(1, *)
        let range = start..<start + self.shape[0]
        return Tensor(shape: shape) { out in
            guard let to = out.baseAddress else { return }
            to.update(repeating: 0, count: start * width)
            (to + start * width).update(from: pointer, count: count)
            (to + start * width + count).update(
                repeating: 0, count: shape.elementCount - start * width - count)
        }.recorded("paddedRows", (self, { $0[rows: range] }))
    }
}
