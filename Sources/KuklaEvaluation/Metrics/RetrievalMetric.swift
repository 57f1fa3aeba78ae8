import Foundation

/// A figure of one query's ranked answer, after trec_eval's definitions.
public enum RetrievalMetric: Hashable, Sendable, Codable {
    /// `DCG@k / ideal DCG@k` with `DCG = Σ grade / log2(rank + 1)` (Järvelin and Kekäläinen 2002,
    /// doi:10.1145/582415.582418), grades below 0 as 0; 0 where nothing is relevant.
    case nDCG(at: Int)
    /// The part of all relevant documents that stands in the first k; 0 where nothing is relevant.
    case recall(at: Int)
    /// The part of the first k that is relevant; an answer shorter than k is divided by k all the same.
    case precision(at: Int)
    /// 1 / the rank of the first relevant document, 0 where none stands in the first k.
    case reciprocalRank(at: Int)
    /// The mean, over all relevant documents, of the precision at the rank of each; 0 for one not found.
    ///
    /// Uses the whole answer. Its mean over queries is MAP.
    case averagePrecision

    /// What `kukla eval retrieval` prints.
    public static let standard: [RetrievalMetric] = [
        .nDCG(at: 10), .recall(at: 100), .reciprocalRank(at: 10), .averagePrecision,
    ]

    /// The value for one answer, in `[0, 1]`. O(answer + judged).
    ///
    /// - Precondition: a cut-off is above 0.
    public func value(of answer: RankedAnswer) -> Double {
        switch self {
        case .nDCG(let k):
            let ideal = gain(answer.idealGrades.prefix(k))
            return ideal > 0 ? gain(answer.grades.prefix(k)) / ideal : 0
        case .recall(let k):
            guard answer.relevantCount > 0 else { return 0 }
            return Double(answer.grades.prefix(k).count { $0 > 0 }) / Double(answer.relevantCount)
        case .precision(let k):
            return Double(answer.grades.prefix(k).count { $0 > 0 }) / Double(k)
        case .reciprocalRank(let k):
            guard let first = answer.grades.prefix(k).firstIndex(where: { $0 > 0 }) else { return 0 }
            return 1 / Double(first + 1)
        case .averagePrecision:
            guard answer.relevantCount > 0 else { return 0 }
            var found = 0
            var sum = 0.0
            for (index, grade) in answer.grades.enumerated() where grade > 0 {
                found += 1
                sum += Double(found) / Double(index + 1)
            }
            return sum / Double(answer.relevantCount)
        }
    }

    /// `Σ grade / log2(rank + 1)`, best rank first.
    private func gain(_ grades: ArraySlice<Int>) -> Double {
        var sum = 0.0
        for (index, grade) in grades.enumerated() where grade > 0 {
            sum += Double(grade) / log2(Double(index + 2))
        }
        return sum
    }
}

extension RetrievalMetric: CustomStringConvertible {
    /// The usual name: `nDCG@10`, `Recall@100`, `P@5`, `MRR@10`, `MAP`.
    public var description: String {
        switch self {
        case .nDCG(let k): "nDCG@\(k)"
        case .recall(let k): "Recall@\(k)"
        case .precision(let k): "P@\(k)"
        case .reciprocalRank(let k): "MRR@\(k)"
        case .averagePrecision: "MAP"
        }
    }
}
