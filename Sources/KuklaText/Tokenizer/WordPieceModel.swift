/// All that a WordPiece tokenizer knows, shared by its copies and by threads. Immutable once built.
final class WordPieceModel: @unchecked Sendable {  // the pointers are written in `init` only
    /// A token that is found in the text as it is written, before anything else is done to the text.
    struct AddedToken {
        var id: Int32
        var content: [UInt8]
        var isSpecial: Bool
    }

    let vocabulary: WordPieceVocabulary
    let characters: BertCharacterTable
    /// Ids before and after every text.
    let leadingIDs: [Int32]
    let trailingIDs: [Int32]
    /// Longest first: where several match, the longest counts.
    let addedTokens: [AddedToken]
    let specialIDs: Set<Int32>
    let prefix: [UInt8]
    let cleansUpDecoding: Bool
    /// For each byte: the byte that stands for it in a word, or 0 where it needs a closer look.
    let folded: UnsafeMutablePointer<UInt8>
    let mayBeginAddedToken: UnsafeMutablePointer<Bool>
    /// For each byte that is always a word of its own: the id of that word; -1 for all others.
    let isolatedIDs: UnsafeMutablePointer<Int32>
    let spaceEndsWord: Bool

    init(_ parts: WordPieceParts) {
        vocabulary = WordPieceVocabulary(
            tokens: parts.tokens, modelTokenCount: parts.modelTokenCount, prefix: parts.prefix,
            unknownID: parts.unknownID, maximumWordCharacters: parts.maximumWordCharacters)
        characters = BertCharacterTable(parts.normalization)
        leadingIDs = parts.leadingIDs
        trailingIDs = parts.trailingIDs
        addedTokens = parts.addedTokens.sorted { $0.content.count > $1.content.count }
        specialIDs = Set(parts.addedTokens.lazy.filter(\.isSpecial).map(\.id))
        prefix = parts.prefix
        cleansUpDecoding = parts.cleansUpDecoding
        mayBeginAddedToken = .allocate(capacity: 256)
        mayBeginAddedToken.initialize(repeating: false, count: 256)
        for token in addedTokens { mayBeginAddedToken[Int(token.content[0])] = true }
        folded = .allocate(capacity: 256)
        folded.initialize(repeating: 0, count: 256)
        for byte in 0..<128 where !mayBeginAddedToken[byte] {
            switch characters.action(of: UInt32(byte)) {
            case (.word, _, _): folded[byte] = UInt8(byte)
            case (.mappedWord, let offset, 1): folded[byte] = characters.pool[offset]
            default: break
            }
        }
        spaceEndsWord = characters.action(of: 0x20).0 == .space && !mayBeginAddedToken[0x20]
        isolatedIDs = .allocate(capacity: 256)
        isolatedIDs.initialize(repeating: -1, count: 256)
        for byte in UInt8(0)..<128 where !mayBeginAddedToken[Int(byte)] {
            guard characters.action(of: UInt32(byte)).0 == .isolated else { continue }
            isolatedIDs[Int(byte)] =
                withUnsafePointer(to: byte) { vocabulary.piece(of: UnsafeBufferPointer(start: $0, count: 1)) }
                ?? vocabulary.unknownID
        }
    }

    deinit {
        folded.deallocate()
        isolatedIDs.deallocate()
        mayBeginAddedToken.deallocate()
    }

    /// The longest added token that stands at `position` of the text, and its number of bytes.
    func addedToken(at position: Int, _ text: UnsafeBufferPointer<UInt8>) -> (id: Int32, count: Int)? {
        for token in addedTokens where text.count - position >= token.content.count {
            if text[position..<position + token.content.count].elementsEqual(token.content) {
                return (token.id, token.content.count)
            }
        }
        return nil
    }
}

/// What a tokenizer's files say, checked and ready to be built into a model.
struct WordPieceParts {
    /// By id: first the model's tokens, then those that were only added.
    var tokens: [[UInt8]]
    var modelTokenCount: Int
    var prefix: [UInt8]
    var unknownID: Int32
    var maximumWordCharacters: Int
    var normalization: BertNormalization
    var leadingIDs: [Int32]
    var trailingIDs: [Int32]
    var addedTokens: [WordPieceModel.AddedToken]
    var cleansUpDecoding: Bool
}
