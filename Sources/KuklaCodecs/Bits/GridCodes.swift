import CKernels
import KuklaNumerics

/// Directions rounded to a grid of `2^bits` levels a dimension, and how the levels' bits lie in a code.
///
/// The bits of a level are cut into slices of 4, 2 or 1 bits, highest first (7 = 4 + 2 + 1), so that each nibble of a code
/// holds one slice of 1, 2 or 4 dimensions and has a look-up table of its own. A slice's nibbles are contiguous and start
/// at a byte.
struct GridCodes: Sendable {
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
    init(dimensions: Int, bits: Int, metric: Metric) {
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
        codes = InterleavedCodes(codeBytes: start, factorCount: metric == .squaredEuclidean ? 3 : 2)
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
        let scale = bestScale(residual, largest: largest)
        let top = Float(1 << (bits - 1) - 1)
        let half = 1 << (bits - 1)
        var (product, square): (Float, Float) = (0, 0)
        for i in 0..<dimensions {
            let step = Int(min(scale * residual[i], top))
            let y = Float(step) + 0.5
            product += residual[i] * y
            square += y * y
            set(level: isNegative[i] ? half - 1 - step : half + step, at: i, in: code)
        }
        // A vector that equals the mean has no direction: factors of zero make its score exact.
        guard product > 0 else { return }
        factors[0] = squared / product
        // tan^2 of the angle between residual and grid point.
        let tangent = max(0, squared * square / (product * product) - 1)
        factors[1] = (squared * tangent / Float(max(dimensions - 1, 1))).squareRoot()
        if codes.factorCount > 2 { factors[2] = squared }
    }

    /// The scale at which rounding keeps the direction best: 16 scales are tried, then the best one's surroundings.
    ///
    /// The cosine is nearly a parabola around its peak; what a search of all points where a rounding changes would gain is
    /// below 1e-3 of it (see the tests).
    func bestScale(_ magnitudes: UnsafePointer<Float>, largest: Float) -> Float {
        guard bits > 1, largest > 0 else { return 0 }
        let kernels = kk_bit_kernels_for(CPULevel.current.kernelLevel)
        let top = Float(1 << (bits - 1) - 1)
        func quality(_ scale: Float) -> Float {
            var (product, square): (Float, Float) = (0, 0)
            kernels.pointee.rescaled_product(magnitudes, dimensions, scale, top, &product, &square)
            return product / square.squareRoot()
        }
        // Where the largest magnitude just reaches the last level, or is cut off by up to a factor of 4.
        let first = 0.8 * (top + 1) / largest
        var (best, most, ratio): (Float, Float, Float) = (first, 0, 1.1)
        var scale = first
        for _ in 0..<16 {
            let found = quality(scale)
            if found > most { (best, most) = (scale, found) }
            scale *= ratio
        }
        for _ in 0..<4 {
            ratio = ratio.squareRoot()
            for candidate in [best / ratio, best * ratio] {
                let found = quality(candidate)
                if found > most { (best, most) = (candidate, found) }
            }
        }
        return best
    }

    private func set(level: Int, at i: Int, in code: UnsafeMutablePointer<UInt8>) {
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
