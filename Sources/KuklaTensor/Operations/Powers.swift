import CKernels
import Foundation
import KuklaNumerics

// Powers, roots and reciprocals, element by element. Each has gradients of gradients.

extension Tensor {
    /// The square of each element.
    public func square() -> Tensor {
        map { $0 * $0 }.recorded("square", (self, { $0 * self * 2 }))
    }

    /// The square root of each element: NaN below zero, an infinite slope at zero.
    public func sqrt() -> Tensor {
        let y = applying(kk_elementary_sqrt)
        return y.recorded(
            "sqrt", (self, { $0 / ((Tape.isDifferentiatingBackward ? self.sqrt() : y) * 2) }))
    }

    /// `1 / sqrt(x)`.
    public func rsqrt() -> Tensor {
        let y = applying(kk_elementary_rsqrt)
        return y.recorded(
            "rsqrt",
            (
                self,
                { g in
                    let y = Tape.isDifferentiatingBackward ? self.rsqrt() : y
                    return g * (y / self) * -0.5
                }
            ))
    }

    /// `1 / x`.
    public func reciprocal() -> Tensor {
        let y = map { 1 / $0 }
        return y.recorded(
            "reciprocal",
            (
                self,
                { g in
                    let y = Tape.isDifferentiatingBackward ? self.reciprocal() : y
                    return -(g * (y * y))
                }
            ))
    }

    /// Each element to the power of `exponent`: NaN for a fraction of a negative number.
    public func power(_ exponent: Float) -> Tensor {
        if exponent == 2 { return square() }
        return map { Foundation.pow($0, exponent) }.recorded(
            "power",
            (
                self,
                { g in
                    // x^0 is constant: its slope must not become 0 * infinity at zero.
                    exponent == 0 ? Tensor.zeros(self.shape) : g * (self.power(exponent - 1) * exponent)
                }
            ))
    }
}
