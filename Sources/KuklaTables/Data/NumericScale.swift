import Foundation
import KuklaNumerics

/// What is done to one numeric column: `(f(x) - mean) / deviation`.
public struct NumericScale: Sendable, Equatable, Codable {
    public var mean: Float
    public var deviation: Float

    public init(mean: Float = 0, deviation: Float = 1) {
        self.mean = mean
        self.deviation = deviation
    }

    /// The scale of a column's training rows, for a transform that needs one. A column that is constant stays.
    init(_ transform: NumericTransform, sum: Double, squares: Double, count: Int) {
        self.init()
        guard transform == .standardize, count > 0 else { return }
        let mean = sum / Double(count)
        let variance = max(0, squares / Double(count) - mean * mean)
        self.mean = Float(mean)
        if variance > 1e-12 * max(1, mean * mean) { deviation = Float(variance.squareRoot()) }
    }
}

extension NumericTransform {
    /// The number before scaling.
    func applied(to x: Double) -> Double {
        self == .log1p ? (x < 0 ? -Foundation.log1p(-x) : Foundation.log1p(x)) : x
    }
}
