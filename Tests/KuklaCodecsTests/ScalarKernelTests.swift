import CKernels
import KuklaCodecs
import KuklaNumerics
import Testing

@Suite struct ScalarKernelTests {
    private static let sizes = [1, 2, 3, 4, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129, 255, 257, 384, 1001]

    private struct Codes {
        let bits: Int
        let dimensions: Int
        let part: Int
        let padded: Int
        let rowBytes: Int
        /// Codes `[rows][dimensions]` and the same, packed.
        var plain: [[Int]] = []
        var packed: [UInt8] = []
        let minimum: [Float]
        let inverse: [Float]

        init(bits: Int, dimensions: Int, rows: Int, random: inout RandomSource) {
            self.bits = bits
            self.dimensions = dimensions
            let parts = bits == 8 ? 1 : bits == 4 ? 2 : 4
            part = (dimensions + parts - 1) / parts
            padded = (part + 63) / 64 * 64
            let codeBytes = bits == 8 ? dimensions : bits == 4 ? part : 3 * part
            rowBytes = codeBytes + 4
            minimum = (0..<dimensions).map { _ in random.normal() }
            inverse = (0..<dimensions).map { _ in 0.5 + random.uniform() }
            packed = [UInt8](repeating: 0xFF, count: rows * rowBytes)
            for row in 0..<rows {
                let codes = (0..<dimensions).map { _ in Int.random(in: 0..<(1 << bits), using: &random) }
                plain.append(codes)
                let vector = (0..<dimensions).map { minimum[$0] + Float(codes[$0]) / inverse[$0] }
                packed.withUnsafeMutableBufferPointer {
                    kk_scalar_encode_row(
                        vector, dimensions, Int32(bits), minimum, inverse, $0.baseAddress! + row * rowBytes)
                }
            }
        }
    }

    @Test(arguments: CPULevel.available, [8, 6, 4])
    func `integer scans are exact and decoding gives the levels, at every size`(level: CPULevel, bits: Int) {
        let kernels = kk_scalar_kernels_for(level.kernelLevel).pointee
        let dot = bits == 8 ? kernels.dot_rows_8 : bits == 6 ? kernels.dot_rows_6 : kernels.dot_rows_4
        let decode =
            bits == 8 ? kernels.decode_rows_8 : bits == 6 ? kernels.decode_rows_6 : kernels.decode_rows_4
        var random = RandomSource(seed: 7)
        for dimensions in Self.sizes {
            for rows in [1, 2, 3, 4, 5, 9] {
                let codes = Codes(bits: bits, dimensions: dimensions, rows: rows, random: &random)
                let weights = (0..<dimensions).map { _ in Int.random(in: -16256...16256, using: &random) }
                var layout = [Int16](repeating: 0, count: codes.padded * 4)
                for i in 0..<dimensions {
                    layout[i / codes.part * codes.padded + i % codes.part] = Int16(weights[i])
                }
                let high = layout.map { Int8((Int($0) + 64) >> 7) }
                let low = layout.map { Int8(((Int($0) + 64) & 127) - 64) }
                var out = [Float](repeating: .nan, count: rows + 1)
                layout.withUnsafeBufferPointer { weights in
                    high.withUnsafeBufferPointer { high in
                        low.withUnsafeBufferPointer { low in
                            var query = kk_scalar_query(
                                weights: weights.baseAddress!, high: high.baseAddress!, low: low.baseAddress!,
                                part: codes.part, padded: codes.padded)
                            dot(&query, codes.packed, rows, codes.rowBytes, &out)
                        }
                    }
                }
                for row in 0..<rows {
                    let exact = zip(weights, codes.plain[row]).reduce(0) { $0 + $1.0 * $1.1 }
                    let magnitude = zip(weights, codes.plain[row]).reduce(0) { $0 + abs($1.0 * $1.1) }
                    #expect(
                        abs(Double(out[row]) - Double(exact)) <= Double(magnitude) * 0x1p-22,
                        "d \(dimensions), row \(row) of \(rows): \(out[row]), expected \(exact)")
                }
                #expect(out[rows].isNaN, "wrote past the last row")

                var floats = [Float](repeating: .nan, count: rows * dimensions + 1)
                let step = (0..<dimensions).map { _ in random.uniform() }
                decode(codes.packed, rows, codes.rowBytes, dimensions, codes.minimum, step, &floats)
                for row in 0..<rows {
                    for i in 0..<dimensions {
                        let expected = codes.minimum[i] + step[i] * Float(codes.plain[row][i])
                        #expect(
                            abs(floats[row * dimensions + i] - expected) <= 1e-4,
                            "d \(dimensions), row \(row), component \(i)")
                    }
                }
                #expect(floats[rows * dimensions].isNaN, "wrote past the last component")
            }
        }
    }

    @Test func `long vectors do not overflow the integer sums`() throws {
        for dimensions in [4096, 20_011] {
            var random = RandomSource(seed: 3)
            // All components at the top level, and a query of one sign: the largest sum there is.
            var vectors = Matrix(rows: 4, columns: dimensions)
            for i in 0..<dimensions {
                for row in 1..<4 { vectors[row, i] = 1 - 0.001 * random.uniform() }
            }
            let codec = try CodecConfiguration(parsing: "SQ8").train(on: vectors, metric: .cosine)
            let codes = codec.encoded(vectors)
            let query = vectors[rows: 1..<2]
            let score = codec.scores(query, codes, count: 4)[0][1]
            let exact = exactScore(query.row(0), codec.decoded(codes, count: 4).row(1), .cosine)
            #expect(abs(Double(score) / exact - 1) < 1e-3, "\(score), expected \(exact)")
        }
    }
}

