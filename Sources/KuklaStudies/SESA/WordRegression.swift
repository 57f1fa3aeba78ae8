import Foundation
import KuklaNumerics
import KuklaText

/// One-vs-rest logistic regression over the words of a text: an explicit model that needs no encoder.
///
/// Words weigh by tf-idf, texts have length 1; log loss with Adagrad over shuffled texts, at settings that nothing was measured for.
struct WordRegression {
    private let analysis: ESAEncoder
    private var numbers: [String: Int] = [:]
    private let classes: Int
    /// `[words, classes]`.
    private var weights: [Float]
    private var offsets: [Float]

    private static let epochs = 10
    private static let rate: Float = 0.5

    /// - Parameters:
    ///   - labels: of each text, from 0.
    ///   - seed: of the order of the texts.
    /// - Complexity: O(epochs * words of all texts * classes).
    init(_ texts: [String], labels: [Int], classes: Int, seed: UInt64) {
        self.classes = classes
        analysis = ESAEncoder(articles: texts)
        let found = texts.map(analysis.weights)
        for word in Set(found.flatMap(\.keys)).sorted() { numbers[word] = numbers.count }
        weights = [Float](repeating: 0, count: numbers.count * classes)
        offsets = [Float](repeating: 0, count: classes)
        let rows = found.map(features)
        var squares = (weights: weights, offsets: offsets)
        var random = RandomSource(seed: seed)
        for _ in 0..<Self.epochs {
            for text in random.sample(rows.count, below: rows.count) {
                step(rows[text], labels[text], &squares)
            }
        }
    }

    private func features(_ words: [String: Float]) -> [(word: Int, value: Float)] {
        let norm = words.values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        // In the order of words: sums do not depend on the dictionary's.
        return words.compactMap { word, value in numbers[word].map { ($0, value / max(norm, 1e-9)) } }
            .sorted { $0.0 < $1.0 }
    }

    private func probabilities(_ row: [(word: Int, value: Float)]) -> [Float] {
        var sums = offsets
        for (word, value) in row {
            for i in 0..<classes { sums[i] += value * weights[word * classes + i] }
        }
        return sums.map { 1 / (1 + Float(exp(-Double($0)))) }
    }

    private mutating func step(
        _ row: [(word: Int, value: Float)], _ label: Int,
        _ squares: inout (weights: [Float], offsets: [Float])
    ) {
        let errors = probabilities(row).enumerated().map { $1 - ($0 == label ? 1 : 0) }
        func move(_ weight: inout Float, _ square: inout Float, _ slope: Float) {
            square += slope * slope
            weight -= Self.rate * slope / (square.squareRoot() + 1e-6)
        }
        for i in 0..<classes { move(&offsets[i], &squares.offsets[i], errors[i]) }
        for (word, value) in row {
            for i in 0..<classes {
                let place = word * classes + i
                move(&weights[place], &squares.weights[place], errors[i] * value)
            }
        }
    }

    /// How likely each class is, `[texts, classes]`.
    func vectors(_ texts: [String]) -> Matrix {
        Matrix(rows: texts.count, columns: classes) { out in
            for (row, text) in texts.enumerated() {
                let found = probabilities(features(analysis.weights(of: text)))
                for i in 0..<classes { out[row * classes + i] = found[i] }
            }
        }
    }
}
