public import KuklaNumerics
public import KuklaTensor

/// A table of vectors, looked up by number. Its gradient is one of the rows that were looked up.
///
/// *Shapes:* `weight [count, dimensions]`; n ids give `[n, dimensions]`.
public struct Embedding: Module {
    public let weight: Parameter
    /// A row that stands for nothing: it starts as zeros and gets no gradient.
    public let paddingIndex: Int32?

    /// - Precondition: `weight` has two axes, `paddingIndex` is a row of it.
    public init(weight: Tensor, paddingIndex: Int32? = nil) {
        contract(weight.rank == 2, "Embedding: weight of shape \(weight.shape), expected [count, dimensions]")
        contract(
            paddingIndex.map { $0 >= 0 && $0 < weight.shape[0] } ?? true,
            "Embedding: padding row \(paddingIndex ?? 0) of a table of shape \(weight.shape)")
        self.weight = Parameter(weight)
        self.paddingIndex = paddingIndex
    }

    /// Normal numbers of `deviation` (PyTorch's default is 1, BERT's 0.02); the padding row zeros.
    public init(
        _ count: Int, _ dimensions: Int, deviation: Float = 1, paddingIndex: Int32? = nil,
        using random: inout RandomSource
    ) {
        var table = Tensor.normal([count, dimensions], deviation: deviation, using: &random)
        if let paddingIndex {
            table.withUnsafeMutableBufferPointer { buffer in
                for i in 0..<dimensions { buffer[Int(paddingIndex) * dimensions + i] = 0 }
            }
        }
        self.init(weight: table, paddingIndex: paddingIndex)
    }

    public var count: Int { weight.shape[0] }
    public var dimensions: Int { weight.shape[1] }

    public func visit(_ visitor: inout ModuleVisitor) { visitor.visit("weight", weight) }

    /// The vectors of `ids`, `[ids.count, dimensions]`. An id outside the table is the caller's error.
    public func callAsFunction(_ ids: [Int32]) -> Tensor {
        let rows = weight.tensor.gathered(rows: ids)
        guard let paddingIndex, ids.contains(paddingIndex), rows.node != nil else { return rows }
        // The same values; the gradient of a padding row ends here.
        let mask = Tensor(shape: [ids.count, 1]) {
            for i in $0.indices { $0[i] = ids[i] == paddingIndex ? 0 : 1 }
        }
        return rows.detached.straightThrough(to: rows * mask)
    }
}
