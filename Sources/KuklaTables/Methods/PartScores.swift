import CKernels
import KuklaNumerics
package import KuklaTensor

/// The scores `-||q - C_k||^2` of one part of n vectors against the K rows of its codebook, never written out: with `x = (q, |q|^2)` and
/// `u_k = (2 C_k, -1)` they are `x u_k - |C_k|^2`, so that their moments over the batch follow from those of x, and the best
/// of the normalised ones is the nearest of K centroids.
package struct PartScores {
    /// x, `[n, width + 1]`.
    private let inputs: AlignedStorage<Float>
    private let count: Int, width: Int
    /// `[K, width]`.
    private let codebook: UnsafePointer<Float>
    private let rows: Int
    /// `|C_k|^2`.
    private let squaredNorms: [Double]

    /// - Parameter codebook: must outlive the scores.
    package init(_ vectors: Tensor, columns: Range<Int>, codebook: UnsafePointer<Float>, rows: Int) {
        (count, width) = (vectors.shape[0], columns.count)
        (self.codebook, self.rows) = (codebook, rows)
        let (size, stride) = (width + 1, vectors.shape[1])
        inputs = AlignedStorage(uninitialized: count * size)
        let (first, inputs) = (vectors.pointer + columns.lowerBound, inputs.pointer)
        for i in 0..<count {
            let (from, to) = (first + i * stride, inputs + i * size)
            var sum: Float = 0
            for j in 0..<width {
                to[j] = from[j]
                sum += from[j] * from[j]
            }
            to[width] = sum
        }
        let width = width
        squaredNorms = (0..<rows).map { k in
            (0..<width).reduce(0) { $0 + Double(codebook[k * width + $1]) * Double(codebook[k * width + $1]) }
        }
    }

    /// Mean and variance of each of the K scores over the n vectors, `u_k E[x] - |C_k|^2` and `u_k Cov(x) u_k`.
    package func moments() -> (mean: [Float], variance: [Float]) {
        let (size, inputs) = (width + 1, inputs.pointer)
        var (means, covariance) = (
            [Double](repeating: 0, count: size), [Double](repeating: 0, count: size * size)
        )
        for i in 0..<count { for j in 0..<size { means[j] += Double(inputs[i * size + j]) } }
        for j in 0..<size { means[j] /= Double(count) }
        var centered = means
        for i in 0..<count {
            for j in 0..<size { centered[j] = Double(inputs[i * size + j]) - means[j] }
            for j in 0..<size {
                for l in 0...j { covariance[j * size + l] += centered[j] * centered[l] }
            }
        }
        var (mean, variance) = ([Float](repeating: 0, count: rows), [Float](repeating: 0, count: rows))
        var direction = [Double](repeating: -1, count: size)
        for k in 0..<rows {
            for j in 0..<width { direction[j] = 2 * Double(codebook[k * width + j]) }
            var (first, second) = (-squaredNorms[k], 0.0)
            for j in 0..<size {
                first += direction[j] * means[j]
                var sum = 0.5 * direction[j] * covariance[j * size + j]
                for l in 0..<j { sum += direction[l] * covariance[j * size + l] }
                second += 2 * direction[j] * sum
            }
            (mean[k], variance[k]) = (Float(first), Float(max(0, second / Double(count))))
        }
        return (mean, variance)
    }

    /// The scores less `mean`, over the root of `variance` (and 1e-5).
    package func normalized(mean: [Float], variance: [Float]) -> NormalizedScores {
        let padded = (rows + 15) / 16 * 16
        let centroids = AlignedStorage<Float>(zeros: (width + 1) * padded)
        var offsets = [Float](repeating: .infinity, count: padded)  // what pads is the best of nothing
        for k in 0..<rows {
            let scale = 1 / (variance[k] + 1e-5).squareRoot()
            for j in 0..<width { centroids.pointer[j * padded + k] = 2 * codebook[k * width + j] * scale }
            centroids.pointer[width * padded + k] = -scale
            offsets[k] = (Float(squaredNorms[k]) + mean[k]) * scale
        }
        return NormalizedScores(
            inputs: inputs, size: width + 1, centroids: centroids, offsets: offsets, columns: padded)
    }
}

/// Scores `x v_k - o_k`, of which the best is asked for.
package struct NormalizedScores {
    fileprivate let inputs: AlignedStorage<Float>
    fileprivate let size: Int
    /// v, `[size, columns]`.
    fileprivate let centroids: AlignedStorage<Float>
    /// o.
    fileprivate let offsets: [Float]
    fileprivate let columns: Int

    /// For some of the vectors, the number below `limit` of the best score, the lowest where several are equal.
    package func best(of chosen: [Int], below limit: Int) -> [Int] {
        guard !chosen.isEmpty else { return [] }
        let own = AlignedStorage<Float>(uninitialized: chosen.count * size)
        let (from, to) = (inputs.pointer, own.pointer)
        for (i, row) in chosen.enumerated() { (to + i * size).update(from: from + row * size, count: size) }
        var offsets = offsets
        for k in limit..<max(limit, columns) { offsets[k] = .infinity }
        var codes = [UInt8](repeating: 0, count: chosen.count)
        var affinities = [Float](repeating: 0, count: chosen.count)
        let kernels = kk_product_kernels_for(CPULevel.current.kernelLevel)
        withExtendedLifetime(own) {
            kernels.pointee.nearest_centroids(
                to, size, chosen.count, size, centroids.pointer, offsets, columns, &codes, &affinities)
        }
        return codes.map { Int($0) }
    }
}
