import Foundation
import KuklaNumerics

/// Search by words: the baseline that vectors have to beat.
///
/// `sum over the query's words of idf * tf / (tf + k1 (1 - b + b length / mean length))` with `idf = log(1 + (n - df + 0.5) / (df + 0.5))`, as
/// Lucene counts. Words are runs of letters and digits in lower case; none is stemmed or left out.
/// *Source:* Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond", doi:10.1561/1500000019.
public struct BM25: Sendable {
    /// Where a word occurs: the documents with how often each has it.
    private let postings: [String: [(document: Int, count: Float)]]
    /// What is added to a word's count for each document's length.
    private let lengthTerms: [Float]
    private let count: Int

    /// - Parameters:
    ///   - k1: how soon more occurrences of a word count no more.
    ///   - b: how far long documents are held down, 0 to 1. Both defaults are those of BEIR's baseline.
    public init(_ documents: [String], k1: Float = 0.9, b: Float = 0.4) {
        let words = documents.map(Self.words)
        var postings: [String: [(document: Int, count: Float)]] = [:]
        for (document, words) in words.enumerated() {
            for (word, group) in Dictionary(grouping: words, by: \.self) {
                postings[word, default: []].append((document, Float(group.count)))
            }
        }
        self.postings = postings
        let mean = Float(words.reduce(0) { $0 + $1.count }) / Float(max(1, documents.count))
        lengthTerms = words.map { k1 * (1 - b + b * Float($0.count) / max(mean, 1)) }
        count = documents.count
    }

    /// The score of every document; 0 for those that have none of the words.
    public func scores(_ query: String) -> [Float] {
        var scores = [Float](repeating: 0, count: count)
        for word in Self.words(query) {
            guard let postings = postings[word] else { continue }
            let frequency = Float(postings.count)
            let rarity = log(1 + (Float(count) - frequency + 0.5) / (frequency + 0.5))
            for (document, count) in postings {
                scores[document] += rarity * count / (count + lengthTerms[document])
            }
        }
        return scores
    }

    /// How well the documents of a task are found.
    ///
    /// - Throws: as `RetrievalTask.evaluate`.
    public static func evaluate(_ task: RetrievalTask) throws -> RetrievalEvaluation {
        let index = BM25(task.documents.map(\.text))
        return try task.evaluate { queries, depth in
            queries.map { query in
                let scores = index.scores(query.text)
                return scores.indices.filter { scores[$0] > 0 }
                    .sorted { (scores[$1], $0) < (scores[$0], $1) }.prefix(depth)
                    .map { .init(document: task.documents[$0].id, score: Double(scores[$0])) }
            }
        }
    }

    private static func words(_ text: String) -> [String] {
        text.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
    }
}
