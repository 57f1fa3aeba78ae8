public import KuklaNumerics
public import KuklaTensor

/// A table of vectors of which several are summed or averaged into one: the words of a text, the values of a field.
///
/// *Shapes:* `weight [count, dimensions]`; n bags give `[n, dimensions]`, an empty one zeros. The gradient is one of the rows
/// that were looked up.
public struct EmbeddingBag: Module {
    public let weight: Parameter
    public let reduction: BagReduction

    public init(weight: Tensor, reduction: BagReduction = .mean) {
        contract(
            weight.rank == 2, "EmbeddingBag: weight of shape \(weight.shape), expected [count, dimensions]")
        self.weight = Parameter(weight)
        self.reduction = reduction
    }

    /// Normal numbers of `deviation`.
    public init(
        _ count: Int, _ dimensions: Int, reduction: BagReduction = .mean, deviation: Float = 1,
        using random: inout RandomSource
    ) {
        self.init(
            weight: Tensor.normal([count, dimensions], deviation: deviation, using: &random),
            reduction: reduction)
    }

    public var count: Int { weight.shape[0] }
    public var dimensions: Int { weight.shape[1] }

    public func visit(_ visitor: inout ModuleVisitor) { visitor.visit("weight", weight) }

    /// Bag i is made of `ids[offsets[i] ..< offsets[i + 1]]`, the last one of the rest.
    public func callAsFunction(_ ids: [Int32], offsets: [Int32]) -> Tensor {
        weight.tensor.embeddingBag(ids, offsets: offsets, reduction)
    }

    /// One bag for each list.
    public func callAsFunction(_ bags: [[Int32]]) -> Tensor {
        var offsets: [Int32] = []
        var ids: [Int32] = []
        for bag in bags {
            offsets.append(Int32(ids.count))
            ids += bag
        }
        return self(ids, offsets: offsets)
    }
}
