import KuklaNumerics
public import KuklaTensor

/// Another loss over several prefixes of the embeddings, so that each prefix is itself a good embedding: the weighted sum of
/// `base(columns[:, :m])` over the sizes m.
///
/// The losses are summed, not averaged. A base that normalises its rows, as all of ours do, normalises the prefix: it never sees the
/// length of the whole. No component from m on has a gradient from size m.
///
/// *Shapes:* as the base's; d at least the largest size.
/// - Complexity: that of the base at each size; nothing of the encoder is computed again.
/// *Source:* Kusupati et al. 2022, "Matryoshka representation learning", arXiv:2205.13147.
public struct MatryoshkaLoss: EmbeddingLoss {
    public let base: any EmbeddingLoss
    /// How many leading components each loss sees.
    public let dimensions: [Int]
    /// What each loss counts for.
    public let weights: [Float]

    /// - Parameter weights: one for each size; 1 where nil.
    public init(_ base: any EmbeddingLoss, dimensions: [Int], weights: [Float]? = nil) {
        contract(
            !dimensions.isEmpty && dimensions.allSatisfy { $0 > 0 }, "MatryoshkaLoss: sizes \(dimensions)")
        contract(
            weights.map { $0.count == dimensions.count } ?? true,
            "MatryoshkaLoss: \(weights?.count ?? 0) weights for \(dimensions.count) sizes")
        self.base = base
        self.dimensions = dimensions
        self.weights = weights ?? [Float](repeating: 1, count: dimensions.count)
    }

    public var name: String { "matryoshka" }

    public func callAsFunction(_ columns: [Tensor], scores: [Float]) -> Tensor {
        let losses = zip(dimensions, weights).map { size, weight in
            let loss = base(columns.leadingComponents(size), scores: scores)
            return weight == 1 ? loss : loss * weight
        }
        return losses.dropFirst().reduce(losses[0]) { $0 + $1 }
    }
}

extension [Tensor] {
    /// The first `count` components of every row of every column.
    func leadingComponents(_ count: Int) -> [Tensor] { map { $0.slice(axis: 1, 0..<count) } }
}
