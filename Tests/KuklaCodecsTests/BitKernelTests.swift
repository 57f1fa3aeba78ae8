import CKernels
import KuklaNumerics
import Testing

@Suite struct BitKernelTests {
    static let sizes = [1, 2, 3, 4, 5, 7, 8, 13, 48, 127, 128, 131, 132, 300]

    private func scan(
        _ level: CPULevel, codeBytes: Int, queries: Int, planes: Int, blocks: Int, extra: Int
    ) -> [Float] {
        let blockBytes = 32 * (codeBytes + extra)
        let codes = QuantizerFixtures.bytes(blocks * blockBytes, seed: UInt64(codeBytes))
        let groups = (codeBytes + 3) / 4
        var tables = QuantizerFixtures.bytes(queries * planes * groups * 128, seed: 5)
        for t in 0..<queries * planes {  // what is past the last byte must be zero
            for i in codeBytes..<groups * 4 {
                for e in 0..<16 {
                    tables[t * groups * 128 + i / 4 * 128 + i % 4 * 16 + e] = 0
                    tables[t * groups * 128 + i / 4 * 128 + i % 4 * 16 + 64 + e] = 0
                }
            }
        }
        let bias = (0..<queries).map { Float($0) - 2 }
        let scale = (0..<queries).map { Float($0 + 1) * 0.25 }
        let stride = blocks * 32 + 5
        var out = [Float](repeating: -1, count: queries * stride)
        kk_bit_kernels_for(level.kernelLevel).pointee.nibble_scan(
            codes, blocks, blockBytes, codeBytes, tables, queries, planes, bias, scale, &out, stride)
        return out
    }

    @Test(arguments: CPULevel.available)
    func `nibble scans equal the portable one`(level: CPULevel) {
        for codeBytes in Self.sizes {
            for (queries, planes) in [(1, 1), (2, 1), (3, 1), (15, 1), (1, 2), (2, 2), (7, 2)] {
                let expected = scan(
                    .portable, codeBytes: codeBytes, queries: queries, planes: planes, blocks: 3, extra: 8)
                let found = scan(
                    level, codeBytes: codeBytes, queries: queries, planes: planes, blocks: 3, extra: 8)
                // Sums are the same integers; a fused multiply-add may round the last bit otherwise.
                let worst = zip(expected, found).map { abs($0 - $1) / max(abs($0), 1) }.max()!
                #expect(worst <= 2.5e-7, "\(codeBytes) bytes, \(queries) queries, \(planes) planes: \(worst)")
            }
        }
        #expect(Set(scan(level, codeBytes: 8, queries: 2, planes: 1, blocks: 0, extra: 0)) == [-1])
    }

    @Test(arguments: CPULevel.available)
    func `scores are divided by lengths alike at all levels`(level: CPULevel) {
        let numbers = QuantizerFixtures.bytes(3 * 80, seed: 4)
        var scores = (0..<96).map { Float($0) - 40 }
        kk_bit_kernels_for(level.kernelLevel).pointee.divide_by_lengths(numbers, 3, 80, 0.7, 24, 16, &scores)
        for v in 0..<96 {
            let at = v / 32 * 80 + v % 32 * 2
            let n = Float(Int(numbers[at]) + 256 * Int(numbers[at + 1]))
            let square = 24 + 16 * n
            #expect(scores[v] == (Float(v) - 40) * 0.7 / square.squareRoot())
        }
    }

