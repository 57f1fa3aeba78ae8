import KuklaNumerics

// Magnitudes, signs and rounding, element by element.

extension Tensor {
    /// The magnitude of each element; the slope at zero is taken as 0.
    public func abs() -> Tensor {
        map { Swift.abs($0) }.recorded("abs", (self, { $0 * self.sign() }))
    }

    /// -1, 0 or 1. Its gradient is zero: nothing flows back (see `straightThrough(to:)` for training through it).
    public func sign() -> Tensor {
        map { $0 > 0 ? 1 : $0 < 0 ? -1 : $0 }.unrecorded("sign", from: self)
    }

    /// The largest integer not above; no gradient flows back.
    public func floor() -> Tensor { map { $0.rounded(.down) }.unrecorded("floor", from: self) }

    /// The smallest integer not below; no gradient flows back.
    public func ceil() -> Tensor { map { $0.rounded(.up) }.unrecorded("ceil", from: self) }

    /// The nearest integer, ties to even as in NumPy and PyTorch; no gradient flows back.
    public func rounded() -> Tensor {
        map { $0.rounded(.toNearestOrEven) }.unrecorded("rounded", from: self)
    }
}
