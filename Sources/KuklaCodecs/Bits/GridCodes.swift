import CKernels
package import KuklaNumerics

/// Directions rounded to a grid of `2^bits` levels a dimension, and how the levels' bits lie in a code.
///
/// The bits of a level are cut into slices of 4, 2 or 1 bits, highest first (7 = 4 + 2 + 1), so that each nibble of a code
/// holds one slice of 1, 2 or 4 dimensions and has a look-up table of its own. A slice's nibbles are contiguous and start
/// at a byte.
package struct GridCodes: Sendable {
    private struct Slice: Sendable {
        let width: Int
        /// The place of the slice's lowest bit in a level.
        let shift: Int
        /// The first byte of the slice in a code.
        let start: Int
    }

    let dimensions: Int
    let bits: Int
    let codes: InterleavedCodes
    private let slices: [Slice]

    /// Factors: `f`, the error and, under squared distance, `|x - c|^2`.
    package init(dimensions: Int, bits: Int, metric: Metric) {
        self.init(dimensions: dimensions, bits: bits, factorCount: metric == .squaredEuclidean ? 3 : 2)
    }

    init(
        dimensions: Int, bits: Int, factorCount: Int,
        factorType: InterleavedCodes.FactorType = .float32
    ) {
        self.dimensions = dimensions
        self.bits = bits
        var (slices, left, start) = ([Slice](), bits, 0)
        while left > 0 {
            let width = left >= 4 ? 4 : left >= 2 ? 2 : 1
            left -= width
            slices.append(Slice(width: width, shift: left, start: start))
            start += (dimensions * width + 7) / 8
        }
        self.slices = slices
        codes = InterleavedCodes(
            codeBytes: start, factorCount: factorCount, factorType: factorType)
    }

    /// Half the highest level: what is taken from a level to centre the grid.
    private var center: Float { Float(1 << bits - 1) / 2 }

    /// Rounds a rotated residual; `residual` is replaced by its magnitudes.
    func encode(
        _ residual: UnsafeMutablePointer<Float>, into code: UnsafeMutablePointer<UInt8>,
        factors: UnsafeMutablePointer<Float>
    ) {
        var (squared, largest): (Float, Float) = (0, 0)
        var isNegative = [Bool](repeating: false, count: dimensions)
        for i in 0..<dimensions {
            isNegative[i] = residual[i] <= 0
            residual[i] = residual[i].magnitude
            squared += residual[i] * residual[i]
            largest = max(largest, residual[i])
        }
        // A vector that equals the mean (or nearly) has no direction: factors of zero make it the mean.
        guard squared.isNormal else { return }
        let half = 1 << (bits - 1)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: dimensions) { steps in
            let (product, square) = round(residual, largest: largest, to: steps.baseAddress!)
            for i in 0..<dimensions {
                let step = Int(steps[i])
                set(level: isNegative[i] ? half - 1 - step : half + step, at: i, in: code)
            }
            factors[0] = squared / Float(product)
            // tan^2 of the angle between residual and grid point.
            let tangent = max(0, Double(squared) * square / (product * product) - 1)
            factors[1] = (squared * Float(tangent) / Float(max(dimensions - 1, 1))).squareRoot()
        }
        if codes.factorCount > 2 { factors[2] = squared }
    }

    /// Rounds magnitudes to steps `0..<2^(bits - 1)`, so that the direction of `y = steps + 1/2` comes nearest to theirs.
    ///
    /// Rounds at the best of some scales, then moves single components by one step while that helps: what
    /// `1 - cosine` loses is mostly that of a search over all scales, seen up to 17% more, for much less work.
    /// - Returns: the sums of `magnitude * y` and of `y * y`.
    /// - Precondition: `largest` is the largest magnitude, and normal.
    package func round(
        _ magnitudes: UnsafePointer<Float>, largest: Float, to steps: UnsafeMutablePointer<Float>
    ) -> (product: Double, square: Double) {
        let scale = bestScale(magnitudes, largest: largest)
        let top = Float(1 << (bits - 1) - 1)
        var (product, square) = (0.0, 0.0)
        for i in 0..<dimensions {
            steps[i] = min(scale * magnitudes[i], top).rounded(.down)
            let y = Double(steps[i]) + 0.5
            product += Double(magnitudes[i]) * y
            square += y * y
        }
        guard bits > 1 else { return (product, square) }
        for _ in 0..<4 {
            var hasChanged = false
            for i in 0..<dimensions {
                let (x, step) = (Double(magnitudes[i]), Double(steps[i]))
                // Up: y^2 grows by 2 (step + 1), down: it shrinks by 2 step.
                let up = (product + x) * (product + x) * square > product * product * (square + 2 * step + 2)
                let down = (product - x) * (product - x) * square > product * product * (square - 2 * step)
                if up, steps[i] < top {
                    (product, square, hasChanged) = (product + x, square + 2 * step + 2, true)
                    steps[i] += 1
                } else if down, step > 0 {
                    (product, square, hasChanged) = (product - x, square - 2 * step, true)
                    steps[i] -= 1
                }
            }
            if !hasChanged { break }
        }
        return (product, square)
    }

    /// The best of some scales: 16 from where the largest magnitude just reaches the last level to where it is
    /// cut off by a factor of 4, then 7 around the best one.
    private func bestScale(_ magnitudes: UnsafePointer<Float>, largest: Float) -> Float {
        guard bits > 1 else { return 0 }
        let kernels = kk_bit_kernels_for(CPULevel.current.kernelLevel)
        let top = Float(1 << (bits - 1) - 1)
        func quality(_ scale: Float) -> Float {
            var (product, square): (Float, Float) = (0, 0)
            kernels.pointee.rescaled_product(magnitudes, dimensions, scale, top, &product, &square)
            return product / square.squareRoot()
        }
        let first = 0.8 * (top + 1) / largest
        var (best, most): (Float, Float) = (first, 0)
        var scale = first
        for _ in 0..<16 {
            let found = quality(scale)
            if found > most { (best, most) = (scale, found) }
            scale *= 1.1
        }
        let (low, width) = (best / 1.1, best * (1.1 - 1 / 1.1))
        for i in 1..<8 {
            let candidate = low + width * Float(i) / 8
            let found = quality(candidate)
            if found > most { (best, most) = (candidate, found) }
        }
        return best
    }

    /// Writes the bits of the level of dimension `i`, which were zero before.
    func set(level: Int, at i: Int, in code: UnsafeMutablePointer<UInt8>) {
        for slice in slices {
            let value = UInt8(truncatingIfNeeded: level >> slice.shift) & UInt8(1 << slice.width - 1)
            let bit = i * slice.width
            code[slice.start + bit / 8] |= value << UInt8(bit % 8)
        }
    }

    /// Writes the grid point that a code stands for.
    func decode(_ code: UnsafePointer<UInt8>, into out: UnsafeMutablePointer<Float>) {
        for i in 0..<dimensions {
            var level = 0
            for slice in slices {
                let bit = i * slice.width
                let value = code[slice.start + bit / 8] >> UInt8(bit % 8) & UInt8(1 << slice.width - 1)
                level |= Int(value) << slice.shift
            }
            out[i] = Float(level) - center
        }
    }

    /// For codes that lie one by one in rows of `stride` bytes: `scores[i]` = `query . y` of the code in row `rows[i]`.
    func scoreRows(
        _ query: UnsafePointer<Float>, of codes: UnsafePointer<UInt8>, stride: Int,
        rows: UnsafePointer<UInt32>, count: Int, into scores: UnsafeMutablePointer<Float>
    ) {
        var sum: Float = 0
        for i in 0..<dimensions { sum += query[i] }
        scores.initialize(repeating: -center * sum, count: count)
        let kernels = kk_picked_kernels_for(CPULevel.current.kernelLevel)
        for slice in slices {
            kernels.pointee.field_sums(
                query, dimensions, slice.width, Float(1 << slice.shift), codes + slice.start, stride, rows,
                count, scores)
        }
    }

    /// Writes the tables of one rotated query and returns what is added to all sums: together `query . y`.
    func fillTable(_ query: UnsafePointer<Float>, into table: UnsafeMutablePointer<Float>) -> Float {
        for slice in slices {
            let group = 4 / slice.width  // dimensions in a nibble
            let values = 1 << slice.width
            for n in 0..<(dimensions + group - 1) / group {
                let entries = table + (slice.start * 2 + n) * 16
                var count = 1
                for i in n * group..<min((n + 1) * group, dimensions) {
                    let x = query[i] * Float(1 << slice.shift)
                    for value in 1..<values {
                        for v in 0..<count { entries[value * count + v] = entries[v] + Float(value) * x }
                    }
                    count *= values
                }
            }
        }
        var sum: Float = 0
        for i in 0..<dimensions { sum += query[i] }
        return -center * sum
    }
}
