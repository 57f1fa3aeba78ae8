public import KuklaNumerics

/// The name of a collection or an alias, which is also the name of a folder: 1 to 100 letters, digits, `-`, `_` and `.`,
/// of ASCII, beginning with a letter or a digit, without two dots in a row.
public struct CollectionName: Hashable, Sendable, CustomStringConvertible {
    public let description: String

    /// - Throws: `KuklaError.usage` for every other text.
    public init(_ text: String) throws(KuklaError) {
        func isLetterOrDigit(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"):
                true
            default: false
            }
        }
        let bytes = Array(text.utf8)
        guard (1...100).contains(bytes.count), isLetterOrDigit(bytes[0]), !text.contains(".."),
            bytes.allSatisfy({ isLetterOrDigit($0) || [45, 46, 95].contains($0) })
        else {
            let shown = text.unicodeScalars.prefix(40).map { $0.escaped(asASCII: true) }.joined()
            throw KuklaError(
                .usage,
                "Cannot name a collection '\(shown)': expected 1 to 100 letters, digits, '-', '_' and '.' (no two in a row), beginning with a letter or a digit."
            )
        }
        description = text
    }
}
