public import KuklaNN
public import KuklaNumerics
public import KuklaTensor

/// Linear classifiers over several prefixes of an embedding, which train the embedding so that each prefix tells the classes apart.
///
/// *Shapes:* embeddings `[n, d]` with d at least the largest size; logits `[n, classes]` for each size.
/// *Source:* Kusupati et al. 2022, "Matryoshka representation learning", arXiv:2205.13147, sections 3 and 4.
public struct MatryoshkaHead: Module {
    public enum Kind: String, Sendable, CaseIterable {
        /// A classifier for each size, with weights and a bias of its own (MRL).
        case separate
        /// One classifier, of whose weights a size takes the first columns, and the same bias (MRL-E): about half the parameters.
        case shared
    }

    public let kind: Kind
    /// The sizes, rising.
    public let dimensions: [Int]
    /// One for each size, or the one.
    public let classifiers: [Linear]

    /// Weights as `Linear` draws them.
    public init(kind: Kind, dimensions: [Int], classes: Int, using random: inout RandomSource) {
        contract(
            dimensions.first.map { $0 > 0 } ?? false
                && zip(dimensions, dimensions.dropFirst()).allSatisfy { $0 < $1 },
            "MatryoshkaHead: sizes \(dimensions), expected rising numbers")
        self.kind = kind
        self.dimensions = dimensions
        let widths = kind == .separate ? dimensions : Array(dimensions.suffix(1))
        classifiers = widths.map { Linear($0, classes, using: &random) }
    }

    public func visit(_ visitor: inout ModuleVisitor) { visitor.visit("classifiers", classifiers) }

    /// The logits of each size, in the order of `dimensions`.
    public func callAsFunction(_ embeddings: Tensor) -> [Tensor] {
        dimensions.indices.map { index in
            let prefix = [embeddings].leadingComponents(dimensions[index])[0]
            guard kind == .shared else { return classifiers[index](prefix) }
            let whole = classifiers[0]
            return prefix.linear(
                [whole.weight.tensor].leadingComponents(dimensions[index])[0], whole.bias?.tensor)
        }
    }

    /// The weighted sum of the sizes' cross-entropies, each the mean over rows.
    ///
    /// - Parameter weights: one for each size; 1 where nil.
    public func loss(_ embeddings: Tensor, classes: [Int32], weights: [Float]? = nil) -> Tensor {
        contract(
            weights.map { $0.count == dimensions.count } ?? true,
            "MatryoshkaHead: \(weights?.count ?? 0) weights for \(dimensions.count) sizes")
        let losses = self(embeddings).enumerated().map { index, logits in
            logits.crossEntropy(targets: classes) * (weights?[index] ?? 1)
        }
        return losses.dropFirst().reduce(losses[0]) { $0 + $1 }
    }
}
