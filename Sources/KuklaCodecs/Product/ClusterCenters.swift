import CKernels
import KuklaNumerics

/// Lloyd's k-means for the few dimensions of a subspace.
struct ClusterCenters {
    /// `[count, dimensions]`.
    let centers: [Float]

    /// Clusters `rows` vectors of `dimensions` contiguous components around `count` centers.
    ///
    /// Starts at `initial`, or at `count` different rows. A center that no row is nearest to restarts beside the center
    /// that most rows are nearest to, and the two share those rows from then on. Stops early when nothing moves.
    /// - Precondition: `rows >= count`, `count` a multiple of 16 and at most 256.
    /// - Complexity: O(iterations * rows * count * dimensions), on the calling thread.
    init(
        of vectors: UnsafePointer<Float>, rows: Int, dimensions: Int, count: Int, initial: [Float]? = nil,
        iterations: Int, random: inout RandomSource
    ) {
        let kernels = kk_product_kernels_for(CPULevel.current.kernelLevel)
        var centers = initial ?? []
        if initial == nil {
            centers.reserveCapacity(count * dimensions)
            for row in random.sample(count, below: rows) {
                centers.append(
                    contentsOf: UnsafeBufferPointer(start: vectors + row * dimensions, count: dimensions))
            }
        }
        var transposed = [Float](repeating: 0, count: count * dimensions)
        var halfNorms = [Float](repeating: 0, count: count)
        var nearest = [UInt8](repeating: 0, count: rows)
        var previous = nearest
        var affinities = [Float](repeating: 0, count: rows)
        for iteration in 0..<iterations {
            SubspaceCenters.prepare(
                centers, count, dimensions, transposed: &transposed, halfNorms: &halfNorms)
            kernels.pointee.nearest_centroids(
                vectors, dimensions, rows, dimensions, transposed, halfNorms, count, &nearest, &affinities)
            if iteration > 0, nearest == previous { break }
            swap(&nearest, &previous)  // `previous` now holds the newest assignment
            var sums = [Float](repeating: 0, count: count * dimensions)
            var sizes = [Int](repeating: 0, count: count)
            sums.withUnsafeMutableBufferPointer { sums in
                previous.withUnsafeBufferPointer { previous in
                    for row in 0..<rows {
                        let center = Int(previous[row])
                        sizes[center] += 1
                        for i in 0..<dimensions {
                            sums[center * dimensions + i] += vectors[row * dimensions + i]
                        }
                    }
                }
            }
            for center in 0..<count where sizes[center] > 0 {
                let scale = 1 / Float(sizes[center])
                for i in 0..<dimensions {
                    centers[center * dimensions + i] = sums[center * dimensions + i] * scale
                }
            }
            for center in 0..<count where sizes[center] == 0 {
                let largest = sizes.indices.max { sizes[$0] < sizes[$1] }!
                sizes[center] = sizes[largest] / 2
                sizes[largest] -= sizes[center]
                for i in 0..<dimensions {
                    let x = centers[largest * dimensions + i]
                    let shift = max(x.magnitude, 1e-6) * (i % 2 == 0 ? 1e-3 : -1e-3)
                    centers[center * dimensions + i] = x + shift
                    centers[largest * dimensions + i] = x - shift
                }
            }
        }
        self.centers = centers
    }
}

/// The forms of centers that the kernels read.
enum SubspaceCenters {
    /// Writes `centers` `[count, dimensions]` as `[dimensions, count]`, and half their squared norms.
    static func prepare(
        _ centers: UnsafePointer<Float>, _ count: Int, _ dimensions: Int,
        transposed: UnsafeMutablePointer<Float>, halfNorms: UnsafeMutablePointer<Float>
    ) {
        for c in 0..<count {
            var sum: Float = 0
            for i in 0..<dimensions {
                let x = centers[c * dimensions + i]
                transposed[i * count + c] = x
                sum += x * x
            }
            halfNorms[c] = sum / 2
        }
    }
}
