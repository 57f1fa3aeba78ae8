import CKernels
import Foundation
import KuklaNumerics
import KuklaTestSupport
import Testing

/// Every level's attention kernels against sums and functions in double.
@Suite struct AttentionKernelTests {
    private func kernels(_ level: CPULevel) -> kk_attention_kernels {
        kk_attention_kernels_for(level.kernelLevel).pointee
    }

    private func normals(_ count: Int, _ random: inout RandomSource) -> [Float] {
        (0..<count).map { _ in random.normal() }
    }

    @Test(arguments: CPULevel.available)
    func `packing copies, transposes and fills with zeros`(_ level: CPULevel) {
        var random = RandomSource(seed: 1)
        for (rows, columns) in [(1, 1), (5, 3), (16, 16), (17, 33), (32, 32), (40, 19), (70, 64)] {
            let stride = columns + 2
            let x = normals(rows * stride, &random)
            let padded = (columns + 15) / 16 * 16
            var out = [Float](repeating: .nan, count: rows * padded)
            kernels(level).pack_rows(x, stride, rows, columns, &out, padded)
            for r in 0..<rows {
                for c in 0..<padded { #expect(out[r * padded + c] == (c < columns ? x[r * stride + c] : 0)) }
            }
            let panelCount = (rows + 31) / 32
            var panels = [Float](repeating: .nan, count: panelCount * 32 * columns)
            kernels(level).pack_transposed(x, stride, rows, columns, &panels)
            for r in 0..<panelCount * 32 {
                for c in 0..<columns {
                    let got = panels[r / 32 * 32 * columns + c * 32 + r % 32]
                    #expect(got == (r < rows ? x[r * stride + c] : 0))
                }
            }
        }
    }

    @Test(arguments: CPULevel.available)
    func `a product equals the sum in double, also transposed and added`(_ level: CPULevel) {
        var random = RandomSource(seed: 2)
        for (m, n, k) in [(1, 16, 1), (3, 32, 5), (13, 48, 7), (14, 16, 32), (29, 80, 33), (113, 64, 20)] {
            for isTransposed in [false, true] {
                let a = normals(m * k, &random)
                let b = normals(k * n, &random)  // row-major: panels lie side by side
                let before = normals(m * (n + 1), &random)
                for adding in [false, true] {
                    var c = before
                    b.withUnsafeBufferPointer {
                        let view = kk_panels_f32(data: $0.baseAddress!, panel_stride: 32, row_stride: n)
                        kernels(level).multiply(
                            a, isTransposed ? 1 : k, isTransposed ? m : 1, view, &c, n + 1, m, n, k, adding)
                    }
                    for i in 0..<m {
                        for j in 0..<n {
                            var sum = adding ? Double(before[i * (n + 1) + j]) : 0
                            var magnitude = abs(sum)
                            for l in 0..<k {
                                let product =
                                    Double(a[isTransposed ? l * m + i : i * k + l]) * Double(b[l * n + j])
                                sum += product
                                magnitude += abs(product)
                            }
                            #expect(abs(Double(c[i * (n + 1) + j]) - sum) <= 1e-6 * magnitude)
                        }
                        #expect(c[i * (n + 1) + n] == before[i * (n + 1) + n])
                    }
                }
            }
        }
    }

    /// What the kernels of one level make of a block of three rows that see different keys.
    private func softmax(_ level: CPULevel, isDropping: Bool) -> [[Float]] {
        var random = RandomSource(seed: 3)
        let stride = 96
        var scores = normals(3 * stride, &random)
        let raw = scores
        var gradient = normals(3 * stride, &random)
        let biases = normals(3 + stride, &random)
        var logSums = [Float](repeating: 0, count: 3)
        var inverse = logSums
        var biasGradient = [Float](repeating: 0, count: biases.count)
        let prefix: [Int32] = [0, 5, 0]
        let lower: [Int32] = [32, 50, 40]
        let upper: [Int32] = [90, 51, 40]
        let factor: [Float] = [0.5, 2, 1]
        let keys: [UInt32] = [1, 99, 7]
        prefix.withUnsafeBufferPointer { prefix in
            lower.withUnsafeBufferPointer { lower in
                upper.withUnsafeBufferPointer { upper in
                    factor.withUnsafeBufferPointer { factor in
                        keys.withUnsafeBufferPointer { keys in
                            biases.withUnsafeBufferPointer { biases in
                                var block = kk_attention_block(
                                    rows: 3, stride: stride, prefix_end: 16, begin: 32, end: 96,
                                    prefix: prefix.baseAddress!, lower: lower.baseAddress!,
                                    upper: upper.baseAddress!, factor: factor.baseAddress!,
                                    bias: biases.baseAddress! + 2, bias_step: -1,
                                    dropout_key: isDropping ? keys.baseAddress! : nil,
                                    threshold: 1 << 30, kept: 4 / 3)
                                kernels(level).softmax(&block, &scores, &logSums, &inverse)
                                var again = raw
                                biasGradient.withUnsafeMutableBufferPointer { to in
                                    kernels(level).softmax_gradient(
                                        &block, &again, &gradient, logSums, [0.25, -0.5, 0],
                                        to.baseAddress! + 2)
                                }
                                // exp(score - greatest) / sum and exp(score - log sum) are one thing.
                                for r in 0..<3 {
                                    for j in Array(0..<16) + Array(32..<96) {
                                        let p = scores[r * stride + j] * inverse[r]
                                        #expect(abs(p - again[r * stride + j]) <= 2e-6)
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        #expect(logSums[2] == -.infinity && inverse[2] == 0)
        return [scores, gradient, Array(logSums.prefix(2)), inverse, biasGradient]
    }

    @Test(arguments: CPULevel.available)
    func `softmax and its gradient are those of the portable level`(_ level: CPULevel) {
        for isDropping in [false, true] {
            let got = softmax(level, isDropping: isDropping)
            let expected = softmax(.portable, isDropping: isDropping)
            for (a, b) in zip(got, expected) {
                for (x, y) in zip(a, b) { #expect(abs(x - y) <= 3e-6 * max(1, abs(y))) }
            }
            // Seen keys only have probabilities; the rest between the two ranges is left alone.
            let row = got[0][0..<96]
            #expect(row[0..<16].allSatisfy { $0 == 0 })
            #expect(row[90..<96].allSatisfy { $0 == 0 })
            #expect(row[32..<90].contains { $0 > 0 })
            #expect(row[32..<90].contains { $0 == 0 } == isDropping)
        }
    }

    @Test(arguments: CPULevel.available)
    func `rows are scaled and multiplied`(_ level: CPULevel) {
        var random = RandomSource(seed: 4)
        for columns in [1, 7, 16, 33] {
            let a = normals(3 * columns, &random)
            let b = normals(3 * (columns + 1), &random)
            var dots = [Float](repeating: 0, count: 3)
            kernels(level).dot_rows(a, columns, b, columns + 1, 3, columns, &dots)
            var scaled = [Float](repeating: -7, count: 3 * (columns + 2))
            kernels(level).scale_rows(a, columns, [1, 2, -1], &scaled, columns + 2, 3, columns)
            for r in 0..<3 {
                let sum = (0..<columns).reduce(0.0) {
                    $0 + Double(a[r * columns + $1]) * Double(b[r * (columns + 1) + $1])
                }
                #expect(abs(Double(dots[r]) - sum) < 1e-4)
                for c in 0..<columns {
                    #expect(scaled[r * (columns + 2) + c] == a[r * columns + c] * [1, 2, -1][r])
                }
                #expect(scaled[r * (columns + 2) + columns] == -7)
            }
        }
    }
}
