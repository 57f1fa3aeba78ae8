import Foundation
import KuklaNumerics

/// Directions between task vectors: spherical interpolation of the first two by their weights, of the result with the third by
/// the mean weight of both and the third's, and so on.
///
/// `V(1..k) = [sin((1 - b) t) V(1..k-1) + sin(b t) V_k] / sin t`, where t is the angle between them over all parameters and
/// `b = a_k / (mean(a_1..a_{k-1}) + a_k)`; linear where `sin t < 1e-4`. Vectors are not normalised first. Only inner products of the
/// vectors are needed, and the result is their coefficients.
/// *Source:* Shoemake 1985, "Animating rotation with quaternion curves", doi:10.1145/325334.325242; Li et al. 2024, "Improving general
/// text embedding model: tackling task conflict and data imbalance through model merging", arXiv:2410.15035, section 3.
public struct IteratedSLERP: Sendable {
    /// Inner products of the vectors with each other.
    let products: [[Double]]

    /// What the vectors are multiplied by, and how that changes with the weights.
    public struct Point: Sendable {
        /// One a vector.
        public var coefficients: [Double]
        /// `slopes[i][j]`: the derivative of coefficient i by weight j.
        public var slopes: [[Double]]
    }

    public init(products: [[Double]]) { self.products = products }

    /// - Precondition: as many weights as vectors, all above 0.
    /// - Complexity: O(count^3), whatever the vectors' length.
    public func callAsFunction(_ weights: [Double]) -> Point {
        let count = products.count
        contract(
            weights.count == count && weights.allSatisfy { $0 > 0 },
            "IteratedSLERP: weights \(weights) for \(count) vectors, expected as many above 0")
        let zeros = [Double](repeating: 0, count: count)
        var point = Point(coefficients: zeros, slopes: Array(repeating: zeros, count: count))
        point.coefficients[0] = 1
        for k in 1..<max(1, count) { add(k, weights, to: &point) }
        return point
    }

    private func add(_ k: Int, _ a: [Double], to point: inout Point) {
        let mean = a[..<k].reduce(0, +) / Double(k)
        let share = a[k] / (mean + a[k])
        let shareSlopes = a.indices.map { j in
            j < k
                ? -a[k] / ((mean + a[k]) * (mean + a[k])) / Double(k)
                : j == k ? mean / ((mean + a[k]) * (mean + a[k])) : 0
        }
        let (angle, angleSlopes) = angle(from: point, to: k)
        let first: (factor: Double, slopes: [Double])
        let second: (factor: Double, slopes: [Double])
        if let angle, sin(angle) >= 1e-4 {
            first = Self.sine(1 - share, shareSlopes.map { -$0 }, angle, angleSlopes)
            second = Self.sine(share, shareSlopes, angle, angleSlopes)
        } else {
            first = (1 - share, shareSlopes.map { -$0 })
            second = (share, shareSlopes)
        }
        for i in 0..<k {
            for j in a.indices {
                point.slopes[i][j] =
                    first.factor * point.slopes[i][j] + first.slopes[j] * point.coefficients[i]
            }
            point.coefficients[i] *= first.factor
        }
        point.coefficients[k] = second.factor
        point.slopes[k] = second.slopes
    }

    /// `sin(part * angle) / sin(angle)` and its derivatives.
    private static func sine(
        _ part: Double, _ partSlopes: [Double], _ angle: Double, _ angleSlopes: [Double]
    ) -> (factor: Double, slopes: [Double]) {
        let factor = sin(part * angle) / sin(angle)
        let slopes = zip(partSlopes, angleSlopes).map { part_, angle_ in
            (cos(part * angle) * (part_ * angle + part * angle_) - factor * cos(angle) * angle_) / sin(angle)
        }
        return (factor, slopes)
    }

    /// The angle between the point and vector k, with its derivatives; nil where one of them is zero.
    private func angle(from point: Point, to k: Int) -> (Double?, [Double]) {
        let c = point.coefficients
        let along = c.indices.map { i in c.indices.reduce(0) { $0 + products[i][$1] * c[$1] } }
        let square = zip(c, along).reduce(0) { $0 + $1.0 * $1.1 }
        let product = along[k]
        let length = (square * products[k][k]).squareRoot()
        let cosine = product / length
        guard cosine.isFinite else { return (nil, c) }
        let angle = acos(min(1, max(-1, cosine)))
        let slopes = c.indices.map { j in
            let productSlope = c.indices.reduce(0) { $0 + products[$1][k] * point.slopes[$1][j] }
            let squareSlope = 2 * c.indices.reduce(0) { $0 + along[$1] * point.slopes[$1][j] }
            return -(productSlope / length - cosine * squareSlope / (2 * square)) / sin(angle)
        }
        return (angle, slopes)
    }
}
