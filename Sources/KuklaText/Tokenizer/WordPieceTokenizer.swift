import Foundation
package import KuklaNumerics

/// The tokenizer of the BERT family: text to WordPiece token ids, with the same ids as Hugging Face `tokenizers`.
///
/// A value is immutable and may be used from several threads at once.
/// Source: Devlin et al., "BERT" (2019); Wu et al., "Google's Neural Machine Translation System" (2016).
public struct WordPieceTokenizer: Sendable {
    let model: WordPieceModel

    init(_ parts: WordPieceParts) { model = WordPieceModel(parts) }

    /// What is done to a text before it is cut into words.
    public var normalization: BertNormalization { model.characters.normalization }

    /// The number of tokens; ids are `0..<vocabularySize`.
    public var vocabularySize: Int { model.vocabulary.count }

    /// The number of special tokens in every encoded text: the least `maxLength` there is.
    public var specialTokenCount: Int { model.leadingIDs.count + model.trailingIDs.count }

    /// The special tokens before and after every encoded text.
    package var specialTokenCounts: (leading: Int, trailing: Int) {
        (model.leadingIDs.count, model.trailingIDs.count)
    }

    /// The id that stands for words that cannot be made of tokens.
    public var unknownID: Int32 { model.vocabulary.unknownID }

