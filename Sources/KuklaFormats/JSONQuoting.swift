/// `text` as a JSON string, quotes included.
///
/// Stretches without anything to escape are copied whole: most texts are one such stretch.
package func jsonQuoted(_ text: String) -> String {
    var text = text
    return text.withUTF8 { bytes in
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count + 2)
        out.append(UInt8(ascii: "\""))
        var start = 0
        for (i, byte) in bytes.enumerated() where needsEscape(byte) {
            out += bytes[start..<i]
            appendEscape(byte, to: &out)
            start = i + 1
        }
        out += bytes[start...]
        out.append(UInt8(ascii: "\""))
        return String(decoding: out, as: UTF8.self)
    }
}

/// Bytes of longer characters are all above these.
private func needsEscape(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
}

private func appendEscape(_ byte: UInt8, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\\"))
    switch byte {
    case UInt8(ascii: "\n"): out.append(UInt8(ascii: "n"))
    case UInt8(ascii: "\r"): out.append(UInt8(ascii: "r"))
    case UInt8(ascii: "\t"): out.append(UInt8(ascii: "t"))
    case 0..<0x20:
        let digits = Array("0123456789abcdef".utf8)
        out += [UInt8(ascii: "u"), UInt8(ascii: "0"), UInt8(ascii: "0")]
        out += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    default: out.append(byte)
    }
}
