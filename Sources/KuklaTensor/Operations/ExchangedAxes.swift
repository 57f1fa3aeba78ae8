import KuklaNumerics

extension Tensor {
    /// `[n, c, ...]` as `[n, ..., c]`: images with the channels of each position side by side, as `Linear` and `layerNorm` want.
    public func channelsLast() -> Tensor {
        contract(rank >= 2, "channelsLast: shape \(shape), expected [images, channels, ...]")
        return exchanging(2..<rank, with: 1..<2)
    }

    /// `[n, ..., c]` as `[n, c, ...]`, the inverse of `channelsLast`.
    public func channelsFirst() -> Tensor {
        contract(rank >= 2, "channelsFirst: shape \(shape), expected [images, ..., channels]")
        return exchanging(rank - 1..<rank, with: 1..<rank - 1)
    }

    /// The axes of `later` moved before the axes of `earlier`, which they follow; a copy, square by square.
    package func exchanging(_ later: Range<Int>, with earlier: Range<Int>) -> Tensor {
        let outer = shape[..<earlier.lowerBound].reduce(1, *)
        let (a, b) = (shape[earlier].reduce(1, *), shape[later].reduce(1, *))
        let inner = shape[later.upperBound...].reduce(1, *)
        let result =
            shape[..<earlier.lowerBound] + shape[later] + shape[earlier] + shape[later.upperBound...]
        let turned = earlier.lowerBound + later.count
        return Tensor(shape: Array(result)) { out in
            guard let base = out.baseAddress, out.count > 0 else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            let side = 16
            let strips = (b + side - 1) / side
            tensorFor(outer * strips, grain: Swift.max(1, elementGrain / Swift.max(1, a * side * inner))) {
                block in
                for strip in block {
                    let (o, first) = (strip / strips, strip % strips * side)
                    let columns = first..<Swift.min(first + side, b)
                    let (from, to) = (pointer + o * a * b * inner, to + o * a * b * inner)
                    if inner == 1 {
                        for i in 0..<a { for j in columns { to[j * a + i] = from[i * b + j] } }
                    } else {
                        for j in columns {
                            for i in 0..<a {
                                (to + (j * a + i) * inner).update(
                                    from: from + (i * b + j) * inner, count: inner)
                            }
                        }
                    }
                }
            }
        }.recorded(
            "exchangedAxes",
            (self, { $0.exchanging(turned..<turned + earlier.count, with: earlier.lowerBound..<turned) }))
    }
}
