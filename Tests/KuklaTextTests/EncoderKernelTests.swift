import CKernels
import Foundation
import KuklaNumerics
import Testing

/// Every level's transformer kernels against sums and functions in double.
@Suite struct EncoderKernelTests {
    private static let sizes = [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65, 130]

    private func kernels(_ level: CPULevel) -> kk_transformer_kernels {
        kk_transformer_kernels_for(level.kernelLevel).pointee
    }

    private func normals(_ count: Int, _ random: inout RandomSource, scale: Float = 1) -> [Float] {
        (0..<count).map { _ in random.normal() * scale }
    }

    /// `[n, k]` row-major, packed for `multiply_f32`.
    private func packed(_ weights: [Float], n: Int, k: Int) -> [Float] {
        var panels = [Float](repeating: .nan, count: (n + 31) / 32 * 32 * k)
        kk_pack_transposed_f32(weights, k, n, k, &panels)
        return panels
    }

    @Test(arguments: CPULevel.available)
    func `a float product equals the sum in double, whatever the shape`(_ level: CPULevel) {
        var random = RandomSource(seed: 1)
        for (m, n, k) in [
            (1, 1, 1), (1, 33, 5), (2, 16, 8), (3, 17, 7), (5, 31, 16), (6, 32, 3), (13, 40, 33),
            (14, 64, 12),
            (15, 65, 9), (29, 96, 20), (113, 36, 42), (225, 7, 3),
        ] {
            let a = normals(m * k, &random), b = normals(n * k, &random)
            let panels = packed(b, n: n, k: k)
            // One column more than written, to see that nothing is written beyond.
            var c = [Float](repeating: -7, count: m * (n + 1))
            panels.withUnsafeBufferPointer {
                let view = kk_panels_f32(data: $0.baseAddress!, panel_stride: 32 * k, row_stride: 32)
                kernels(level).multiply_f32(a, k, view, &c, n + 1, m, n, k)
            }
            for i in 0..<m {
                for j in 0..<n {
                    var sum = 0.0, magnitude = 0.0
                    for l in 0..<k {
                        sum += Double(a[i * k + l]) * Double(b[j * k + l])
                        magnitude += abs(Double(a[i * k + l]) * Double(b[j * k + l]))
                    }
                    #expect(abs(Double(c[i * (n + 1) + j]) - sum) <= 1e-6 * magnitude + 1e-12)
                }
                #expect(c[i * (n + 1) + n] == -7)
            }
        }
    }

    @Test(arguments: CPULevel.available)
    func `a row's product is the same bits among any rows`(_ level: CPULevel) {
        var random = RandomSource(seed: 2)
        let m = 43, n = 50, k = 37
        let a = normals(m * k, &random), b = normals(n * k, &random)
        let panels = packed(b, n: n, k: k)
        panels.withUnsafeBufferPointer {
            let view = kk_panels_f32(data: $0.baseAddress!, panel_stride: 32 * k, row_stride: 32)
            var all = [Float](repeating: 0, count: m * n), one = [Float](repeating: 0, count: n)
            kernels(level).multiply_f32(a, k, view, &all, n, m, n, k)
            for i in 0..<m {
                kernels(level).multiply_f32(Array(a[i * k..<(i + 1) * k]), k, view, &one, n, 1, n, k)
                #expect(one == Array(all[i * n..<(i + 1) * n]))
            }
        }
    }

