public import KuklaNumerics

/// Finds the range of each dimension for a scalar codec.
///
/// For each dimension, from a histogram of the training values: every range in a ladder of ranges around the mean
/// (from all values down to a quarter of that) is tried, the one with the least squared error, clipping included, is
/// kept, and then range and codes are refined in turn (the best line through values against codes) until the error
/// stops falling. With 8 bits that keeps nearly the whole range, with 4 bits it clips rare outliers.
struct ScalarTraining {
    private static let bins = 2048

    /// Vectors that are looked at; more change the ranges by less than a level.
    static let sampleLimit = 32_768

    /// - Returns: for each dimension the lowest level and the distance between levels (0 where all values agree).
    static func ranges(of vectors: Matrix, bits: Int, threads: Int) -> (minimum: [Float], step: [Float]) {
        let d = vectors.columns
        var minimum = [Float](repeating: 0, count: d)
        var step = minimum
        minimum.withUnsafeMutableBufferPointer { minimum in
            step.withUnsafeMutableBufferPointer { step in
                // Each block writes dimensions of its own.
                nonisolated(unsafe) let (minimum, step) = (minimum, step)
                parallelFor(d, grain: 16, threads: threads) { dimensions in
                    let histograms = Histogram.all(of: vectors, dimensions: dimensions, bins: bins)
                    for (i, histogram) in zip(dimensions, histograms) {
                        (minimum[i], step[i]) = histogram.bestLevels(count: 1 << bits)
                    }
                }
            }
        }
        return (minimum, step)
    }
}

extension ScalarCodec {
    /// Finds the ranges on `vectors` (at least 2).
    ///
    /// - Throws: `KuklaError.badData` where there are too few vectors.
    public static func train(
        on vectors: Matrix, bits: Int, metric: Metric, seed: UInt64, threads: Int = defaultThreadCount
    ) throws(KuklaError) -> ScalarCodec {
        guard vectors.rows >= 2 else {
            throw KuklaError(
                .badData,
                "Cannot train 'SQ\(bits)' on \(vectors.rows) vectors; it needs at least 2. Use 'F32'.")
        }
        var sample = trainingSample(of: vectors, limit: ScalarTraining.sampleLimit, seed: seed)
        if metric == .innerProduct {
            sample.withUnsafeMutableBufferPointer { all in
                for row in 0..<all.count / vectors.columns {
                    let row = UnsafeMutableBufferPointer(
                        rebasing: all[row * vectors.columns..<(row + 1) * vectors.columns])
                    let length = ScalarCodec.length(UnsafeBufferPointer(row))
                    guard length > 0 else { continue }
                    for i in row.indices { row[i] = Float(Double(row[i]) / length) }
                }
            }
        }
        let (minimum, step) = ScalarTraining.ranges(of: sample, bits: bits, threads: threads)
        return ScalarCodec(bits: bits, metric: metric, minimum: minimum, step: step)
    }
}

/// How often the values of one dimension fall into each of many narrow bins.
private struct Histogram {
    private let low: Double
    private let high: Double
    private let mean: Double
    /// The middles of the bins that are not empty, and how many values fell into each.
    private let values: [Double]
    private let weights: [Double]

    /// The histograms of neighbouring dimensions, in two passes over the vectors.
    static func all(of vectors: Matrix, dimensions: Range<Int>, bins: Int) -> [Histogram] {
        let n = dimensions.count
        var low = [Float](repeating: .infinity, count: n)
        var high = [Float](repeating: -.infinity, count: n)
        var sum = [Double](repeating: 0, count: n)
        var scale = [Float](repeating: 0, count: n)
        var counts = [UInt32](repeating: 0, count: n * bins)
        vectors.withUnsafeBufferPointer { all in
            let (rows, columns) = (vectors.rows, vectors.columns)
            let first = all.baseAddress! + dimensions.lowerBound
            low.withUnsafeMutableBufferPointer { low in
                high.withUnsafeMutableBufferPointer { high in
                    sum.withUnsafeMutableBufferPointer { sum in
                        for row in 0..<rows {
                            let values = first + row * columns
                            for i in 0..<n {
                                let value = values[i]
                                if value < low[i] { low[i] = value }
                                if value > high[i] { high[i] = value }
                                sum[i] += Double(value)
                            }
                        }
                    }
                }
            }
            for i in 0..<n where high[i] > low[i] {
                // Zero, and the histogram stays empty, where the range is too narrow or too wide for floats.
                let inverse = Float(bins) / (high[i] - low[i])
                scale[i] = inverse.isFinite ? inverse : 0
            }
            counts.withUnsafeMutableBufferPointer { counts in
                let last = Int32(bins - 1)
                let known = (0..<n).filter { scale[$0] > 0 }
                for row in 0..<rows {
                    let values = first + row * columns
                    for i in known {
                        let bin = min(Int32((values[i] - low[i]) * scale[i]), last)
                        counts[i * bins + Int(bin)] += 1
                    }
                }
            }
        }
        return (0..<n).map { i in
            let (low, high) = (Double(low[i]), Double(high[i]))
            let occupied = (0..<bins).filter { counts[i * bins + $0] > 0 }
            return Histogram(
                low: low, high: high, mean: sum[i] / Double(vectors.rows),
                values: occupied.map { low + (Double($0) + 0.5) * (high - low) / Double(bins) },
                weights: occupied.map { Double(counts[i * bins + $0]) })
        }
    }

    func bestLevels(count levels: Int) -> (minimum: Float, step: Float) {
        let top = Double(levels - 1)
        var best = Levels(minimum: low, step: (high - low) / top)
        guard Float(best.step).isNormal, (1 / Float(best.step)).isFinite else { return (Float(low), 0) }
        var bestFit = fit(best, top: top)
        for rung in 1...15 {
            let reach = 1 - 0.05 * Double(rung)
            let levels = Levels(
                minimum: mean + reach * (low - mean), step: reach * (high - low) / top)
            let fit = fit(levels, top: top)
            if fit.error < bestFit.error { (best, bestFit) = (levels, fit) }
            if fit.error > 4 * bestFit.error { break }  // clipping has taken over
        }
        for _ in 0..<12 {
            guard let next = bestFit.refined, Float(next.step).isNormal else { break }
            let nextFit = fit(next, top: top)
            guard nextFit.error < bestFit.error * 0.9999 else { break }
            (best, bestFit) = (next, nextFit)
        }
        return (Float(best.minimum), Float(best.step))
    }

    private struct Levels {
        var minimum: Double
        var step: Double
    }

    /// The squared error of some levels, and the line that fits the values better, given their codes.
    private func fit(_ levels: Levels, top: Double) -> (error: Double, refined: Levels?) {
        let inverse = 1 / levels.step
        var (n, c, cc, x, cx, error) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        values.withUnsafeBufferPointer { values in
            weights.withUnsafeBufferPointer { weights in
                for i in 0..<values.count {
                    let (value, weight) = (values[i], weights[i])
                    // Not `rounded()`: without SSE 4.1 that is a call.
                    let code = Double(Int32(min(max((value - levels.minimum) * inverse + 0.5, 0), top)))
                    let miss = value - levels.minimum - levels.step * code
                    error += weight * miss * miss
                    n += weight
                    c += weight * code
                    cc += weight * code * code
                    x += weight * value
                    cx += weight * code * value
                }
            }
        }
        guard n > 0 else { return (0, nil) }
        let spread = cc - c * c / n
        guard spread > 1e-9 else { return (error, nil) }
        let step = (cx - c * x / n) / spread
        return (error, step > 0 ? Levels(minimum: (x - step * c) / n, step: step) : nil)
    }
}
