import Foundation
import KuklaNumerics

// Angles in radians, element by element. Each has gradients of gradients.

extension Tensor {
    public func sin() -> Tensor {
        map { Foundation.sin($0) }.recorded("sin", (self, { $0 * self.cos() }))
    }

    public func cos() -> Tensor {
        map { Foundation.cos($0) }.recorded("cos", (self, { -($0 * self.sin()) }))
    }

    /// The angle in `0...pi` whose cosine each element is: NaN outside -1...1, an infinite slope at either end.
    public func arccos() -> Tensor {
        map { Foundation.acos($0) }.recorded("arccos", (self, { -($0 * (1 - self.square()).rsqrt()) }))
    }

    /// The angle in `-pi/2...pi/2` whose tangent each element is.
    public func arctan() -> Tensor {
        map { Foundation.atan($0) }.recorded("arctan", (self, { $0 / (self.square() + 1) }))
    }
}
