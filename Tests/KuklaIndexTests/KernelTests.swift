import CKernels
import KuklaIndex
import KuklaNumerics
import Testing

/// Sizes around the widths of the kernels.
private let sizes = [0, 1, 7, 8, 63, 64, 65, 127, 128, 129, 1001]

@Suite struct KernelTests {
    @Test(arguments: CPULevel.available)
    func `the pre-filter finds exactly the allowed scores above the bar`(level: CPULevel) {
        let select = kk_topk_kernels_for(level.kernelLevel).pointee.select_above_f32
        var random = RandomSource(seed: 1)
        for size in sizes {
            for filtered in [false, true] {
                var scores = (0..<size).map { _ in Float(Int.random(in: -3...3, using: &random)) }
                for i in stride(from: 0, to: size, by: 9) { scores[i] = .nan }
                if size > 5 { scores[5] = .infinity }
                let allowed = (0..<(size + 63) / 64).map { _ in random.next() }
                var found = [UInt32](repeating: 0, count: size)
                let count = allowed.withUnsafeBufferPointer {
                    select(scores, size, 1, filtered ? $0.baseAddress : nil, &found)
                }
                let expected = (0..<size).filter {
                    scores[$0] > 1 && (!filtered || allowed[$0 / 64] >> UInt64($0 % 64) & 1 == 1)
                }
                #expect(found.prefix(count).map { Int($0) } == expected, "\(size) scores, filter \(filtered)")
            }
        }
    }

    @Test(arguments: CPULevel.available)
    func `scores above a bar are counted and collected, also in place`(level: CPULevel) {
        let kernels = kk_topk_kernels_for(level.kernelLevel).pointee
        var random = RandomSource(seed: 3)
        for size in sizes {
            var scores = (0..<size).map { _ in Float(Int.random(in: -3...3, using: &random)) }
            for i in stride(from: 0, to: size, by: 9) { scores[i] = .nan }
            var numbers = (0..<UInt32(size)).map { 7 * $0 + 1 }
            for bar in [-Float.infinity, -1, Float(1).nextDown, 2, 9] {
                let expected = (0..<size).filter { scores[$0] > bar }
                #expect(kernels.count_above_f32(scores, size, bar) == expected.count)
                var (outScores, outNumbers) = (scores, numbers)
                let count = kernels.collect_above_f32(scores, numbers, size, bar, &outScores, &outNumbers)
                #expect(outNumbers.prefix(count).elementsEqual(expected.map { numbers[$0] }))
                #expect(outScores.prefix(count).elementsEqual(expected.map { scores[$0] }))
            }
            let expected = (0..<size).filter { scores[$0] > 0 }.map { numbers[$0] }
            let count = scores.withUnsafeMutableBufferPointer { scores in
                numbers.withUnsafeMutableBufferPointer { numbers in
                    guard let s = scores.baseAddress, let n = numbers.baseAddress else { return 0 }
                    return kernels.collect_above_f32(s, n, size, 0, s, n)
                }
            }
            #expect(numbers.prefix(count).elementsEqual(expected), "\(size) scores in place")
        }
    }

    @Test(arguments: CPULevel.available)
    func `a checksum is that of the definition, in one piece or in several`(level: CPULevel) {
        var random = RandomSource(seed: 2)
        for size in sizes + [4095, 4096, 4104, 12_287, 12_288, 12_289, 40_001] {
            let bytes = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
            let split = size == 0 ? 0 : Int.random(in: 0..<size, using: &random)
            var whole = Checksum()
            var parts = Checksum()
            bytes.withUnsafeBytes {
                whole.add($0, level: level)
                parts.add(UnsafeRawBufferPointer(rebasing: $0[..<split]), level: level)
                parts.add(UnsafeRawBufferPointer(rebasing: $0[split...]), level: level)
            }
            #expect(whole.value == definition(bytes), "\(size) bytes")
            #expect(parts == whole, "\(size) bytes, split at \(split)")
        }
    }

    @Test func `the checksum of the usual test string is the published one`() {
        #expect(Array("123456789".utf8).withUnsafeBytes { Checksum(of: $0) }.value == 0xE306_9283)
    }

    /// CRC-32C a bit at a time.
    private func definition(_ bytes: [UInt8]) -> UInt32 {
        var crc = UInt32.max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
        }
        return ~crc
    }
}
