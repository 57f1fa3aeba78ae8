public import KuklaNumerics
public import KuklaText

/// Whole-word masking: a word is hidden with all its pieces or not at all, and special tokens never are.
///
/// *Source:* Devlin et al. 2019, "BERT", doi:10.18653/v1/N19-1423; whole words as in their later code.
public struct WordMasking: Sendable {
    /// By id: whether the piece goes on with the word before it (`##ing`), and whether it is no word.
    private let continues, isSpecial: [Bool]
    let maskID: Int32

    /// - Throws: `KuklaError.unsupported` where the vocabulary has no `[MASK]`.
    public init(_ tokenizer: WordPieceTokenizer) throws(KuklaError) {
        guard let maskID = tokenizer.id(of: "[MASK]") else {
            throw KuklaError(
                .unsupported,
                "Cannot hide words: the tokenizer has no [MASK] among its \(tokenizer.vocabularySize) tokens. Take the tokenizer of a BERT."
            )
        }
        self.maskID = maskID
        let special = Set(["[PAD]", "[CLS]", "[SEP]", "[MASK]"].compactMap { tokenizer.id(of: $0) })
        let ids = 0..<Int32(tokenizer.vocabularySize)
        continues = ids.map { id in
            tokenizer.token(id).map { $0.hasPrefix("##") && $0.count > 2 } ?? false
        }
        isSpecial = ids.map { special.contains($0) }
    }

    /// Where the words of a text lie, as places counted from its first token.
    public func words(of ids: ArraySlice<Int32>) -> [Range<Int>] {
        var words: [Range<Int>] = []
        var isOpen = false
        for (place, id) in ids.enumerated() {
            if isSpecial[Int(id)] {
                isOpen = false
            } else if isOpen, continues[Int(id)] {
                words[words.count - 1] = words[words.count - 1].lowerBound..<place + 1
            } else {
                words.append(place..<place + 1)
                isOpen = true
            }
        }
        return words
    }

    /// Which of `length` tokens are hidden: words in random order as long as no more than `rate` of the words' tokens are,
    /// but one at least where the rate is above 0.
    ///
    /// - Parameter hidden: tokens of words that are hidden already, and stay so: what is drawn contains them.
    public static func mask(
        _ words: [Range<Int>], of length: Int, rate: Float, including hidden: [Bool]? = nil,
        using random: inout RandomSource
    ) -> [Bool] {
        var mask = hidden ?? [Bool](repeating: false, count: length)
        let total = words.reduce(0) { $0 + $1.count }
        let most = rate > 0 ? max(1, Int((rate * Float(total)).rounded())) : 0
        var count = mask.count { $0 }
        for index in random.sample(words.count, below: words.count) {
            guard count < most else { break }
            let word = words[index]
            guard !mask[word.lowerBound], count + word.count <= most else { continue }
            for place in word { mask[place] = true }
            count += word.count
        }
        return mask
    }

    /// What a model reads in place of hidden tokens: `[MASK]` for eight in ten, any token for one, and the token itself for one.
    func replacement(of id: Int32, using random: inout RandomSource) -> Int32 {
        switch random.uniform() {
        case ..<0.8: maskID
        case ..<0.9: Int32(random.sample(1, below: isSpecial.count)[0])
        default: id
        }
    }
}

/// Tokens that a model has to tell: where they stand among the tokens of a batch, and what they are.
package struct HiddenTokens: Sendable {
    package var rows: [Int32] = []
    package var ids: [Int32] = []
}

/// Texts of which some words are hidden.
struct MaskedTexts: Sendable {
    /// What the model reads.
    private(set) var tokens: TokenBatch
    private(set) var hidden = HiddenTokens()

    /// - Parameter masks: which tokens of each text are hidden.
    init(
        _ texts: TokenBatch, masks: [[Bool]], _ masking: WordMasking, using random: inout RandomSource
    ) {
        tokens = texts
        for (row, isHidden) in masks.joined().enumerated() where isHidden {
            hidden.rows.append(Int32(row))
            hidden.ids.append(texts.ids[row])
            tokens.ids[row] = masking.replacement(of: texts.ids[row], using: &random)
        }
    }

    /// Words drawn by rate.
    init(_ texts: TokenBatch, rate: Float, _ masking: WordMasking, using random: inout RandomSource) {
        let masks = (0..<texts.count).map { text in
            WordMasking.mask(
                masking.words(of: texts[text]), of: texts[text].count, rate: rate, using: &random)
        }
        self.init(texts, masks: masks, masking, using: &random)
    }
}
