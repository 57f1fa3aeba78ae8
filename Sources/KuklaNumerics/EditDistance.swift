/// How far two words are apart, for messages that suggest what was meant.
public enum EditDistance {
    /// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`, without regard to case.
    ///
    /// Only the first 64 scalars of each count.
    /// - Complexity: O(a.count * b.count).
    /// *Source:* Damerau 1964, "A technique for computer detection and correction of spelling errors",
    /// doi:10.1145/363958.363994 (the restricted distance: no part is edited twice).
    public static func between(_ a: String, _ b: String) -> Int {
        let a = Array(a.lowercased().unicodeScalars.prefix(64))
        let b = Array(b.lowercased().unicodeScalars.prefix(64))
        var table = [[Int]](repeating: [Int](repeating: 0, count: b.count + 1), count: a.count + 1)
        for i in 0...a.count {
            for j in 0...b.count {
                guard i > 0, j > 0 else {
                    table[i][j] = i + j
                    continue
                }
                var best = min(table[i - 1][j], table[i][j - 1]) + 1
                best = min(best, table[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
                    best = min(best, table[i - 2][j - 2] + 1)
                }
                table[i][j] = best
            }
        }
        return table[a.count][b.count]
    }

    /// The known word that is nearest to `word`; of words at the same distance, the one that begins alike. `nil` where
    /// none is known.
    public static func nearest(to word: String, among known: some Sequence<String>) -> String? {
        func rank(_ known: String) -> (Int, Int) {
            (between(word, known), -zip(word, known).prefix { $0 == $1 }.count)
        }
        return known.map { ($0, rank($0)) }.min { $0.1 < $1.1 }?.0
    }

    /// As `nearest`, but nil where even that word differs in more than half of the longer one's characters: then it is
    /// hardly what was meant.
    public static func likely(_ word: String, among known: some Sequence<String>) -> String? {
        guard let nearest = nearest(to: word, among: known) else { return nil }
        return 2 * between(word, nearest) <= max(word.count, nearest.count) ? nearest : nil
    }
}
