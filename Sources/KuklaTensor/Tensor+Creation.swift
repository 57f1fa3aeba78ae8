import Foundation
public import KuklaNumerics

extension Tensor {
    public static func zeros(_ shape: [Int]) -> Tensor { full(shape, 0) }

    public static func ones(_ shape: [Int]) -> Tensor { full(shape, 1) }

    /// A tensor whose every element is `value`.
    public static func full(_ shape: [Int], _ value: Float) -> Tensor {
        Tensor(shape: shape) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            tensorFor(out.count, grain: 8 * elementGrain) {
                (to + $0.lowerBound).update(repeating: value, count: $0.count)
            }
        }
    }

    /// The identity matrix `[size, size]`.
    public static func identity(_ size: Int) -> Tensor {
        Tensor(shape: [size, size]) {
            $0.update(repeating: 0)
            for i in 0..<size { $0[i * size + i] = 1 }
        }
    }

    /// `start, start + step, ...`: `count` numbers.
    public static func range(_ count: Int, from start: Float = 0, step: Float = 1) -> Tensor {
        Tensor(shape: [count]) { for i in $0.indices { $0[i] = start + Float(i) * step } }
    }

    /// Independent numbers from the normal distribution.
    public static func normal(
        _ shape: [Int], mean: Float = 0, deviation: Float = 1, using random: inout RandomSource
    ) -> Tensor {
        Tensor(shape: shape) { for i in $0.indices { $0[i] = mean + deviation * random.normal() } }
    }

    /// Independent numbers from the uniform distribution over `range`.
    public static func uniform(
        _ shape: [Int], in range: ClosedRange<Float> = 0...1, using random: inout RandomSource
    ) -> Tensor {
        let width = range.upperBound - range.lowerBound
        return Tensor(shape: shape) {
            for i in $0.indices { $0[i] = range.lowerBound + width * random.uniform() }
        }
    }
}
