import CKernels
import KuklaNumerics
import KuklaTestSupport
import Testing

@Suite struct DistanceKernelTests {
    /// Around every vector width and unrolling step of the kernels.
    static let sizes = [0, 1, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 384, 1023]

    @Test(arguments: CPULevel.available, [1, 2, 3, 4, 5, 9])
    func `every level agrees with sums in double`(level: CPULevel, rows: Int) {
        let kernels = kk_distance_kernels_for(level.kernelLevel).pointee
        for size in Self.sizes {
            let query = Matrix.normal(rows: 1, columns: size, seed: 1).elements
            let vectors = Matrix.normal(rows: rows, columns: size, seed: 2).elements
            var dot = [Float](repeating: .nan, count: rows)
            var squared = dot
            kernels.dot_rows_f32(query, vectors, rows, size, &dot)
            kernels.squared_euclidean_rows_f32(query, vectors, rows, size, &squared)
            for r in 0..<rows {
                var (a, b, scale) = (0.0, 0.0, 0.0)
                for i in 0..<size {
                    let (q, v) = (Double(query[i]), Double(vectors[r * size + i]))
                    a += q * v
                    b += (q - v) * (q - v)
                    scale += abs(q * v)
                }
                #expect(abs(Double(dot[r]) - a) <= 1e-6 * (scale + 1), "dot \(level) size \(size) row \(r)")
                #expect(abs(Double(squared[r]) - b) <= 1e-6 * (b + 1), "l2 \(level) size \(size) row \(r)")
            }
        }
    }

    @Test func `the chosen level is one that the machine offers`() {
        #expect(CPULevel.available.contains(.portable))
        #expect(CPULevel.available.contains(CPULevel.current))
    }
}
