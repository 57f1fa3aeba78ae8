import KuklaNumerics

extension Tensor {
    /// `[n, c, ...]` as `[n, ..., c]`: images with the channels of each position side by side, as `Linear` and `layerNorm` want.
    public func channelsLast() -> Tensor {
        contract(rank >= 2, "channelsLast: shape \(shape), expected [images, channels, ...]")
        return permuted([0] + Array(2..<rank) + [1])
    }

    /// `[n, ..., c]` as `[n, c, ...]`, the inverse of `channelsLast`.
    public func channelsFirst() -> Tensor {
        contract(rank >= 2, "channelsFirst: shape \(shape), expected [images, ..., channels]")
        return permuted([0, rank - 1] + Array(1..<rank - 1))
    }
}
