import KuklaNumerics

/// Small numbers of `bits` bits each, one behind another without gaps, the lowest bit first.
struct PackedCodes: Sendable {
    /// 1 to 8.
    let bits: Int
    let count: Int
    let bytes: AlignedStorage<UInt8>

    static func byteCount(_ count: Int, bits: Int) -> Int { (count * bits + 7) / 8 }

    init(bits: Int, count: Int, bytes: AlignedStorage<UInt8>) {
        contract(
            (1...8).contains(bits) && bytes.buffer.count == Self.byteCount(count, bits: bits),
            "PackedCodes: \(bytes.buffer.count) bytes for \(count) codes of \(bits) bits")
        self.bits = bits
        self.count = count
        self.bytes = bytes
    }

    /// - Precondition: every code is below `2^bits`.
    init(_ codes: [UInt8], bits: Int) {
        let bytes = AlignedStorage<UInt8>(zeros: Self.byteCount(codes.count, bits: bits))
        for (i, code) in codes.enumerated() {
            let (byte, shift) = (i * bits).quotientAndRemainder(dividingBy: 8)
            let word = UInt16(code) << UInt16(shift)
            bytes.pointer[byte] |= UInt8(truncatingIfNeeded: word)
            if shift + bits > 8 { bytes.pointer[byte + 1] |= UInt8(truncatingIfNeeded: word >> 8) }
        }
        self.init(bits: bits, count: codes.count, bytes: bytes)
    }

    subscript(index: Int) -> Int {
        let (byte, shift) = (index * bits).quotientAndRemainder(dividingBy: 8)
        var word = UInt16(bytes.pointer[byte])
        if shift + bits > 8 { word |= UInt16(bytes.pointer[byte + 1]) << 8 }
        return Int(word >> UInt16(shift)) & (1 << bits - 1)
    }
}
