public import KuklaNumerics

extension WordPieceTokenizer {
    /// All tokens by id.
    var tokens: [String] { (0..<Int32(vocabularySize)).map { token($0) ?? "" } }

    /// A smaller vocabulary for texts like these: the special tokens, all single characters that occur, and the pieces that occur most
    /// often, in the order of their ids.
    ///
    /// With it, words that lose their piece are made of smaller ones: no word that this tokenizer can make becomes unknown as long
    /// as it has every character as a piece.
    /// - Parameter count: pieces in all; fewer where fewer occur, more where the characters alone are more.
    public func vocabulary(
        of texts: [String], count: Int, threads: Int = defaultThreadCount
    ) -> [String] {
        var counts = [Int](repeating: 0, count: vocabularySize)
        for id in encode(texts, threads: threads).ids { counts[Int(id)] += 1 }
        let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].filter { id(of: $0) != nil }
        var kept = Set(special.compactMap { id(of: $0) })
        let reserved = kept
        func text(_ id: Int32) -> String {
            let token = token(id) ?? ""
            return token.hasPrefix("##") && token.count > 2 ? String(token.dropFirst(2)) : token
        }
        let seen = (0..<Int32(vocabularySize)).filter { counts[Int($0)] > 0 && !kept.contains($0) }
        for character in Set(seen.flatMap { text($0).unicodeScalars }) {
            kept.formUnion([id(of: String(character)), id(of: "##\(character)")].compactMap(\.self))
        }
        for id in seen.sorted(by: { (counts[Int($1)], $0) < (counts[Int($0)], $1) }) {
            guard kept.count < count else { break }
            kept.insert(id)
        }
        return special + kept.subtracting(reserved).sorted().compactMap { token($0) }
    }
}
