public import KuklaNumerics
import KuklaTensor

/// Texts with one label each of an aspect (a topic, a source, a method): texts of one label are alike under it.
public struct AspectExamples: Sendable {
    public let name: String
    /// All different texts.
    let texts: [String]
    /// The label of each text, as a number.
    let labels: [Int32]
    /// Numbers of texts that were given as pairs; empty where pairs are drawn by label.
    let pairs: [[Int]]

    /// Texts with the names of their labels; of a text that stands twice the first label counts.
    ///
    /// - Throws: `KuklaError.badData` where there are not two labels, of which one has two texts.
    public init(_ name: String, texts: [String], labels: [String]) throws(KuklaError) {
        contract(
            texts.count == labels.count, "AspectExamples: \(labels.count) labels for \(texts.count) texts")
        var known: [String: Int32] = [:]
        var seen = Set<String>()
        var kept: [(text: String, label: Int32)] = []
        for (text, label) in zip(texts, labels) where seen.insert(text).inserted {
            let number = known[label] ?? Int32(known.count)
            known[label] = number
            kept.append((text, number))
        }
        guard known.count > 1, kept.count > known.count else {
            throw KuklaError(
                .badData,
                "Cannot train the aspect '\(name)': expected texts of two labels or more, and several of one, found \(kept.count) texts of \(known.count) labels."
            )
        }
        self.name = name
        self.texts = kept.map(\.text)
        self.labels = kept.map(\.label)
        pairs = []
    }

    /// Pairs of texts that are alike. Texts that pairs connect, over others too, count as of one label.
    ///
    /// - Throws: `KuklaError.badData` where all pairs hang together: nothing is then known to be unlike.
    public init(_ name: String, pairs rows: [[String]]) throws(KuklaError) {
        let (texts, numbers) = TextExamples.numbered(rows.map { Array($0.prefix(2)) })
        var parents = Array(texts.indices)
        func root(_ text: Int) -> Int {
            var text = text
            while parents[text] != text {
                parents[text] = parents[parents[text]]
                text = parents[text]
            }
            return text
        }
        for pair in numbers { parents[root(Int(pair[0]))] = root(Int(pair[1])) }
        let roots = texts.indices.map(root)
        guard Set(roots).count > 1 else {
            throw KuklaError(
                .badData,
                "Cannot train the aspect '\(name)': its pairs connect all \(texts.count) texts, so that none is known to be unlike another. Give documents with labels (--documents) in their place."
            )
        }
        self.name = name
        self.texts = texts
        labels = roots.map { Int32($0) }
        pairs = numbers.map { $0.map { Int($0) } }
    }

    /// Rows to train on, and texts to judge by that no row has.
    struct Split {
        /// Numbers of two texts each.
        let rows: [[Int]]
        let heldOut: [Int]
    }

    /// - Parameters:
    ///   - count: pairs that are drawn, where pairs are drawn.
    ///   - heldOut: the share of the texts (of the pairs, where these are given) that is kept out.
    func split(pairs count: Int, heldOut share: Double, seed: UInt64) -> Split {
        var random = RandomSource(seed: seed &+ 0xA5BEC7)
        func held(_ all: Int) -> [Int] {
            random.sample(min(Int(Double(all) * share), 1_000), below: all).sorted()
        }
        guard pairs.isEmpty else {
            let kept = Set(held(pairs.count).flatMap { pairs[$0] })
            return Split(
                rows: pairs.filter { !kept.contains($0[0]) && !kept.contains($0[1]) },
                heldOut: kept.sorted())
        }
        let heldOut = held(texts.count)
        let kept = Set(heldOut)
        let training = texts.indices.filter { !kept.contains($0) }
        let byLabel = Dictionary(grouping: training) { labels[$0] }
        let anchors = training.filter { (byLabel[labels[$0]]?.count ?? 0) > 1 }
        guard !anchors.isEmpty else { return Split(rows: [], heldOut: heldOut) }
        var rows: [[Int]] = []
        while rows.count < count {
            for place in random.sample(anchors.count, below: anchors.count).prefix(count - rows.count) {
                let anchor = anchors[place]
                let others = byLabel[labels[anchor]] ?? []
                var partner = anchor
                while partner == anchor {
                    partner = others[Int.random(in: others.indices, using: &random)]
                }
                rows.append([anchor, partner])
            }
        }
        return Split(rows: rows, heldOut: heldOut)
    }
}
