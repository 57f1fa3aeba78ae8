public import KuklaNumerics

/// The name of a model on the hub: `ORG/NAME`, or `NAME` alone for the few old models without an owner.
public struct ModelIdentifier: Sendable, Hashable, CustomStringConvertible {
    public let owner: String?
    public let name: String

    /// - Throws: `KuklaError.usage` where `text` is not such a name; the characters are those that the hub
    ///   allows, so a name can never leave the cache folder.
    public init(_ text: String) throws(KuklaError) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard (1...2).contains(parts.count), parts.allSatisfy(Self.isValid) else {
            throw KuklaError(
                .usage,
                "'\(text)' is not the name of a model on the hub; expected ORG/NAME of letters, digits, '-', '_' "
                    + "and '.', like sentence-transformers/all-MiniLM-L6-v2")
        }
        owner = parts.count == 2 ? parts[0] : nil
        name = parts[parts.count - 1]
    }

    /// `ORG/NAME`.
    public var description: String { owner.map { "\($0)/\(name)" } ?? name }

    /// The name of its folder in a cache: `ORG--NAME`.
    public var folderName: String { owner.map { "\($0)--\(name)" } ?? name }

    private static func isValid(_ part: String) -> Bool {
        !part.isEmpty && part.utf8.count <= 96 && part.first != "." && part.first != "-"
            && !part.contains("..") && !part.contains("--")
            && part.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte == 0x2D || byte == 0x2E || byte == 0x5F
            }
    }
}