    @Test(arguments: CPULevel.available)
    func `two-bit scans give products over lengths, alike at all levels`(level: CPULevel) {
        for codeBytes in Self.sizes + [512] {
            let blockBytes = 32 * (codeBytes + 2)
            let codes = QuantizerFixtures.bytes(3 * blockBytes, seed: UInt64(codeBytes))
            let stride = (codeBytes + 3) / 4 * 128
            for count in [1, 2, 3, 8, 15] {
                let packed = QuantizerFixtures.bytes(count * codeBytes, seed: 9)
                let scales = (0..<count).map { 0.1 + Float($0) }
                var found: [[Float]] = []
                for level in [level, .portable] {
                    let kernels = kk_bit_kernels_for(level.kernelLevel).pointee
                    var queries = [UInt8](repeating: 0xA5, count: count * stride)
                    var out = [Float](repeating: -1, count: count * 100)
                    queries.withUnsafeMutableBufferPointer { queries in
                        packed.withUnsafeBufferPointer {
                            for q in 0..<count {
                                kernels.two_bit_query(
                                    $0.baseAddress! + q * codeBytes, codeBytes,
                                    queries.baseAddress! + q * stride)
                            }
                        }
                    }
                    kernels.two_bit_scan(
                        codes, 3, blockBytes, codeBytes, queries, count, Float(36 * codeBytes), scales, 24,
                        16, &out, 100)
                    found.append(out)
                }
                #expect(found[0] == found[1], "\(codeBytes) bytes, \(count) queries")
                for v in [0, 31, 32, 77, 95] {
                    let (block, slot) = (v / 32 * blockBytes, v % 32)
                    let number = block + 32 * codeBytes + 2 * slot
                    let n = Float(Int(codes[number]) + 256 * Int(codes[number + 1]))
                    for q in 0..<count {
                        var product = 0
                        for i in 0..<4 * codeBytes {
                            let at =
                                i / 16 < codeBytes / 4
                                ? i / 16 * 128 + slot * 4 + i / 4 % 4 : i / 4 * 32 + slot
                            let stored = Int(codes[block + at]) >> (i % 4 * 2) & 3
                            let asked = Int(packed[q * codeBytes + i / 4]) >> (i % 4 * 2) & 3
                            product += (2 * stored - 3) * (2 * asked - 3)
                        }
                        let expected = Float(product) * scales[q] * (1 / (24 + 16 * n).squareRoot())
                        #expect(found[0][q * 100 + v] == expected)
                    }
                }
                #expect(found[0][96..<100].allSatisfy { $0 == -1 })
            }
        }
    }

    @Test(arguments: CPULevel.available)
    func `nibble sums do not saturate`(level: CPULevel) {
        let codeBytes = 1024
        let tables = [UInt8](repeating: 255, count: codeBytes * 32)
        let codes = [UInt8](repeating: 0x5A, count: 32 * codeBytes)
        var out = [Float](repeating: 0, count: 32)
        kk_bit_kernels_for(level.kernelLevel).pointee.nibble_scan(
            codes, 1, codes.count, codeBytes, tables, 1, 1, [0], [1], &out, 32)
        #expect(Set(out) == [Float(255 * 2 * codeBytes)])
    }

    @Test(arguments: CPULevel.available)
    func `Hamming distances equal counted bits`(level: CPULevel) {
        for codeBytes in Self.sizes {
            for queries in [1, 2, 3, 8, 15] {
                let blockBytes = 32 * codeBytes + 64
                let codes = QuantizerFixtures.bytes(2 * blockBytes, seed: 3)
                let width = (codeBytes + 3) / 4 * 4
                var bits = QuantizerFixtures.bytes(queries * width, seed: 4)
                for q in 0..<queries { for i in codeBytes..<width { bits[q * width + i] = 0 } }
                var out = [Float](repeating: -1, count: queries * 70)
                kk_bit_kernels_for(level.kernelLevel).pointee.hamming_scan(
                    codes, 2, blockBytes, codeBytes, bits, queries, -2, &out, 70)
                var expected = [Float](repeating: -1, count: queries * 70)
                for q in 0..<queries {
                    for v in 0..<64 {
                        var count = 0
                        for i in 0..<codeBytes {
                            let whole = codeBytes / 4 * 4
                            let at = i < whole ? i / 4 * 128 + v % 32 * 4 + i % 4 : i * 32 + v % 32
                            count += (codes[v / 32 * blockBytes + at] ^ bits[q * width + i]).nonzeroBitCount
                        }
                        expected[q * 70 + v] = -2 * Float(count)
                    }
                }
                #expect(out == expected, "\(codeBytes) bytes, \(queries) queries")
            }
        }
    }

    @Test(arguments: CPULevel.available)
    func `rescaled products equal the portable ones`(level: CPULevel) {
        var random = RandomSource(seed: 9)
        for count in [0, 1, 15, 16, 17, 64, 383] {
            let x = (0..<count).map { _ in abs(random.normal()) }
            var (p, s, product, square): (Float, Float, Float, Float) = (0, 0, 0, 0)
            kk_bit_kernels_for(kk_level_portable).pointee.rescaled_product(x, count, 3.7, 7, &p, &s)
            kk_bit_kernels_for(level.kernelLevel).pointee.rescaled_product(
                x, count, 3.7, 7, &product, &square)
            #expect(abs(p - product) <= 1e-5 * abs(p))
            #expect(abs(s - square) <= 1e-5 * abs(s))
        }
    }
}
