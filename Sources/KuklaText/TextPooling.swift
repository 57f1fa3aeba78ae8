import KuklaNN
public import KuklaNumerics

/// How a model that is trained makes one vector of a text's tokens.
public enum TextPooling: Sendable, Hashable, CustomStringConvertible {
    /// Their mean.
    case mean
    /// The last one, which ends the text ([SEP]).
    case last
    /// The mean of what latent attention makes of them (`LatentAttentionPooling`).
    case latent(LatentAttentionShape)

    /// Reads `mean`, `last`, `latent:512x8` (latents and heads) or `latent:512x8x64` (and the width of a head).
    ///
    /// - Throws: `KuklaError.usage` that says what was expected.
    public init(parsing text: String) throws(KuklaError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        switch (parts.first, parts.count) {
        case ("mean", 1): self = .mean
        case ("last", 1): self = .last
        case ("latent", 2):
            let numbers = parts[1].split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
            guard (2...3).contains(numbers.count), let latents = numbers[0], let heads = numbers[1],
                numbers.count == 2 || numbers[2] != nil
            else { fallthrough }
            self = .latent(
                try LatentAttentionShape(
                    latents: latents, heads: heads, headWidth: numbers.count == 3 ? numbers[2] : nil))
        default:
            throw KuklaError(
                .usage,
                "Unknown pooling '\(text)': expected mean, last, or latent:512x8 (latents x heads; x64 behind it sets a head's width)."
            )
        }
    }

    public var description: String {
        switch self {
        case .mean: "mean"
        case .last: "last"
        case .latent(let shape):
            "latent:\(shape.latents)x\(shape.heads)" + (shape.headWidth.map { "x\($0)" } ?? "")
        }
    }
}

/// The sizes of `LatentAttentionPooling`.
public struct LatentAttentionShape: Sendable, Hashable {
    public let latents: Int
    public let heads: Int
    /// Components of a head's queries, keys and values; nil: as many as a token has.
    public let headWidth: Int?

    /// - Throws: `KuklaError.usage` for sizes below 1 or beyond any use.
    public init(latents: Int, heads: Int, headWidth: Int? = nil) throws(KuklaError) {
        for (what, value, most) in [
            ("latents", latents, 1 << 14), ("heads", heads, 64),
            ("components of a head", headWidth ?? 1, 1 << 12),
        ] where !(1...most).contains(value) {
            throw KuklaError(
                .usage, "Cannot pool by latent attention with \(value) \(what): expected 1 to \(most).")
        }
        self.latents = latents
        self.heads = heads
        self.headWidth = headWidth
    }
}
