import KuklaNumerics
public import KuklaTensor

/// Each row must find its partner among the negatives of the batch that are most like it: the cross-entropy of
/// `cosine / temperature` over the partner and the `negatives` hardest, in both directions, summed.
///
/// *Shapes:* `queries` and `candidates` `[n, c]`, row i of one with row i of the other; `twins` `[n, n]` is not 0 where
/// candidate j stands for the same as candidate i and must not be held against it; the result is a scalar.
/// *Source:* Gan et al. 2023, doi:10.1145/3580305.3599782, section 3.
public struct HardestNegativesLoss: Sendable {
    public var temperature: Float
    /// Negatives that count for each row; all where there are fewer.
    public var negatives: Int

    public init(temperature: Float = 0.05, negatives: Int = 5) {
        contract(
            temperature > 0 && negatives > 0,
            "HardestNegativesLoss: temperature \(temperature), \(negatives) negatives")
        self.temperature = temperature
        self.negatives = negatives
    }

    public func callAsFunction(_ queries: Tensor, _ candidates: Tensor, twins: Tensor) -> Tensor {
        let count = queries.shape[0]
        contract(
            count > 1 && candidates.shape == queries.shape && twins.shape == [count, count],
            "HardestNegativesLoss: shapes \(queries.shape), \(candidates.shape) and \(twins.shape)")
        let cosines = queries.normalized().matmul(candidates.normalized(), transposingOther: true)
        let excluded = twins.map { $0 == 0 ? 0 : 1 } + Tensor.identity(count)
        func direction(_ cosines: Tensor) -> Tensor {
            let partners = cosines.taken(along: 1, indices: (0..<Int32(count)).map { $0 }) / temperature
            let others = (cosines / temperature).filled(with: -1e9, where: excluded)
            return Tensor.concatenated([partners, others.topK(min(negatives, count - 1)).values], axis: 1)
                .crossEntropy(targets: [Int32](repeating: 0, count: count))
        }
        return direction(cosines) + direction(cosines.transposed())
    }
}
