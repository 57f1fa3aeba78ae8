public import KuklaNN
import KuklaNumerics
import KuklaTensor
public import KuklaText

/// Another loss over a short fixed list of sizes, all of them in every step: `base(v_K) + sum over k < K of base(v_k) + align(v_k)`.
///
/// `v_k` is the embedding after the size's layers, normalised as a whole and cut to its dimensions; over dimensions it is aligned to
/// the full one cut alike, which is not normalised again. The full size K is last. With it alone the loss is the base's.
/// *Source:* Zhuang et al. 2024, "Starbucks: improved training for 2D Matryoshka embeddings", arXiv:2410.13230, whose weight of the
/// alignment is 0.3.
public struct StarbucksLoss: LayeredLoss {
    public let base: any EmbeddingLoss
    /// Smallest first; the last is the whole model.
    public let sizes: [ModelSize]
    public let alignment: Alignment

    /// - Precondition: layers and dimensions of `sizes` do not fall, and no size stands twice.
    public init(
        _ base: any EmbeddingLoss, sizes: [ModelSize], alignment: Alignment = Alignment(weight: 0.3)
    ) {
        contract(
            !sizes.isEmpty
                && zip(sizes, sizes.dropFirst()).allSatisfy {
                    $0 != $1 && $0.layers <= $1.layers && $0.dimensions <= $1.dimensions
                },
            "StarbucksLoss: sizes \(sizes), expected from the smallest to the whole model")
        self.base = base
        self.sizes = sizes
        self.alignment = alignment
    }

    public var name: String { "starbucks" }

    public func objective(mode: ForwardMode) -> LayeredObjective {
        let layers = Set(sizes.map(\.layers)).sorted()
        return LayeredObjective(layers: layers) { columns, scores in
            let byLayer = Dictionary(
                uniqueKeysWithValues: zip(layers, columns.map { $0.map { $0.normalized() } }))
            let whole = byLayer[sizes[sizes.count - 1].layers] ?? []
            var loss = base(whole, scores: scores)
            for size in sizes.dropLast() {
                let student = (byLayer[size.layers] ?? []).leadingComponents(size.dimensions)
                let teacher =
                    alignment.space == .dimensions ? whole.leadingComponents(size.dimensions) : whole
                loss =
                    loss + base(student, scores: scores) + alignment(student: student, teacher: teacher)
            }
            return loss
        }
    }
}
