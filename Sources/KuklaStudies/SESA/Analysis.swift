import KuklaFormats
import KuklaNumerics
import KuklaText

/// Explicit semantic analysis of the posts, and what must hold of it.
struct Analysis {
    let posts: ExplicitPosts

    private var texts: [String] { posts.test.map(\.text) }

    /// The test posts by articles of WikiText-2.
    var wiki: Matrix { vectors(ESAEncoder(articles: posts.articles.map { "\($0.title). \($0.text)" })) }

    /// The test posts by groups, of which the training posts are the articles.
    var groups: Matrix {
        let byGroup = Dictionary(grouping: posts.training) { posts.group(of: $0) }
        return vectors(
            ESAEncoder(
                articles: posts.concepts.map { concept in
                    (byGroup[concept.name] ?? []).map(\.text).joined(separator: " ")
                }))
    }

    /// The test posts by logistic regression over words: how likely each group is.
    func regression(seed: UInt64) -> Matrix {
        let places = Dictionary(
            uniqueKeysWithValues: posts.concepts.enumerated().map { ($0.element.name, $0.offset) })
        let model = WordRegression(
            posts.training.map(\.text), labels: posts.training.map { places[posts.group(of: $0)] ?? 0 },
            classes: posts.concepts.count, seed: seed)
        return model.vectors(texts)
    }

    private func vectors(_ encoder: ESAEncoder) -> Matrix {
        let texts = texts
        let width = encoder.conceptCount
        return Matrix(rows: texts.count, columns: width) { out in
            out.update(repeating: 0)
            for (row, text) in texts.enumerated() {
                let vector = encoder.vector(of: text)
                for (concept, value) in zip(vector.concepts, vector.values) {
                    out[row * width + Int(concept)] = value
                }
            }
        }
    }

    func addInvariants(to findings: inout StudyFindings) {
        let articles = posts.articles.map { "\($0.title). \($0.text)" }
        let encoder = ESAEncoder(articles: articles)
        let own = articles.enumerated().count { place, article in
            let found = encoder.vector(of: article)
            let best = found.values.indices.max { found.values[$0] < found.values[$1] }
            return best.map { Int(found.concepts[$0]) } == place
        }
        var error = 0.0
        for (a, b) in zip(texts, texts.dropFirst()).prefix(50) {
            let (x, y) = (encoder.weights(of: a), encoder.weights(of: b))
            let sum = encoder.vector(
                ofWeights: x.mapValues { 2 * $0 }.merging(y.mapValues { 3 * $0 }, uniquingKeysWith: +))
            func dense(_ vector: ConceptVector) -> [Double] {
                var row = [Double](repeating: 0, count: encoder.conceptCount)
                for (concept, value) in zip(vector.concepts, vector.values) {
                    row[Int(concept)] = Double(value)
                }
                return row
            }
            let (one, other, both) = (
                dense(encoder.vector(ofWeights: x)), dense(encoder.vector(ofWeights: y)), dense(sum)
            )
            for i in both.indices {
                error = max(error, abs(both[i] - 2 * one[i] - 3 * other[i]) / max(both.max() ?? 1, 1e-9))
            }
        }
        findings.bars += [
            StudyBar(
                "5. ESA: articles that are nearest to themselves, share",
                Double(own) / Double(max(articles.count, 1)), .atLeast, 0.99,
                note: "\(articles.count) articles of WikiText-2"),
            StudyBar(
                "5. ESA: phi of a weighted sum beside the weighted sum of phi, greatest relative difference",
                error, .atMost, 1e-5),
        ]
    }
}
