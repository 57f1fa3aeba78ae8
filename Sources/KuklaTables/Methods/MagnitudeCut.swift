import KuklaNumerics

/// Which of many weights are kept when only the largest magnitudes may stay: those above a threshold, and the first few at it.
struct MagnitudeCut: Sendable {
    /// The bits of the threshold's magnitude, which order as numbers do.
    private let threshold: UInt32
    private let ties: Int

    /// - Complexity: O(weights), by two histograms over the halves of the bits.
    init(keeping count: Int, of weights: UnsafeBufferPointer<Float>) {
        func bits(_ weight: Float) -> UInt32 { weight.magnitude.bitPattern }
        guard count > 0 else {
            (threshold, ties) = (.max, 0)
            return
        }
        guard count < weights.count else {
            (threshold, ties) = (0, weights.count)
            return
        }
        /// The bin in which the `count`-th largest lies, and how many of that bin are among them.
        func bin(_ histogram: [Int], _ count: Int) -> (bin: Int, rest: Int) {
            var rest = count
            for bin in histogram.indices.reversed() {
                if histogram[bin] >= rest { return (bin, rest) }
                rest -= histogram[bin]
            }
            return (0, rest)
        }
        var histogram = [Int](repeating: 0, count: 1 << 16)
        for weight in weights { histogram[Int(bits(weight) >> 16)] += 1 }
        let high = bin(histogram, count)
        histogram = [Int](repeating: 0, count: 1 << 16)
        for weight in weights where Int(bits(weight) >> 16) == high.bin {
            histogram[Int(bits(weight) & 0xFFFF)] += 1
        }
        let low = bin(histogram, high.rest)
        (threshold, ties) = (UInt32(high.bin) << 16 | UInt32(low.bin), low.rest)
    }

    /// Calls `body` with each weight's place and whether it is kept, in order.
    func forEach(_ weights: UnsafeBufferPointer<Float>, _ body: (Int, Bool) -> Void) {
        var left = ties
        for i in weights.indices {
            let bits = weights[i].magnitude.bitPattern
            if bits == threshold && left > 0 {
                left -= 1
                body(i, true)
            } else {
                body(i, bits > threshold)
            }
        }
    }
}
