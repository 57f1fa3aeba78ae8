import CKernels
import KuklaNumerics
import Testing

@Suite struct ProductKernelTests {
    @Test(arguments: CPULevel.available)
    func `nearest centroids equal a search in double`(level: CPULevel) {
        var random = RandomSource(seed: 1)
        for (rows, dimensions, count) in [
            (0, 4, 16), (1, 1, 16), (7, 3, 32), (8, 8, 256), (9, 5, 64), (33, 48, 128),
        ] {
            let x = (0..<max(rows * (dimensions + 2), 1)).map { _ in random.normal() }
            let c = (0..<dimensions * count).map { _ in random.normal() }
            let norms = (0..<count).map { c_ in
                (0..<dimensions).reduce(Float(0)) { $0 + c[$1 * count + c_] * c[$1 * count + c_] } / 2
            }
            var out = [UInt8](repeating: 0, count: rows)
            var affinities = [Float](repeating: 0, count: rows)
            kk_product_kernels_for(level.kernelLevel).pointee.nearest_centroids(
                x, dimensions + 2, rows, dimensions, c, norms, count, &out, &affinities)
            for r in 0..<rows {
                let all = (0..<count).map { k in
                    (0..<dimensions).reduce(-Double(norms[k])) {
                        $0 + Double(x[r * (dimensions + 2) + $1]) * Double(c[$1 * count + k])
                    }
                }
                #expect(abs(Double(affinities[r]) - all.max()!) < 1e-4)
                #expect(abs(all[Int(out[r])] - all.max()!) < 1e-4)
            }
        }
    }

    @Test(arguments: CPULevel.available)
    func `equal centroids give the lowest number`(level: CPULevel) {
        var out: [UInt8] = [9, 9, 9]
        var affinities: [Float] = [0, 0, 0]
        kk_product_kernels_for(level.kernelLevel).pointee.nearest_centroids(
            [1, 2, 3], 1, 3, 1, [Float](repeating: 1, count: 64), [Float](repeating: 0.5, count: 64), 64,
            &out,
            &affinities)
        #expect(out == [0, 0, 0])
        #expect(affinities == [0.5, 1.5, 2.5])
    }

    @Test(arguments: CPULevel.available)
    func `centroid products and table scans equal plain sums`(level: CPULevel) {
        var random = RandomSource(seed: 2)
        let (m, size, count, rows) = (5, 3, 32, 11)
        let q = (0..<m * size).map { _ in random.normal() }
        let c = (0..<m * size * count).map { _ in random.normal() }
        let kernels = kk_product_kernels_for(level.kernelLevel)
        var table = [Float](repeating: 0, count: m * count)
        kernels.pointee.centroid_products(q, m, size, c, count, &table)
        for j in 0..<m {
            for k in 0..<count {
                let sum = (0..<size).reduce(Float(0)) {
                    $0 + q[j * size + $1] * c[(j * size + $1) * count + k]
                }
                #expect(abs(table[j * count + k] - sum) < 1e-5)
            }
        }
        let codes = QuantizerFixtures.bytes(rows * m, seed: 3).map { $0 % UInt8(count) }
        var out = [Float](repeating: 0, count: rows)
        kernels.pointee.table_scan(codes, rows, m, table, count, &out)
        for r in 0..<rows {
            let sum = (0..<m).reduce(Float(0)) { $0 + table[$1 * count + Int(codes[r * m + $1])] }
            #expect(abs(out[r] - sum) < 1e-5)
        }
    }
}
