import CKernels
import KuklaNumerics
import Testing

@Suite struct PickedKernelTests {
    private static let sizes = [1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 129, 384, 1001]

    @Test(arguments: CPULevel.available)
    func `picked rows score as sums in double`(level: CPULevel) {
        let kernels = kk_picked_kernels_for(level.kernelLevel).pointee
        var random = RandomSource(seed: 1)
        for d in Self.sizes {
            let table = (0..<20 * d).map { _ in random.normal() }
            let query = (0..<d).map { _ in random.normal() }
            for count in [0, 1, 3, 4, 5, 9] {
                let rows = (0..<count).map { _ in UInt32.random(in: 0..<20, using: &random) }
                var dots = [Float](repeating: .nan, count: count + 1)
                var squares = dots
                kernels.dot_f32(query, table, d, rows, count, &dots)
                kernels.squared_euclidean_f32(query, table, d, rows, count, &squares)
                for (i, row) in rows.enumerated() {
                    let pairs = (0..<d).map { (Double(query[$0]), Double(table[Int(row) * d + $0])) }
                    let dot = pairs.reduce(0) { $0 + $1.0 * $1.1 }
                    let magnitude = pairs.reduce(0) { $0 + abs($1.0 * $1.1) }
                    let square = pairs.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
                    #expect(abs(Double(dots[i]) - dot) <= 1e-5 * magnitude, "d \(d), row \(i) of \(count)")
                    #expect(abs(Double(squares[i]) - square) <= 1e-5 * square, "d \(d), row \(i) of \(count)")
                }
                #expect(dots[count].isNaN && squares[count].isNaN, "wrote past the last row")
            }
        }
    }

    @Test(arguments: CPULevel.available)
    func `sign sums are the sums of the components with a set bit`(level: CPULevel) {
        let kernels = kk_picked_kernels_for(level.kernelLevel).pointee
        var random = RandomSource(seed: 2)
        for d in Self.sizes {
            // Bits past the last dimension, and the bytes between codes, are not to be read.
            let stride = (d + 7) / 8 + 4
            let codes = (0..<20 * stride).map { _ in UInt8.random(in: 0...255, using: &random) }
            let query = (0..<d).map { _ in random.normal() }
            for count in [0, 1, 4, 5] {
                let rows = (0..<count).map { _ in UInt32.random(in: 0..<20, using: &random) }
                var sums = [Float](repeating: .nan, count: count + 1)
                kernels.sign_sums(query, d, codes, stride, rows, count, &sums)
                for (i, row) in rows.enumerated() {
                    let expected = (0..<d).filter {
                        codes[Int(row) * stride + $0 / 8] >> UInt8($0 % 8) & 1 == 1
                    }.reduce(0.0) { $0 + Double(query[$1]) }
                    #expect(
                        abs(Double(sums[i]) - expected) <= 1e-5 * Double(d), "d \(d), row \(i) of \(count)")
                }
                #expect(sums[count].isNaN, "wrote past the last row")
            }
        }
    }

    @Test(arguments: CPULevel.available, [1, 2, 4])
    func `field sums are the sums of the components times their fields`(level: CPULevel, width: Int) {
        let kernels = kk_picked_kernels_for(level.kernelLevel).pointee
        var random = RandomSource(seed: 3)
        for d in Self.sizes {
            let stride = (d * width + 7) / 8 + 3
            let codes = (0..<20 * stride).map { _ in UInt8.random(in: 0...255, using: &random) }
            let query = (0..<d).map { _ in random.normal() }
            for count in [0, 1, 5] {
                let rows = (0..<count).map { _ in UInt32.random(in: 0..<20, using: &random) }
                var sums = [Float](repeating: 1, count: count + 1)
                kernels.field_sums(query, d, width, 0.5, codes, stride, rows, count, &sums)
                for (i, row) in rows.enumerated() {
                    let expected = (0..<d).reduce(0.0) {
                        let byte = Int(codes[Int(row) * stride + $1 * width / 8])
                        return $0 + Double(query[$1])
                            * Double(byte >> ($1 * width % 8) & (1 << width - 1))
                    }
                    #expect(abs(Double(sums[i]) - 1 - expected / 2) <= 1e-4 * Double(d), "d \(d), row \(i)")
                }
                #expect(sums[count] == 1, "wrote past the last row")
            }
        }
    }
}
