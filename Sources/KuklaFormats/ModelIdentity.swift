public import KuklaNumerics

/// Which model made vectors: its name for people, and a digest of all that decides what vectors it makes.
///
/// Vectors of two models can be compared where the models are the same, or where one was trained so that its vectors lie in the
/// space of the other's (backward-compatible training: Shen, Xiong, Xia and Soatto 2020, arXiv:2003.11942). The newer one then names
/// the digest of the older. Nothing follows from that for a third.
public struct ModelIdentity: Codable, Hashable, Sendable {
    public let name: String
    /// SHA-256, 64 hexadecimal digits in lower case.
    public let digest: String
    /// Digests of older models with whose vectors those of this one can be compared.
    public let compatibleWith: [String]

    /// Digests that a model may name.
    public static let maximumCompatible = 256

    /// - Throws: `KuklaError.badData` where a digest is none, or there are too many of them.
    public init(name: String, digest: String, compatibleWith: [String] = []) throws(KuklaError) {
        guard compatibleWith.count <= Self.maximumCompatible else {
            throw KuklaError(
                .badData,
                "Cannot use the model '\(name)': it names \(compatibleWith.count) models that it is compatible with, expected at most \(Self.maximumCompatible)."
            )
        }
        for text in [digest] + compatibleWith where !Self.isDigest(text) {
            throw KuklaError(
                .badData,
                "Cannot use the model '\(name)': '\(text.unicodeScalars.prefix(80).map { $0.escaped(asASCII: true) }.joined())' is no digest of a model; expected 64 hexadecimal digits in lower case, as `kukla info MODEL` prints them."
            )
        }
        self.name = name
        self.digest = digest
        self.compatibleWith = compatibleWith
    }

    /// Whether vectors of this model can be compared with those of `other`.
    public func isComparable(with other: ModelIdentity) -> Bool {
        digest == other.digest || compatibleWith.contains(other.digest)
            || other.compatibleWith.contains(digest)
    }

    /// The name with the first digits of the digest, which tell versions of one name apart.
    public var short: String { "\(name) (\(digest.prefix(12)))" }

    private static func isDigest(_ text: String) -> Bool {
        text.utf8.count == 64
            && text.utf8.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
            }
    }
}
