/// What the BERT normaliser does to a text before it is cut into words.
///
/// The names and defaults are those of Hugging Face's `BertNormalizer`, whose behaviour this follows code point
/// by code point.
public struct BertNormalization: Hashable, Sendable {
    /// Removes control, format, private-use and unassigned characters, and makes every white space a space.
    public var cleansText: Bool
    /// Makes every ideograph a word of its own.
    public var isolatesIdeographs: Bool
    /// Decomposes canonically and removes combining marks.
    public var stripsAccents: Bool
    /// Maps every character to its lowercase form, without regard to its neighbours.
    public var lowercases: Bool

    /// Creates a normalisation; the defaults are those of the uncased BERT models.
    public init(
        cleansText: Bool = true, isolatesIdeographs: Bool = true, stripsAccents: Bool = true,
        lowercases: Bool = true
    ) {
        self.cleansText = cleansText
        self.isolatesIdeographs = isolatesIdeographs
        self.stripsAccents = stripsAccents
        self.lowercases = lowercases
    }
}
