/// The token ids of one text.
public struct Tokenization: Hashable, Sendable {
    /// The ids, with the special tokens that the model puts before and after a text.
    public let ids: [Int32]
    /// Whether the text had more tokens than the maximum length let through.
    public let isTruncated: Bool
}

/// The token ids of many texts, one after the other without padding.
public struct TokenBatch: Hashable, Sendable {
    /// The ids of all texts.
    public package(set) var ids: [Int32] = []
    /// `count + 1` ascending positions in `ids`: text `i` has the ids `offsets[i]..<offsets[i + 1]`.
    public package(set) var offsets: [Int] = [0]
    /// How many texts were cut at the maximum length.
    public package(set) var truncatedCount = 0
    /// How many of each text's tokens belong to its prompt, special ones before them included; empty where no text has one. At least
    /// one token of a text does not.
    public package(set) var promptLengths: [Int] = []

    /// Creates a batch of no texts.
    public init() {}

    /// The number of texts.
    public var count: Int { offsets.count - 1 }

    /// The ids of text `index`.
    public subscript(index: Int) -> ArraySlice<Int32> { ids[offsets[index]..<offsets[index + 1]] }

    /// How many tokens of text `index` belong to its prompt.
    public func promptLength(_ index: Int) -> Int { promptLengths.isEmpty ? 0 : promptLengths[index] }

    /// Adds the texts of `other` after the texts of this batch.
    package mutating func append(_ other: TokenBatch) {
        let base = ids.count
        if !promptLengths.isEmpty || !other.promptLengths.isEmpty {
            promptLengths = (0..<count).map(promptLength) + (0..<other.count).map(other.promptLength)
        }
        ids.append(contentsOf: other.ids)
        offsets.append(contentsOf: other.offsets.dropFirst().lazy.map { $0 + base })
        truncatedCount += other.truncatedCount
    }
}
