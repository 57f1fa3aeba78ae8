import CKernels
import Foundation
import KuklaNumerics
import KuklaTestSupport
import Testing

/// Every level's training kernels against functions and sums in double.
@Suite struct TrainingKernelTests {
    private static let sizes = [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65, 130]

    private func kernels(_ level: CPULevel) -> kk_training_kernels {
        kk_training_kernels_for(level.kernelLevel).pointee
    }

    private func normals(_ count: Int, _ random: inout RandomSource, scale: Float = 1) -> [Float] {
        (0..<count).map { _ in random.normal() * scale }
    }

    private typealias Function = @Sendable (Double) -> Double

    private static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

    // Each function with its derivative, both exact.
    private static let functions: [(kk_function, value: Function, slope: Function, fromResult: Bool)] = [
        (kk_function_none, { $0 }, { _ in 1 }, true),
        (kk_function_relu, { max($0, 0) }, { $0 > 0 ? 1 : 0 }, true),
        (kk_function_tanh, { tanh($0) }, { 1 - tanh($0) * tanh($0) }, true),
        (kk_function_sigmoid, sigmoid, { sigmoid($0) * sigmoid(-$0) }, true),
        (kk_function_softplus, { max($0, 0) + log1p(exp(-abs($0))) }, sigmoid, false),
        (kk_function_silu, { $0 * sigmoid($0) }, { sigmoid($0) * (1 + $0 * sigmoid(-$0)) }, false),
        (
            kk_function_gelu, { $0 / 2 * erfc(-$0 / 2.0.squareRoot()) },
            { erfc(-$0 / 2.0.squareRoot()) / 2 + $0 * exp(-$0 * $0 / 2) / (2 * Double.pi).squareRoot() },
            false
        ),
        (
            kk_function_gelu_tanh,
            { $0 / 2 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) },
            {
                let c = (2 / Double.pi).squareRoot()
                let t = tanh(c * ($0 + 0.044715 * $0 * $0 * $0))
                return (1 + t) / 2 + $0 / 2 * (1 - t * t) * c * (1 + 3 * 0.044715 * $0 * $0)
            }, false
        ),
    ]

    @Test(arguments: CPULevel.available)
    func `functions and slopes are within 1e-6 of the exact ones`(_ level: CPULevel) {
        let x = stride(from: Float(-12), through: 12, by: 0.0037).map { $0 } + [0, -0.0, 60, -60, 1e-20]
        for (function, value, slope, fromResult) in Self.functions {
            var y = x
            kernels(level).function_rows(x, nil, nil, &y, 1, x.count, function)
            let worst =
                zip(x, y).map { abs(value(Double($0)) - Double($1)) / max(1, abs(Double($0))) }.max() ?? 0
            #expect(worst <= 1e-6, "\(function): \(worst)")
            var slopes = x
            let g = [Float](repeating: 1, count: x.count)
            kernels(level).slope_rows(g, fromResult ? y : x, &slopes, nil, 1, x.count, function)
            let worstSlope = zip(x, slopes).map { abs(slope(Double($0)) - Double($1)) }.max() ?? 0
            #expect(worstSlope <= 2e-6, "slope of \(function): \(worstSlope)")
        }
        // Small arguments keep their digits, and what is not a number stays that.
        var y: [Float] = [0, 0]
        kernels(level).function_rows([1e-4, .nan], nil, nil, &y, 1, 2, kk_function_tanh)
        #expect(abs(y[0] - 1e-4) < 1e-10 && y[1].isNaN)
        for (function, _, _, _) in Self.functions {
            kernels(level).function_rows([.nan, 1], nil, nil, &y, 1, 2, function)
            #expect(y[0].isNaN && !y[1].isNaN, "\(function)")
        }
    }

    @Test(arguments: CPULevel.available)
    func `bias is added first, the sum kept, columns summed, whatever the width`(_ level: CPULevel) {
        var random = RandomSource(seed: 1)
        for columns in Self.sizes {
            let x = normals(3 * columns, &random), bias = normals(columns, &random)
            var kept = [Float](repeating: 9, count: 3 * columns + 1), out = kept
            kernels(level).function_rows(x, bias, &kept, &out, 3, columns, kk_function_relu)
            for i in x.indices {
                #expect(kept[i] == x[i] + bias[i % columns] && out[i] == max(kept[i], 0))
            }
            #expect(kept.last == 9 && out.last == 9)
            var sums = [Float](repeating: 1, count: columns), slopes = out
            kernels(level).slope_rows(x, out, &slopes, &sums, 3, columns, kk_function_relu)
            var total = [Float](repeating: 1, count: columns), rows: [Float] = [0, 0, 0]
            kernels(level).column_sums(slopes, &total, 3, columns)
            kernels(level).row_sums(x, &rows, 3, columns)
            for j in 0..<columns {
                let exact = (0..<3).map { out[$0 * columns + j] > 0 ? x[$0 * columns + j] : 0 }.reduce(1, +)
                #expect(abs(sums[j] - exact) < 1e-5 && abs(total[j] - sums[j]) < 1e-5)
            }
            for r in 0..<3 {
                let exact = x[r * columns..<(r + 1) * columns].reduce(0.0) { $0 + Double($1) }
                #expect(abs(Double(rows[r]) - exact) < 1e-4)
            }
            #expect(slopes.last == 9)
            let squares = x.reduce(0.0) { $0 + Double($1) * Double($1) }
            #expect(abs(kernels(level).sum_squares(x, x.count) - squares) <= 1e-6 * squares)
        }
        let long = normals(5000, &random)
        let squares = long.reduce(0.0) { $0 + Double($1) * Double($1) }
        #expect(abs(kernels(level).sum_squares(long, long.count) - squares) <= 1e-6 * squares)
    }

    @Test(arguments: CPULevel.available, [true, false])
    func `norms and their gradients are those of double`(_ level: CPULevel, centered: Bool) {
        var random = RandomSource(seed: 2)
        for columns in Self.sizes where columns > 1 || !centered {
            let x = normals(2 * columns, &random, scale: 2), y = normals(2 * columns, &random)
            let g = normals(2 * columns, &random)
            let gamma = normals(columns, &random), beta = normals(columns, &random)
            var sum = x, out = x, dx = x
            var mean: [Float] = [0, 0], rstd = mean
            var dgamma = [Float](repeating: 0, count: columns), dbeta = dgamma
            gamma.withUnsafeBufferPointer { gamma in
                beta.withUnsafeBufferPointer { beta in
                    let norm = kk_norm(
                        gamma: gamma.baseAddress, beta: beta.baseAddress, epsilon: 0.1, centered: centered)
                    kernels(level).norm_rows(x, y, norm, &sum, &out, &mean, &rstd, 2, columns)
                    mean.withUnsafeBufferPointer { mean in
                        kernels(level).norm_slope_rows(
                            g, sum, centered ? mean.baseAddress : nil, rstd, gamma.baseAddress, &dx, &dgamma,
                            &dbeta, 2, columns)
                    }
                }
            }
            for row in 0..<2 {
                let all = (0..<columns).map { Double(x[row * columns + $0]) + Double(y[row * columns + $0]) }
                let middle = centered ? all.reduce(0, +) / Double(columns) : 0
                let variance = all.map { ($0 - middle) * ($0 - middle) }.reduce(0, +) / Double(columns)
                let factor = 1 / (variance + Double(Float(0.1))).squareRoot()
                let normal = all.map { ($0 - middle) * factor }
                let slope = (0..<columns).map { Double(g[row * columns + $0]) * Double(gamma[$0]) }
                let a = centered ? slope.reduce(0, +) / Double(columns) : 0
                let b = zip(slope, normal).map { $0 * $1 }.reduce(0, +) / Double(columns)
                for i in 0..<columns {
                    let at = row * columns + i
                    #expect(abs(Double(out[at]) - (normal[i] * Double(gamma[i]) + Double(beta[i]))) < 2e-5)
                    #expect(abs(Double(dx[at]) - factor * (slope[i] - a - normal[i] * b)) < 2e-5)
                }
            }
            for i in 0..<columns { #expect(abs(dbeta[i] - g[i] - g[columns + i]) < 1e-5) }
        }
    }

    @Test(arguments: CPULevel.available)
    func `softmax rows, their logs and slopes are those of double`(_ level: CPULevel) {
        var random = RandomSource(seed: 3)
        for columns in Self.sizes {
            for magnitude: Float in [1, 30, 1e4] {
                let x = normals(2 * columns, &random, scale: magnitude), g = normals(2 * columns, &random)
                var y = x, logs = x, slope = x, logSlope = x
                var lse: [Float] = [0, 0], total = lse
                kernels(level).softmax_rows(x, &y, 2, columns)
                kernels(level).lse_rows(x, &lse, &total, 2, columns)
                kernels(level).subtract_rows(x, lse, &logs, 2, columns)
                kernels(level).softmax_slope_rows(y, g, &slope, 2, columns)
                kernels(level).log_softmax_slope_rows(logs, g, &logSlope, 2, columns)
                var again = x
                kernels(level).exp_rows(x, lse, [2, 2], [1, 1], &again, 2, columns)
                for row in 0..<2 {
                    let range = row * columns..<(row + 1) * columns
                    let most = Double(x[range].max() ?? 0)
                    let weights = x[range].map { exp(Double($0) - most) }
                    let sum = weights.reduce(0, +)
                    let dot = zip(weights, g[range]).reduce(0.0) { $0 + $1.0 / sum * Double($1.1) }
                    let gradients = g[range].reduce(0.0) { $0 + Double($1) }
                    let tolerance = 2e-6 * Double(max(magnitude, 1))
                    for (i, at) in range.enumerated() {
                        let p = weights[i] / sum
                        #expect(abs(Double(y[at]) - p) < 1e-6)
                        #expect(abs(Double(logs[at]) - (Double(x[at]) - most - log(sum))) < tolerance)
                        #expect(abs(Double(slope[at]) - p * (Double(g[at]) - dot)) < 1e-5)
                        #expect(abs(Double(logSlope[at]) - (Double(g[at]) - p * gradients)) < 10 * tolerance)
                        #expect(abs(Double(again[at]) - (2 * p + 1)) < tolerance)
                    }
                }
            }
        }
        var y: [Float] = [0, 0, 0], lse: [Float] = [0]
        kernels(level).softmax_rows([-.infinity, 1, -1e9], &y, 1, 3)
        #expect(y == [0, 1, 0])
        kernels(level).lse_rows([-.infinity, -.infinity, -.infinity], &lse, nil, 1, 3)
        #expect(lse == [-.infinity])
        kernels(level).softmax_rows([.nan, 1, 2], &y, 1, 3)
        #expect(y.allSatisfy { $0.isNaN })
    }

    @Test(arguments: CPULevel.available)
    func `dropout keeps the same elements at every level and from every start`(_ level: CPULevel) {
        let x = [Float](repeating: 1, count: 10_000)
        let key = kk_dropout(key0: 17, key1: 99, threshold: UInt32(0.1 * 0x1p32), scale: 2)
        var portable = x, y = x
        kernels(.portable).dropout(x, &portable, 5, x.count, key)
        kernels(level).dropout(x, &y, 5, x.count, key)
        #expect(y == portable && Set(y) == [0, 2])
        kernels(level).dropout(Array(x[7...]), &y, 12, x.count - 7, key)
        #expect(Array(y[..<(x.count - 7)]) == Array(portable[7...]))
        let dropped = portable.reduce(0) { $0 + ($1 == 0 ? 1 : 0) }
        #expect(abs(dropped - 1000) < 120)  // four standard deviations
    }

    @Test(arguments: CPULevel.available)
    func `rows are gathered and summed in order`(_ level: CPULevel) {
        var random = RandomSource(seed: 4)
        for width in Self.sizes {
            let table = normals(6 * width, &random)
            let ids: [Int32] = [5, 0, 5, 2], starts: [Int32] = [0, 3, 3, 4]
            var rows = [Float](repeating: 7, count: 4 * width + 1), sums = rows
            kernels(level).gather_rows(table, width, ids, 4, &rows)
            kernels(level).sum_segments(table, width, ids, starts, 3, &sums)
            for j in 0..<width {
                for i in 0..<4 { #expect(rows[i * width + j] == table[Int(ids[i]) * width + j]) }
                #expect(sums[j] == table[5 * width + j] + table[j] + table[5 * width + j])
                #expect(sums[width + j] == 0 && sums[2 * width + j] == table[2 * width + j])
            }
            #expect(rows.last == 7 && sums[3 * width] == 7)
        }
    }

    @Test(arguments: CPULevel.available)
    func `rows of integers are gathered times their steps, and rows that are none are zeros`(
        _ level: CPULevel
    ) {
        var random = RandomSource(seed: 14)
        // More rows than are asked for ahead.
        let ids = (0..<150).map { $0 % 7 == 3 ? -1 : Int32.random(in: 0..<9, using: &random) }
        let steps: [Float] = (1...9).map { Float($0) / 8 }
        for width in Self.sizes {
            let bytes = (0..<9 * width).map { _ in Int8.random(in: .min ... .max, using: &random) }
            let words = (0..<9 * width).map { _ in Int16.random(in: .min ... .max, using: &random) }
            let floats = words.map { Float($0) }
            for hasStepPerRow in [false, true] {
                var (a, b, c) = ([Float](repeating: 7, count: ids.count * width + 1), [Float](), [Float]())
                (b, c) = (a, a)
                kernels(level).gather_int8_rows(bytes, width, steps, hasStepPerRow, ids, ids.count, &a)
                kernels(level).gather_int16_rows(words, width, steps, hasStepPerRow, ids, ids.count, &b)
                kernels(level).gather_rows(floats, width, ids, ids.count, &c)
                #expect(a.last == 7 && b.last == 7 && c.last == 7)
                for (i, id) in ids.enumerated() {
                    let step = hasStepPerRow && id >= 0 ? steps[Int(id)] : steps[0]
                    for j in 0..<width {
                        let at = Int(id) * width + j
                        #expect(a[i * width + j] == (id < 0 ? 0 : Float(bytes[at]) * step))
                        #expect(b[i * width + j] == (id < 0 ? 0 : Float(words[at]) * step))
                        #expect(c[i * width + j] == (id < 0 ? 0 : floats[at]))
                    }
                }
            }
        }
    }

    @Test(arguments: CPULevel.available)
    func `small products are those of double, and write no further`(_ level: CPULevel) {
        var random = RandomSource(seed: 21)
        for (n, k, m) in [(1, 1, 1), (2, 32, 64), (4, 5, 4), (3, 7, 17), (5, 3, 48)] {
            let (a, b, g) = (normals(n * k, &random), normals(k * m, &random), normals(n * m, &random))
            let before = normals(k * m + 1, &random)
            var (product, sum) = ([Float](repeating: 7, count: n * m + 1), before)
            kernels(level).small_product(a, b, &product, n, k, m)
            kernels(level).add_transposed_product(a, g, &sum, n, k, m)
            #expect(product.last == 7 && sum.last == before.last)
            for j in 0..<m {
                for i in 0..<n {
                    let wanted = (0..<k).reduce(0) { $0 + Double(a[i * k + $1]) * Double(b[$1 * m + j]) }
                    #expect(abs(Double(product[i * m + j]) - wanted) < 1e-5)
                }
                for l in 0..<k {
                    let wanted = (0..<n).reduce(Double(before[l * m + j])) {
                        $0 + Double(a[$1 * k + l]) * Double(g[$1 * m + j])
                    }
                    #expect(abs(Double(sum[l * m + j]) - wanted) < 1e-5)
                }
            }
        }
    }

    @Test(arguments: CPULevel.available)
    func `an Adam step is that of double`(_ level: CPULevel) {
        var random = RandomSource(seed: 5)
        for count in Self.sizes {
            let before = normals(count, &random), g = normals(count, &random)
            let m0 = normals(count, &random), v0 = normals(count, &random).map { abs($0) }
            var (w, m, v) = (before, m0, v0)
            let s = kk_adam(
                take1: 0.1, take2: 0.001, epsilon: 1e-8, decay: 0.01, keep: 0.99, rate: 0.003, scale: 3)
            kernels(level).adam(&w, &m, &v, g, count, s)
            for i in 0..<count {
                let weight = Double(before[i]) * 0.99, slope = Double(g[i]) + 0.01 * weight
                let first = Double(m0[i]) + 0.1 * (slope - Double(m0[i]))
                let second = Double(v0[i]) + 0.001 * (slope * slope - Double(v0[i]))
                #expect(abs(Double(m[i]) - first) < 1e-6 && abs(Double(v[i]) - second) < 1e-6)
                #expect(
                    abs(Double(w[i]) - (weight - 0.003 * first / (second.squareRoot() * 3 + 1e-8))) < 1e-5)
            }
        }
    }

    @Test(arguments: CPULevel.available)
    func `binary cross-entropies and their slopes are those of double`(_ level: CPULevel) {
        var random = RandomSource(seed: 6)
        for count in Self.sizes {
            for weight: Float in [1, 0.25, 5] {
                let x = normals(count, &random, scale: 8), t = (0..<count).map { _ in random.uniform() }
                let g = normals(count, &random)
                var losses = [Float](repeating: 9, count: count + 1), slopes = losses, repeated = losses
                let sum = kernels(level).binary_cross_entropy(x, t, weight, &losses, count)
                kernels(level).binary_cross_entropy_slope(x, t, weight, g, false, &slopes, count)
                kernels(level).binary_cross_entropy_slope(x, t, weight, [2], true, &repeated, count)
                var total = 0.0
                for i in 0..<count {
                    let (x, t, w) = (Double(x[i]), Double(t[i]), Double(weight))
                    let loss =
                        w * t * (max(-x, 0) + log1p(exp(-abs(x))))
                        + (1 - t) * (max(x, 0) + log1p(exp(-abs(x))))
                    let slope = (1 - t) * Self.sigmoid(x) - w * t * Self.sigmoid(-x)
                    total += loss
                    #expect(abs(Double(losses[i]) - loss) < 1e-6 * max(1, loss) * max(1, w))
                    #expect(abs(Double(slopes[i]) - slope * Double(g[i])) < 1e-5)
                    #expect(abs(Double(repeated[i]) - 2 * slope) < 1e-5)
                }
                #expect(losses.last == 9 && slopes.last == 9 && repeated.last == 9)
                #expect(abs(Double(sum) - total) < 1e-5 * max(1, total))
                #expect(kernels(level).binary_cross_entropy(x, t, weight, nil, count) == sum)
            }
        }
    }

    @Test(arguments: CPULevel.available)
    func `elementary functions are those of double over the whole range`(_ level: CPULevel) {
        let functions: [(kk_elementary, Function)] = [
            (kk_elementary_exp, { exp($0) }), (kk_elementary_log, { log($0) }),
            (kk_elementary_sqrt, { $0.squareRoot() }), (kk_elementary_rsqrt, { 1 / $0.squareRoot() }),
        ]
        var x = stride(from: Float(-110), through: 100, by: 0.0137).map { $0 }
        x += (-149...127).map { Float(sign: .plus, exponent: $0, significand: 1) * 1.37 }
        x += [
            0, 1, .infinity, -.infinity, .nan, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 88.72, 88.73,
        ]
        for (function, exact) in functions {
            var y = [Float](repeating: 9, count: x.count + 1)
            kernels(level).elementary(x, &y, x.count, function)
            for (x, y) in zip(x, y) {
                let expected = exact(Double(x))
                if Float(expected).isNaN || Float(expected).isInfinite {
                    #expect(
                        y.isNaN == expected.isNaN && (y.isNaN || y == Float(expected)),
                        "\(function) of \(x): \(y)")
                } else {
                    // Relative, absolute about log's zero, and a unit of the denormals.
                    let floor = function == kk_elementary_log ? 1 : Double(Float.leastNormalMagnitude)
                    let error = abs(Double(y) - expected) / max(abs(expected), floor)
                    #expect(error <= 3e-7, "\(function) of \(x): \(y), expected \(expected)")
                }
            }
            #expect(y.last == 9)
        }
    }
}
