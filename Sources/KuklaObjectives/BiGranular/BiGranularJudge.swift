import Foundation
public import KuklaNumerics
import KuklaTensor

/// How well a model finds the answers of queries that were kept out of training: recall among 100 by codes, nDCG@10 by vectors.
public struct BiGranularJudge: Sendable {
    let queries: Matrix
    let documents: Matrix
    /// Documents that answer each query.
    let positives: [Set<Int>]
    /// What vectors rank, where it is not all documents.
    let candidates: [[Int]]?

    /// - Parameter candidates: what codes found for each query, if only that is ranked.
    public init(queries: Matrix, documents: Matrix, positives: [[Int]], candidates: [[Int]]? = nil) {
        contract(
            positives.count == queries.rows && candidates.map { $0.count == queries.rows } ?? true,
            "BiGranularJudge: \(queries.rows) queries, \(positives.count) lists of answers")
        self.queries = queries
        self.documents = documents
        self.positives = positives.map { Set($0) }
        self.candidates = candidates
    }

    func name(for model: BiGranularModel) -> String {
        model.codes == nil ? "ndcg_at_10" : "recall_at_100"
    }

    func value(of model: BiGranularModel) -> Double {
        let ranked = model.ranked(
            queries: queries, documents: documents, count: model.codes == nil ? 10 : 100,
            candidates: candidates)
        var sum = 0.0
        for (found, answers) in zip(ranked, positives) {
            if model.codes != nil {
                sum += Double(found.count { answers.contains($0) }) / Double(answers.count)
            } else {
                func gain(_ hits: [Bool]) -> Double {
                    hits.enumerated().reduce(0) { $0 + ($1.element ? 1 / log2(Double($1.offset + 2)) : 0) }
                }
                let ideal = [Bool](repeating: true, count: min(10, answers.count))
                sum += gain(found.map { answers.contains($0) }) / gain(ideal)
            }
        }
        return sum / Double(max(1, positives.count))
    }
}

extension BiGranularModel {
    /// The `count` best documents of each query, best first: by the codes where there are some, else by the vectors.
    ///
    /// - Parameters:
    ///   - queries: `[n, d]` of the frozen model.
    ///   - documents: `[m, d]` of the frozen model.
    ///   - candidates: what is ranked for each query; all documents where nil.
    public func ranked(
        queries: Matrix, documents: Matrix, count: Int, candidates: [[Int]]? = nil
    ) -> [[Int]] {
        var (left, right) = (self(Tensor(queries)).detached, self(Tensor(documents)).detached)
        if let codes {
            left = codes.turned(left).detached
            right = codes.quantized(codes.turned(right)).detached
        }
        let scores = left.matmul(right, transposingOther: true)
        let kept = min(count, documents.rows)
        guard let candidates else {
            let best = scores.topK(kept).indices
            return stride(from: 0, to: best.count, by: max(kept, 1)).map {
                best[$0..<$0 + kept].map { Int($0) }
            }
        }
        let matrix = scores.matrix
        return candidates.enumerated().map { query, list in
            Array(list.sorted { (matrix[query, $0], $1) > (matrix[query, $1], $0) }.prefix(count))
        }
    }
}