    @Test(arguments: CPULevel.available)
    func `an 8-bit product is the exact product of the dequantised matrices`(_ level: CPULevel) {
        var random = RandomSource(seed: 3)
        for (m, n, k) in [(1, 1, 4), (3, 9, 7), (13, 33, 16), (14, 32, 42), (15, 65, 30), (230, 31, 12)] {
            let k4 = (k + 3) / 4 * 4
            let weights = normals(n * k, &random), bias = normals(n, &random)
            var data = [Int8](repeating: 1, count: (n + 31) / 32 * 32 * k4)
            var scale = [Float](repeating: 0, count: n), sum = scale
            kk_pack_s8(weights, n, k, &data, &scale, &sum)
            func weight(_ j: Int, _ l: Int) -> Double {
                Double(data[j / 32 * 32 * k4 + l / 4 * 128 + j % 32 * 4 + l % 4])
            }
            for j in 0..<n {
                for l in 0..<k {  // half a step of the channel's own scale
                    let error = abs(weight(j, l) * Double(scale[j]) - Double(weights[j * k + l]))
                    #expect(error <= Double(scale[j]) * 0.5001)
                }
            }
            // All 8 bits on both sides, the extremes included.
            var rows = (0..<m * k4).map { _ in UInt8.random(in: 0...255, using: &random) }
            rows[0] = 255
            var rowScale = (0..<m).map { _ in random.uniform() + 0.1 }
            var rowZero = (0..<m).map { _ in Float(Int.random(in: 0...255, using: &random)) }
            var c = [Float](repeating: 0, count: m * n)
            rows.withUnsafeMutableBufferPointer { rows in
                rowScale.withUnsafeMutableBufferPointer { rowScale in
                    rowZero.withUnsafeMutableBufferPointer { rowZero in
                        data.withUnsafeBufferPointer { data in
                            scale.withUnsafeBufferPointer { scale in
                                sum.withUnsafeBufferPointer { sum in
                                    bias.withUnsafeBufferPointer { bias in
                                        kernels(level).multiply_u8s8(
                                            kk_rows_u8(
                                                data: rows.baseAddress!, scale: rowScale.baseAddress!,
                                                zero: rowZero.baseAddress!, stride: k4),
                                            kk_panels_s8(
                                                data: data.baseAddress!, scale: scale.baseAddress!,
                                                sum: sum.baseAddress!, bias: bias.baseAddress!),
                                            &c, n, m, n, k4)
                                    }
                                }
                            }
                        }
                    }
                }
            }
            for i in 0..<m {
                for j in 0..<n {
                    var exact = 0.0, magnitude = abs(Double(bias[j]))
                    for l in 0..<k {
                        exact += (Double(rows[i * k4 + l]) - Double(rowZero[i])) * weight(j, l)
                        magnitude += 255 * 127 * Double(rowScale[i] * scale[j])
                    }
                    let expected = exact * Double(rowScale[i]) * Double(scale[j]) + Double(bias[j])
                    #expect(abs(Double(c[i * n + j]) - expected) <= 3e-7 * magnitude)
                }
            }
        }
    }

