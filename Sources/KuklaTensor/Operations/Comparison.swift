import KuklaNumerics

// Comparisons give masks: tensors of 0 and 1, through which no gradient flows. NaN compares as false (`isNotEqual`: true).

extension Tensor {
    public func isGreater(than other: Tensor) -> Tensor {
        Tensor.elementwise(self, other, "isGreater") { $0 > $1 ? 1 : 0 }
    }
    public func isGreater(than number: Float) -> Tensor { isGreater(than: Tensor(number)) }

    public func isLess(than other: Tensor) -> Tensor {
        Tensor.elementwise(self, other, "isLess") { $0 < $1 ? 1 : 0 }
    }
    public func isLess(than number: Float) -> Tensor { isLess(than: Tensor(number)) }

    /// Where this is greater or equal.
    public func isAtLeast(_ other: Tensor) -> Tensor {
        Tensor.elementwise(self, other, "isAtLeast") { $0 >= $1 ? 1 : 0 }
    }
    /// Where this is greater or equal.
    public func isAtLeast(_ number: Float) -> Tensor { isAtLeast(Tensor(number)) }

    /// Where this is less or equal.
    public func isAtMost(_ other: Tensor) -> Tensor {
        Tensor.elementwise(self, other, "isAtMost") { $0 <= $1 ? 1 : 0 }
    }
    /// Where this is less or equal.
    public func isAtMost(_ number: Float) -> Tensor { isAtMost(Tensor(number)) }

    public func isEqual(to other: Tensor) -> Tensor {
        Tensor.elementwise(self, other, "isEqual") { $0 == $1 ? 1 : 0 }
    }
    public func isEqual(to number: Float) -> Tensor { isEqual(to: Tensor(number)) }

    public func isNotEqual(to other: Tensor) -> Tensor {
        Tensor.elementwise(self, other, "isNotEqual") { $0 != $1 ? 1 : 0 }
    }
    public func isNotEqual(to number: Float) -> Tensor { isNotEqual(to: Tensor(number)) }

    /// 1 where a mask is 0, and 0 elsewhere.
    public func negatedMask() -> Tensor { isEqual(to: 0) }
}
