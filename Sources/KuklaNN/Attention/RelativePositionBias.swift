import Foundation
public import KuklaNumerics
public import KuklaTensor

/// A trained number for each head and bucket of distances, added to the scores.
public struct RelativePositionBias: Module {
    /// How distances (place of the key minus place of the query) fall into buckets.
    public enum Buckets: Sendable, Hashable {
        /// One for each distance up to `reach` on both sides; farther ones share the outermost.
        case clipped(reach: Int)
        /// Half of `count` exact, half logarithmic up to `longest`; where not bidirectional, keys after the query share bucket 0.
        /// *Source:* Raffel et al. 2020, "Exploring the limits of transfer learning" (T5), arXiv:1910.10683.
        case logarithmic(count: Int, longest: Int, isBidirectional: Bool)

        /// The number of buckets.
        public var count: Int {
            switch self {
            case .clipped(let reach): 2 * reach + 1
            case .logarithmic(let count, _, _): count
            }
        }

        /// The bucket of a distance.
        public func bucket(_ distance: Int) -> Int {
            switch self {
            case .clipped(let reach): return min(max(distance, -reach), reach) + reach
            case .logarithmic(var count, let longest, let isBidirectional):
                var first = 0
                var away = max(-distance, 0)
                if isBidirectional {
                    count /= 2
                    if distance > 0 { first = count }
                    away = abs(distance)
                }
                let exact = count / 2
                if away < exact { return first + away }
                let part = log(Float(away) / Float(exact)) / log(Float(longest) / Float(exact))
                return first + min(exact + Int(part * Float(count - exact)), count - 1)
            }
        }
    }

    /// `[buckets, heads]`, as T5 stores it.
    public let weight: Parameter
    public let buckets: Buckets

    public init(weight: Tensor, buckets: Buckets) {
        contract(
            weight.rank == 2 && weight.shape[0] == buckets.count,
            "RelativePositionBias: weight of shape \(weight.shape) for \(buckets.count) buckets")
        self.weight = Parameter(weight)
        self.buckets = buckets
    }

    /// Small normal numbers.
    public init(heads: Int, buckets: Buckets, using random: inout RandomSource) {
        self.init(
            weight: .normal([buckets.count, heads], deviation: 0.02, using: &random), buckets: buckets)
    }

    public func visit(_ visitor: inout ModuleVisitor) { visitor.visit("weight", weight) }

    /// The bias for sequences of at most `longest` keys: a gradient flows to `weight`.
    public func callAsFunction(longest: Int) -> AttentionBias {
        let longest = max(longest, 1)
        return .byDistance(numbers(of: Array(1 - longest..<longest)), zero: longest - 1)
    }

    /// The bias of one sequence whose tokens have these positions, whatever their places: a gradient flows to `weight`.
    ///
    /// - Complexity: a number for each query and key, as `AttentionBias.dense` says.
    public func callAsFunction(queries: [Int32], keys: [Int32]) -> AttentionBias {
        let distances = queries.flatMap { query in keys.map { Int($0) - Int(query) } }
        return .dense(numbers(of: distances).reshaped([weight.shape[1], queries.count, keys.count]))
    }

    /// The number of each head and distance, `[heads, distances]`.
    private func numbers(of distances: [Int]) -> Tensor {
        // A product with rows that select: its gradient sums each bucket.
        weight.tensor.matmul(
            Tensor.oneHot(distances.map { Int32(buckets.bucket($0)) }, classes: buckets.count),
            transposingSelf: true, transposingOther: true)
    }
}