    /// The text of a token, with its continuation prefix, or `nil` where there is no such id.
    public func token(_ id: Int32) -> String? {
        model.vocabulary.token(id).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The id of a token written as in the vocabulary (`"cat"`, `"##s"`, `"[SEP]"`), or `nil`.
    ///
    /// Compares bytes: composed and decomposed forms of a character are different tokens.
    public func id(of token: String) -> Int32? {
        var token = token
        return token.withUTF8 { bytes in
            model.vocabulary.piece(of: bytes)
                ?? model.addedTokens.first { $0.content.elementsEqual(bytes) }?.id
        }
    }

    // MARK: - Encoding

    /// Encodes one text, with special tokens.
    ///
    /// - Parameters:
    ///   - text: Any text; special tokens written in it (`"[SEP]"`) become those tokens.
    ///   - maxLength: The most ids to return, special tokens included; `nil` for no limit. At least
    ///     `specialTokenCount`.
    /// - Complexity: O(bytes of text) up to the limit.
    public func encode(_ text: String, maxLength: Int? = nil) -> Tokenization {
        var batch = TokenBatch()
        var scanner = WordPieceScanner(model)
        append(text, limit: limit(maxLength), to: &batch, with: &scanner)
        return Tokenization(ids: batch.ids, isTruncated: batch.truncatedCount > 0)
    }

    /// Encodes many texts into one buffer without padding.
    ///
    /// - Parameters:
    ///   - texts: The texts; text `i` gets the ids at `offsets[i]..<offsets[i + 1]`.
    ///   - maxLength: The most ids for each text, special tokens included; `nil` for no limit. At least
    ///     `specialTokenCount`.
    ///   - threads: The number of threads; the result does not depend on it.
    public func encode(_ texts: [String], maxLength: Int? = nil, threads: Int = 1) -> TokenBatch {
        let limit = limit(maxLength)
        let grain = 256
        guard threads > 1, texts.count > grain else { return encode(texts[...], limit: limit) }
        let parts = PartialBatches(count: (texts.count + grain - 1) / grain)
        parallelFor(texts.count, grain: grain, threads: threads) { range in
            parts.set(range.lowerBound / grain, encode(texts[range], limit: limit))
        }
        return parts.joined()
    }

    /// Encodes many texts, each behind the prompt of the same number, and notes how long the prompts are.
    ///
    /// - Parameters: as `encode(_:maxLength:threads:)`; a prompt counts to the length of its text. "" is none.
    public func encode(
        _ texts: [String], prompts: [String], maxLength: Int? = nil, threads: Int = 1
    ) -> TokenBatch {
        contract(
            prompts.count == texts.count,
            "WordPieceTokenizer: \(prompts.count) prompts for \(texts.count) texts")
        guard prompts.contains(where: { !$0.isEmpty }) else {
            return encode(texts, maxLength: maxLength, threads: threads)
        }
        var batch = encode(zip(prompts, texts).map { $0 + $1 }, maxLength: maxLength, threads: threads)
        var lengths: [String: Int] = [:]
        batch.promptLengths = prompts.indices.map { index in
            let prompt = prompts[index]
            let length = lengths[prompt] ?? promptLength(prompt)
            lengths[prompt] = length
            return max(0, min(length, batch[index].count - 1))
        }
        return batch
    }

    /// Tokens of a prompt with the special ones before it; 0 for none.
    func promptLength(_ prompt: String) -> Int {
        prompt.isEmpty ? 0 : encode(prompt).ids.count - model.trailingIDs.count
    }

    /// - Throws: `KuklaError.usage` where a prompt leaves no room for a text among so many tokens.
    package func check(prompt: String, maximumLength: Int) throws(KuklaError) {
        let length = promptLength(prompt)
        guard length + model.trailingIDs.count < maximumLength else {
            throw KuklaError(
                .usage,
                "Cannot put the instruction before texts: it has \(length) tokens, and \(maximumLength) are read of both. Give a shorter one."
            )
        }
    }

    private func encode(_ texts: ArraySlice<String>, limit: Int) -> TokenBatch {
        var batch = TokenBatch()
        var scanner = WordPieceScanner(model)
        batch.offsets.reserveCapacity(texts.count + 1)
        for text in texts { append(text, limit: limit, to: &batch, with: &scanner) }
        return batch
    }

    /// Encodes one text given as bytes; those that are no UTF-8 count as U+FFFD.
    package func encode(utf8 text: UnsafeBufferPointer<UInt8>, maxLength: Int? = nil) -> Tokenization {
        var scanner = WordPieceScanner(model)
        var ids = model.leadingIDs
        let isTruncated = scanner.scan(text, limit: limit(maxLength), into: &ids)
        return Tokenization(ids: ids + model.trailingIDs, isTruncated: isTruncated)
    }

    private func append(
        _ text: String, limit: Int, to batch: inout TokenBatch, with scanner: inout WordPieceScanner
    ) {
        var text = text
        batch.ids.append(contentsOf: model.leadingIDs)
        let isTruncated = text.withUTF8 { scanner.scan($0, limit: limit, into: &batch.ids) }
        batch.ids.append(contentsOf: model.trailingIDs)
        batch.offsets.append(batch.ids.count)
        if isTruncated { batch.truncatedCount += 1 }
    }

    /// The most ids for the text itself.
    private func limit(_ maxLength: Int?) -> Int {
        guard let maxLength else { return Int.max }
        contract(
            maxLength >= specialTokenCount,
            "WordPieceTokenizer: maxLength \(maxLength) leaves no room for \(specialTokenCount) special tokens"
        )
        return maxLength - specialTokenCount
    }

    // MARK: - Decoding

    /// The text that token ids stand for, as far as normalisation left it; ids outside the vocabulary are skipped.
    ///
    /// - Parameters:
    ///   - ids: Token ids.
    ///   - skippingSpecialTokens: Leaves out `[CLS]`, `[SEP]` and the like.
    public func decode(_ ids: some Sequence<Int32>, skippingSpecialTokens: Bool = true) -> String {
        var text = ""
        var isFirst = true
        for id in ids {
            guard let token = model.vocabulary.token(id) else { continue }
            if skippingSpecialTokens, model.specialIDs.contains(id) { continue }
            var piece: String
            if !isFirst, token.starts(with: model.prefix) {
                piece = String(decoding: token.dropFirst(model.prefix.count), as: UTF8.self)
            } else {
                piece = (isFirst ? "" : " ") + String(decoding: token, as: UTF8.self)
            }
            if model.cleansUpDecoding { piece = Self.cleanedUp(piece) }
            text += piece
            isFirst = false
        }
        return text
    }

    /// Takes out the space before punctuation and English contractions.
    private static func cleanedUp(_ piece: String) -> String {
        var piece = piece
        for ending in [".", "?", "!", ",", "n't", "'m", "'s", "'ve", "'re"] where piece.contains(" " + ending)
        {
            piece = piece.replacingOccurrences(of: " " + ending, with: ending)
        }
        return piece
    }
}

/// Collects the parts of a batch from several threads.
private struct PartialBatches: Sendable {
    private let parts: Guarded<[TokenBatch]>

    init(count: Int) { parts = Guarded(Array(repeating: TokenBatch(), count: count)) }

    func set(_ index: Int, _ part: TokenBatch) { parts.withLock { $0[index] = part } }

    func joined() -> TokenBatch {
        let parts = parts.withLock { $0 }
        var whole = TokenBatch()
        whole.ids.reserveCapacity(parts.reduce(0) { $0 + $1.ids.count })
        whole.offsets.reserveCapacity(parts.reduce(1) { $0 + $1.count })
        for part in parts { whole.append(part) }
        return whole
    }
}
