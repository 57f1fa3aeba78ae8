/// Reads and writes single characters of UTF-8, without trust in the bytes.
enum UTF8Decoding {
    /// The code point at `position` and its number of bytes; U+FFFD and 1 where the bytes are no UTF-8.
    @inline(__always)
    static func codePoint(_ text: UnsafeBufferPointer<UInt8>, _ position: Int) -> (UInt32, count: Int) {
        let lead = UInt32(text[position])
        if lead < 0x80 { return (lead, 1) }
        let count = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
        guard lead >= 0xC2, lead < 0xF5, position + count <= text.count else { return (0xFFFD, 1) }
        var codePoint = lead & (0x7F >> UInt32(count))
        for k in 1..<count {
            let byte = UInt32(text[position + k])
            guard byte & 0xC0 == 0x80 else { return (0xFFFD, 1) }
            codePoint = codePoint << 6 | byte & 0x3F
        }
        let smallest: UInt32 = count == 2 ? 0x80 : count == 3 ? 0x800 : 0x1_0000
        guard codePoint >= smallest, codePoint < 0x11_0000, codePoint & 0x1F_F800 != 0xD800 else {
            return (0xFFFD, 1)
        }
        return (codePoint, count)
    }

    /// Writes a code point into the first of four bytes or more, and returns how many it took.
    static func encode(_ codePoint: UInt32, into bytes: UnsafeMutableBufferPointer<UInt8>) -> Int {
        func tail(_ shift: UInt32) -> UInt8 { UInt8(0x80 | codePoint >> shift & 0x3F) }
        switch codePoint {
        case ..<0x80:
            bytes[0] = UInt8(codePoint)
            return 1
        case ..<0x800:
            (bytes[0], bytes[1]) = (UInt8(0xC0 | codePoint >> 6), tail(0))
            return 2
        case ..<0x1_0000:
            (bytes[0], bytes[1], bytes[2]) = (UInt8(0xE0 | codePoint >> 12), tail(6), tail(0))
            return 3
        default:
            (bytes[0], bytes[1], bytes[2], bytes[3]) = (
                UInt8(0xF0 | codePoint >> 18), tail(12), tail(6), tail(0)
            )
            return 4
        }
    }
}
