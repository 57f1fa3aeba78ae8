public import KuklaNumerics
import KuklaTensor

/// How well vectors find others of their label: each is looked for among all others.
public struct LabelRetrieval: Sendable {
    /// The nearest others of each row by cosine, best first.
    public let neighbours: [[Int]]

    /// - Parameters:
    ///   - vectors: rows of length 1.
    ///   - count: others that are found for each row, as many as there are at most.
    /// - Complexity: O(n^2 d) time, O(n) memory for each of a few hundred rows at a time.
    public init(_ vectors: Matrix, count: Int) {
        let count = min(count, max(vectors.rows - 1, 0))
        var found: [[Int]] = []
        for start in stride(from: 0, to: vectors.rows, by: 256) {
            let rows = start..<min(start + 256, vectors.rows)
            let scores = Tensor(vectors[rows: rows].multiplied(by: vectors, transposed: true))
            // The row itself may be among them.
            let width = min(count + 1, vectors.rows)
            let best = scores.topK(width).indices
            for row in rows {
                let from = (row - rows.lowerBound) * width
                found.append(
                    Array(best[from..<from + width].lazy.map { Int($0) }.filter { $0 != row }.prefix(count)))
            }
        }
        neighbours = found
    }

    /// Others of each row that something else found, best first.
    public init(neighbours: [[Int]]) { self.neighbours = neighbours }

    /// Average precision, precision and the reciprocal rank of one row, each within the first k; parts of 1.
    public struct Figures: Sendable {
        public let averagePrecision, precision, reciprocalRank: Double
    }

    /// The figures of the first rows, as many as have neighbours; nil where no other has a row's label.
    ///
    /// - Parameter labels: of all rows.
    /// Average precision at k is the sum of the precisions at the ranks of what is relevant, divided by the lesser of k and all
    /// that is relevant.
    public func figures(labels: [Int32], at k: Int) -> [Figures?] {
        contract(labels.count >= neighbours.count, "LabelRetrieval: \(labels.count) labels")
        let counts = labels.reduce(into: [Int32: Int]()) { $0[$1, default: 0] += 1 }
        return neighbours.enumerated().map { row, others in
            let relevant = (counts[labels[row]] ?? 1) - 1
            guard relevant > 0 else { return nil }
            var (hits, sum, first) = (0, 0.0, 0.0)
            for (rank, other) in others.prefix(k).enumerated() where labels[other] == labels[row] {
                hits += 1
                sum += Double(hits) / Double(rank + 1)
                if hits == 1 { first = 1 / Double(rank + 1) }
            }
            return Figures(
                averagePrecision: sum / Double(min(k, relevant)), precision: Double(hits) / Double(k),
                reciprocalRank: first)
        }
    }

    /// Mean average precision at k over the rows that have something to find.
    public func meanAveragePrecision(labels: [Int32], at k: Int) -> Double {
        let all = figures(labels: labels, at: k).compactMap { $0?.averagePrecision }
        return all.isEmpty ? 0 : all.reduce(0, +) / Double(all.count)
    }

    /// The share of each row's first k that another space's first k has too.
    public func overlap(with other: LabelRetrieval, at k: Int) -> [Double] {
        zip(neighbours, other.neighbours).map { a, b in
            Double(Set(a.prefix(k)).intersection(b.prefix(k)).count) / Double(max(1, min(k, a.count)))
        }
    }
}
