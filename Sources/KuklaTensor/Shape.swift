import KuklaNumerics

extension [Int] {
    /// The number of elements of this shape.
    package var elementCount: Int { reduce(1, *) }

    /// The shape that results when a tensor of this shape meets one of `other`: axes are aligned at the end, and an
    /// axis of length 1 is repeated. Traps with both shapes and `operation` where they do not agree.
    package func broadcast(with other: [Int], operation: StaticString) -> [Int] {
        if self == other { return self }
        let rank = Swift.max(count, other.count)
        var result = [Int](repeating: 1, count: rank)
        for i in 1...Swift.max(rank, 1) where i <= rank {
            let a = i <= count ? self[count - i] : 1
            let b = i <= other.count ? other[other.count - i] : 1
            contract(
                a == b || a == 1 || b == 1,
                "\(operation): shapes \(self) and \(other) do not broadcast: axis \(rank - i) is \(a) against \(b)"
            )
            result[rank - i] = a == 1 ? b : a
        }
        return result
    }

    /// `axis` counted from the front; negative numbers count from the end.
    package func axis(_ axis: Int, operation: StaticString) -> Int {
        let positive = axis < 0 ? axis + count : axis
        contract(positive >= 0 && positive < count, "\(operation): axis \(axis) of shape \(self)")
        return positive
    }

    /// The shape as `[before, length of axis, after]`: how a loop over one axis sees it.
    package func split(at axis: Int) -> (outer: Int, length: Int, inner: Int) {
        (self[..<axis].reduce(1, *), self[axis], self[(axis + 1)...].reduce(1, *))
    }
}
