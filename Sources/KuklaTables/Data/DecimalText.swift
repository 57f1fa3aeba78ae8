import Foundation

/// Numbers as texts of a table hold them.
enum DecimalText {
    /// The finite decimal number that the bytes are, or nil.
    ///
    /// - Complexity: O(length); digits and a point are read without a copy.
    static func number(_ bytes: UnsafeRawBufferPointer) -> Double? {
        guard !bytes.isEmpty else { return nil }
        var i = 0
        let isNegative = bytes[0] == UInt8(ascii: "-")
        if isNegative || bytes[0] == UInt8(ascii: "+") { i = 1 }
        var mantissa: UInt64 = 0
        var digits = 0
        var decimals = 0
        var hasPoint = false
        while i < bytes.count {
            let byte = bytes[i]
            if byte == UInt8(ascii: "."), !hasPoint {
                hasPoint = true
            } else if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9"), digits < 15 {
                mantissa = mantissa * 10 + UInt64(byte - UInt8(ascii: "0"))
                digits += 1
                if hasPoint { decimals += 1 }
            } else {
                return careful(bytes)
            }
            i += 1
        }
        guard digits > 0 else { return nil }
        // Both are exact in double, so that the quotient is rounded once.
        let value = Double(mantissa) / powersOfTen[decimals]
        return isNegative ? -value : value
    }

    /// Whether the bytes are a number with a decimal point or an exponent: hardly a category.
    static func looksFractional(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.contains { $0 == UInt8(ascii: ".") || $0 | 0x20 == UInt8(ascii: "e") } && number(bytes) != nil
    }

    private static let powersOfTen: [Double] = (0...15).map { pow(10, Double($0)) }

    // Exponents and many digits. No hexadecimal numbers, no infinities.
    private static func careful(_ bytes: UnsafeRawBufferPointer) -> Double? {
        let allowed = bytes.allSatisfy {
            ($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9"))
                || [0x2B, 0x2D, 0x2E, 0x45, 0x65].contains($0)
        }
        guard allowed, let value = Double(String(decoding: bytes, as: UTF8.self)), value.isFinite else {
            return nil
        }
        return value
    }
}