@Suite struct HalfKernelTests {
    @Test(arguments: CPULevel.available)
    func `all 65536 half floats read as Float16 does, and come back`(level: CPULevel) {
        let kernels = kk_half_kernels_for(level.kernelLevel).pointee
        let all = (0...UInt16.max).map { $0 }
        var floats = [Float](repeating: 0, count: all.count)
        kernels.from_f16(all, all.count, &floats)
        var back = [UInt16](repeating: 0, count: all.count)
        kernels.to_f16(floats, all.count, &back)
        for (i, bits) in all.enumerated() {
            let exact = Float(Float16(bitPattern: bits))
            if exact.isNaN {
                #expect(floats[i].isNaN)
                #expect(Float16(bitPattern: back[i]).isNaN)
            } else {
                #expect(floats[i].bitPattern == exact.bitPattern)
                let limited = max(-65504, min(65504, Float16(bitPattern: bits)))
                #expect(back[i] == limited.bitPattern)
            }
        }
        kernels.from_bf16(all, all.count, &floats)
        kernels.to_bf16(floats, all.count, &back)
        for (i, bits) in all.enumerated() {
            #expect(floats[i].bitPattern == UInt32(bits) << 16)
            if floats[i].isFinite { #expect(back[i] == bits) }
        }
    }

    @Test(arguments: CPULevel.available)
    func `conversion rounds to nearest, ties to even`(level: CPULevel) {
        let kernels = kk_half_kernels_for(level.kernelLevel).pointee
        var random = RandomSource(seed: 11)
        var floats: [Float] = [
            0, -0.0, 1, 65504, 65519, 65520, 1e9, -1e9, 0x1p-24, 0x1p-25, 0x1.8p-25, 0x1p-26,
        ]
        for _ in 0..<50_000 {
            floats.append(Float(bitPattern: UInt32(truncatingIfNeeded: random.next())))
            floats.append(random.normal() * 0x1p-14)
            // Exactly between two neighbours.
            floats.append(Float(bitPattern: UInt32(truncatingIfNeeded: random.next()) & 0xBFFF_E000 | 0x1000))
        }
        floats = floats.filter { $0.isFinite }
        var half = [UInt16](repeating: 0, count: floats.count)
        kernels.to_f16(floats, floats.count, &half)
        for (x, bits) in zip(floats, half) {
            let exact = Float16(max(-65504, min(65504, x)))
            #expect(bits == exact.bitPattern, "\(x)")
        }
        kernels.to_bf16(floats, floats.count, &half)
        for (x, bits) in zip(floats, half) {
            let below = Float(bitPattern: x.bitPattern & 0xFFFF_0000)
            let above = Float(bitPattern: (x.bitPattern & 0xFFFF_0000) &+ 0x1_0000)
            let (a, b) = (abs(Double(x) - Double(below)), abs(Double(above) - Double(x)))
            let even = below.bitPattern & 0x1_0000 == 0 ? below : above
            var expected = a < b ? below : b < a ? above : even
            if !above.isFinite { expected = below }
            #expect(UInt32(bits) << 16 == expected.bitPattern, "\(x)")
        }
    }

    @Test(arguments: CPULevel.available)
    func `half rows score as in double, at every size`(level: CPULevel) {
        let kernels = kk_half_kernels_for(level.kernelLevel).pointee
        var random = RandomSource(seed: 5)
        for dimensions in [0, 1, 7, 8, 9, 15, 16, 17, 31, 33, 384, 1001] {
            for rows in [0, 1, 2, 3, 4, 5, 9] {
                let query = (0..<dimensions).map { _ in random.normal() }
                let floats = (0..<rows * dimensions).map { _ in random.normal() }
                var f16 = [UInt16](repeating: 0, count: floats.count)
                var bf16 = f16
                kernels.to_f16(floats, floats.count, &f16)
                kernels.to_bf16(floats, floats.count, &bf16)
                func check(
                    _ kernel: kk_rows_half, _ codes: [UInt16], _ value: (UInt16) -> Float, _ metric: Metric
                ) {
                    var out = [Float](repeating: .nan, count: rows + 1)
                    kernel(query, codes, rows, dimensions, &out)
                    for row in 0..<rows {
                        let x = codes[row * dimensions..<(row + 1) * dimensions].map(value)
                        let exact = abs(exactScore(query, x, metric))
                        #expect(
                            abs(abs(Double(out[row])) - exact) <= 1e-5 * Double(dimensions),
                            "d \(dimensions) row \(row): \(out[row]), expected \(exact)")
                    }
                    #expect(out[rows].isNaN)
                }
                let f16Value = { (bits: UInt16) in Float(Float16(bitPattern: bits)) }
                let bf16Value = { (bits: UInt16) in Float(bitPattern: UInt32(bits) << 16) }
                check(kernels.dot_rows_f16, f16, f16Value, .innerProduct)
                check(kernels.squared_euclidean_rows_f16, f16, f16Value, .squaredEuclidean)
                check(kernels.dot_rows_bf16, bf16, bf16Value, .innerProduct)
                check(kernels.squared_euclidean_rows_bf16, bf16, bf16Value, .squaredEuclidean)
            }
        }
    }
}