    @Test(arguments: CPULevel.available)
    func `activations are within 1e-6 of the exact functions`(_ level: CPULevel) {
        let x = stride(from: Float(-12), through: 12, by: 0.0037).map { $0 } + [0, -0.0, 100, -100, 1e-20]
        let exact: [(kk_activation, (Double) -> Double)] = [
            (kk_activation_none, { $0 }), (kk_activation_relu, { max($0, 0) }),
            (kk_activation_gelu, { $0 / 2 * erfc(-$0 / 2.0.squareRoot()) }),
            (
                kk_activation_gelu_tanh,
                { $0 / 2 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }
            ), (kk_activation_tanh, { tanh($0) }),
        ]
        for (activation, function) in exact {
            var y = x
            kernels(level).bias_activation_rows(&y, nil, 1, y.count, activation)
            let worst = zip(x, y).map { abs(function(Double($0)) - Double($1)) }.max()!
            #expect(worst <= 1e-6, "\(activation): \(worst)")
        }
        var random = RandomSource(seed: 4)
        for columns in Self.sizes {
            let bias = normals(columns, &random), x = normals(3 * columns, &random)
            var y = x
            kernels(level).bias_activation_rows(&y, bias, 3, columns, kk_activation_relu)
            for i in x.indices { #expect(y[i] == max(x[i] + bias[i % columns], 0)) }
        }
    }

    @Test(arguments: CPULevel.available)
    func `sum and layer norm are within 1e-5 of double`(_ level: CPULevel) {
        var random = RandomSource(seed: 5)
        for columns in Self.sizes + [384] {
            let x = normals(2 * columns, &random), y = normals(2 * columns, &random, scale: 5)
            let bias = normals(columns, &random)
            let gamma = normals(columns, &random), beta = normals(columns, &random)
            var got = x, single = [Float](repeating: 0, count: columns)
            gamma.withUnsafeBufferPointer { gamma in
                beta.withUnsafeBufferPointer { beta in
                    let norm = kk_layer_norm(
                        gamma: gamma.baseAddress!, beta: beta.baseAddress!, epsilon: 1e-5)
                    kernels(level).add_layer_norm_rows(&got, y, bias, norm, 2, columns)
                    kernels(level).sum3_layer_norm(x, y, bias, norm, columns, &single)
                }
            }
            for row in 0..<2 {
                let sum = (0..<columns).map {
                    Double(x[row * columns + $0]) + Double(y[row * columns + $0]) + Double(bias[$0])
                }
                let mean = sum.reduce(0, +) / Double(columns)
                let variance = sum.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(columns)
                for i in 0..<columns {
                    let expected =
                        (sum[i] - mean) / (variance + 1e-5).squareRoot() * Double(gamma[i]) + Double(beta[i])
                    // One column has no variance: rounding of the sum is then magnified by 1/sqrt(epsilon).
                    let tolerance = columns == 1 ? 1e-3 : 1e-5 * (1 + abs(expected)) * (columns < 4 ? 20 : 1)
                    #expect(abs(Double(got[row * columns + i]) - expected) <= tolerance)
                    if row == 0 { #expect(abs(Double(single[i]) - expected) <= tolerance) }
                }
            }
        }
    }

    @Test(arguments: CPULevel.available)
    func `softmax is within 1e-6 of double, also for huge scores`(_ level: CPULevel) {
        var random = RandomSource(seed: 6)
        for columns in Self.sizes {
            for magnitude: Float in [1, 30, 1e4] {
                let stride = columns + 3
                let x = normals(3 * stride, &random, scale: magnitude)
                var y = x
                kernels(level).softmax_rows(&y, stride, 3, columns, 0.5)
                for row in 0..<3 {
                    let scores = x[row * stride..<row * stride + columns].map { Double($0) * 0.5 }
                    let most = scores.max()!
                    let weights = scores.map { exp($0 - most) }
                    let total = weights.reduce(0, +)
                    for i in 0..<columns {
                        #expect(
                            abs(Double(y[row * stride + i]) - weights[i] / total) <= 1e-6
                                * Double(max(magnitude, 1)))
                    }
                    #expect(y[row * stride + columns] == x[row * stride + columns])  // beyond the row
                }
            }
        }
    }

    @Test(arguments: CPULevel.available)
    func `quantised rows lie within half a step, and zero is exact`(_ level: CPULevel) {
        var random = RandomSource(seed: 7)
        for columns in Self.sizes {
            let stride = (columns + 3) / 4 * 4
            var x = normals(3 * columns, &random)
            for i in 0..<columns { x[columns + i] = 0 }  // a row of zeros
            x[2 * columns] = 40  // an outlier
            var data = [UInt8](repeating: 9, count: 3 * stride)
            var scale: [Float] = [-1, -1, -1], zero = scale
            data.withUnsafeMutableBufferPointer { data in
                scale.withUnsafeMutableBufferPointer { scale in
                    zero.withUnsafeMutableBufferPointer { zero in
                        kernels(level).quantize_rows(
                            x, 3, columns,
                            kk_rows_u8(
                                data: data.baseAddress!, scale: scale.baseAddress!, zero: zero.baseAddress!,
                                stride: stride))
                    }
                }
            }
            for row in 0..<3 {
                #expect(zero[row] == zero[row].rounded() && (0...255).contains(zero[row]))
                for i in 0..<columns {
                    let value = scale[row] * (Float(data[row * stride + i]) - zero[row])
                    // The zero point is rounded too, so an extreme value may be a further half step away.
                    #expect(abs(value - x[row * columns + i]) <= scale[row] * 1.001)
                }
                for i in columns..<stride { #expect(data[row * stride + i] == 0) }
            }
        }
    }
}
