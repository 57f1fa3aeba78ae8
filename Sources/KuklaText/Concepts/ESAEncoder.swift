import Foundation
import KuklaFormats
import KuklaNumerics

/// Explicit semantic analysis: a text as its likeness to each of a collection of titled articles.
///
/// `phi_k(x) = sum_w tfidf_x(w) tfidf_k(w)` with `tfidf(w) = (1 + ln tf) ln(articles / articles with w)`, articles' vectors of
/// length 1. phi is linear in the text's tf-idf vector; a text equal to an article is nearest to that.
/// *Source:* Gabrilovich and Markovitch 2007, "Computing semantic relatedness using Wikipedia-based explicit semantic analysis".
public struct ESAEncoder: Sendable {
    public let conceptCount: Int
    /// Words, with their idf and the articles that they count for.
    private let words: [String: Entry]

    private struct Entry: Sendable {
        let idf: Float
        var concepts: [Int32]
        var weights: [Float]
    }

    /// - Parameters:
    ///   - articles: their texts.
    ///   - prunes: whether each word's list of articles, sorted by weight, ends where weights fall by less than 5 % of the first over
    ///     the next 100 articles.
    /// - Complexity: O(words).
    public init(articles: [String], prunes: Bool = true) {
        let counts = articles.map(Self.counts)
        var documents: [String: Int] = [:]
        for article in counts { for word in article.keys { documents[word, default: 0] += 1 } }
        var words = documents.mapValues {
            Entry(idf: Float(log(Double(articles.count) / Double($0))), concepts: [], weights: [])
        }
        for (concept, article) in counts.enumerated() {
            let weights = article.mapValues(Self.frequency).reduce(into: [String: Float]()) {
                $0[$1.key] = $1.value * (words[$1.key]?.idf ?? 0)
            }
            let norm = weights.values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            guard norm > 0 else { continue }
            for (word, weight) in weights where weight > 0 {
                words[word]?.concepts.append(Int32(concept))
                words[word]?.weights.append(weight / Float(norm))
            }
        }
        conceptCount = articles.count
        self.words = prunes ? words.mapValues(Self.pruned) : words
    }

    private static func pruned(_ entry: Entry) -> Entry {
        let window = 100
        guard entry.concepts.count > window else { return entry }
        let order = entry.concepts.indices.sorted {
            (-entry.weights[$0], entry.concepts[$0]) < (-entry.weights[$1], entry.concepts[$1])
        }
        let limit = 0.05 * entry.weights[order[0]]
        let end = (0..<order.count - window).first {
            entry.weights[order[$0]] - entry.weights[order[$0 + window]] < limit
        }
        let kept = order.prefix(end ?? order.count)
        return Entry(
            idf: entry.idf, concepts: kept.map { entry.concepts[$0] }, weights: kept.map { entry.weights[$0] }
        )
    }

    private static func frequency(_ count: Int) -> Float { 1 + Float(log(Double(count))) }

    /// Words in lower case: runs of letters and digits.
    static func counts(_ text: String) -> [String: Int] {
        text.lowercased().split { !($0.isLetter || $0.isNumber) }
            .reduce(into: [:]) { $0[String($1), default: 0] += 1 }
    }

    /// The tf-idf weights of a text's words; words that no article has are left out.
    public func weights(of text: String) -> [String: Float] {
        Self.counts(text).reduce(into: [:]) { weights, word in
            guard let entry = words[word.key], entry.idf > 0 else { return }
            weights[word.key] = Self.frequency(word.value) * entry.idf
        }
    }

    /// phi of tf-idf weights.
    public func vector(ofWeights weights: [String: Float]) -> ConceptVector {
        var sums = [Double](repeating: 0, count: conceptCount)
        // In the order of words: sums do not depend on the dictionary's.
        for (word, weight) in weights.sorted(by: { $0.key < $1.key }) {
            guard let entry = words[word] else { continue }
            for (concept, other) in zip(entry.concepts, entry.weights) {
                sums[Int(concept)] += Double(weight) * Double(other)
            }
        }
        return ConceptVector(sums.map { Float($0) })
    }

    /// phi of a text.
    public func vector(of text: String) -> ConceptVector { vector(ofWeights: weights(of: text)) }
}

// MARK: - Files

extension ESAEncoder {
    private static let wordFile = "words.txt"
    private static let weightFile = "esa.safetensors"

    /// Writes the encoder into the folder `url`.
    func write(to url: URL) throws(KuklaError) {
        let sorted = words.sorted { $0.key < $1.key }
        try AtomicFile.write(sorted.map { $0.key + "\n" }.joined(), to: url.appending(path: Self.wordFile))
        func row(_ values: [Float]) -> Matrix { Matrix(rows: 1, columns: values.count, elements: values) }
        var writer = SafetensorsWriter(metadata: ["format": "pt"])
        // Counts and numbers of articles stay below 2^24: float32 holds them exactly.
        writer.add(row(sorted.map { $0.value.idf }), named: "idf", shape: [sorted.count])
        writer.add(row(sorted.map { Float($0.value.concepts.count) }), named: "counts", shape: [sorted.count])
        let concepts = sorted.flatMap { $0.value.concepts.map { Float($0) } }
        writer.add(row(concepts), named: "concepts", shape: [concepts.count])
        writer.add(row(sorted.flatMap(\.value.weights)), named: "weights", shape: [concepts.count])
        try writer.write(to: url.appending(path: Self.weightFile))
    }

    /// Reads the encoder of a folder.
    ///
    /// - Throws: `KuklaError` (`missingFile`, `badData` where the files do not belong together).
    init(_ folder: URL, conceptCount: Int) throws(KuklaError) {
        let names = try LineReader(folder.appending(path: Self.wordFile))
        var words: [String] = []
        while let word = try names.nextString() { words.append(word) }
        let file = try SafetensorsFile(folder.appending(path: Self.weightFile))
        let (idf, counts) = (try file.floats(named: "idf"), try file.floats(named: "counts"))
        let (concepts, weights) = (try file.floats(named: "concepts"), try file.floats(named: "weights"))
        let total = counts.reduce(0.0) { $0 + Double($1) }
        guard idf.count == words.count, counts.count == words.count, weights.count == concepts.count,
            counts.allSatisfy({ $0 >= 0 && $0 == $0.rounded() }), total == Double(concepts.count),
            concepts.allSatisfy({ $0 >= 0 && $0 < Float(conceptCount) }),
            (idf + weights).allSatisfy(\.isFinite)
        else {
            throw KuklaError(
                .badData,
                "Cannot load \(folder.path): words.txt, esa.safetensors and concepts.tsv do not belong together. Train again."
            )
        }
        var entries: [String: Entry] = [:]
        var start = 0
        for (place, word) in words.enumerated() {
            let range = start..<start + Int(counts[place])
            entries[word] = Entry(
                idf: idf[place], concepts: concepts[range].map { Int32($0) }, weights: Array(weights[range]))
            start = range.upperBound
        }
        self.words = entries
        self.conceptCount = conceptCount
    }
}
