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
        let distances = 2 * longest - 1
        // A product with rows that select: small, and its gradient sums each bucket.
        let selection = Tensor(shape: [distances, buckets.count]) { out in
            out.update(repeating: 0)
            for i in 0..<distances { out[i * buckets.count + buckets.bucket(i - longest + 1)] = 1 }
        }
        let table = weight.tensor.matmul(selection, transposingSelf: true, transposingOther: true)
        return .byDistance(table, zero: longest - 1)
    }
}
