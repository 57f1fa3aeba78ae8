import KuklaNumerics

/// Some columns of a matrix, seen without a copy.
public struct TensorColumns: Sendable {
    public let tensor: Tensor
    public let range: Range<Int>

    public init(_ tensor: Tensor, _ range: Range<Int>) {
        contract(
            tensor.rank == 2 && range.lowerBound >= 0 && range.upperBound <= tensor.shape[1],
            "columns \(range) of a tensor of shape \(tensor.shape)")
        self.tensor = tensor
        self.range = range
    }

    /// All columns of a matrix.
    public init(_ tensor: Tensor) {
        contract(tensor.rank == 2, "columns of a tensor of shape \(tensor.shape): two axes expected")
        self.init(tensor, 0..<tensor.shape[1])
    }
}

extension TensorColumns {
    /// These columns as a matrix of their own; the tensor itself where they are all of it.
    public func copied() -> Tensor {
        if range == 0..<tensor.shape[1] { return tensor }
        let (rows, width, whole) = (tensor.shape[0], range.count, tensor.shape[1])
        return Tensor(shape: [rows, width]) { out in
            guard let to = out.baseAddress, width > 0 else { return }
            for row in 0..<rows {
                (to + row * width).update(from: tensor.pointer + row * whole + range.lowerBound, count: width)
            }
        }.recorded(
            "columns",
            (
                tensor,
                { gradient in
                    Tape.requireFirstOrder("columns")
                    return Tensor(shape: [rows, whole]) { out in
                        guard let to = out.baseAddress else { return }
                        out.update(repeating: 0)
                        for row in 0..<rows {
                            (to + row * whole + range.lowerBound).update(
                                from: gradient.pointer + row * width, count: width)
                        }
                    }
                }
            ))
    }
}
