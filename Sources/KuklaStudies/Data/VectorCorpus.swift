import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaNumerics
import KuklaTensor

/// Documents and questions as vectors, and what exact search finds among them.
struct VectorCorpus {
    static let k = 10

    let name: String
    let documents: Matrix
    let queries: Matrix
    /// What answers are judged by, where people did.
    let task: RetrievalTask?
    /// Of each query the rows of the nearest documents.
    private let exact: [[Int32]]
    /// What exact search by floats has.
    let floats: Figures

    /// How well answers are.
    struct Figures {
        /// Of the true ten nearest.
        let recall: Double
        /// NaN where nobody judged.
        let ndcg: Double
    }

    private init(
        _ name: String, documents: Matrix, queries: Matrix, task: RetrievalTask? = nil
    ) throws(KuklaError) {
        (self.name, self.documents, self.queries, self.task) = (name, documents, queries, task)
        let best = Tensor(queries.multiplied(by: documents, transposed: true)).topK(Self.k)
        exact = Self.rows(best.indices)
        floats = Figures(recall: 1, ndcg: try Self.ndcg(best.values, exact, task))
    }

    /// The same through a head.
    init(_ other: VectorCorpus, documents: Matrix, queries: Matrix) throws(KuklaError) {
        try self.init(other.name, documents: documents, queries: queries, task: other.task)
    }

    /// Documents and the questions to be judged by.
    init(_ texts: JudgedTexts, _ bench: StudyBench) throws(KuklaError) {
        let queries = bench.choose(quick: Array(texts.task.queries.prefix(40)), full: texts.task.queries)
        var documents = texts.documents
        if bench.scale == .quick {
            let answers = Set(queries.flatMap { (texts.task.qrels[$0.id] ?? [:]).keys })
            documents =
                documents.filter { answers.contains($0.id) }
                + documents.filter { !answers.contains($0.id) }.prefix(60)
        }
        try self.init(
            texts.name, documents: bench.embed(documents.map(\.text)),
            queries: bench.embed(queries.map(\.text)),
            task: RetrievalTask(documents: documents, queries: queries, qrels: texts.task.qrels))
    }

    /// Vectors of which every tenth is a question; compared by cosine.
    init(_ name: String, heldOutOf vectors: Matrix) throws(KuklaError) {
        let unit = Tensor(vectors).normalized().matrix
        try self.init(
            name, documents: unit.gathering(rows: HeldOutVectors.baseRows(of: unit)),
            queries: unit.gathering(rows: HeldOutVectors.queryRows(of: unit)))
    }

    /// How the rows that `best` names are, of each query the ten best ones with their scores.
    func figures(_ best: (values: Tensor, indices: [Int32])) throws(KuklaError) -> Figures {
        let found = Self.rows(best.indices)
        return Figures(
            recall: try AgreementRecall(approximate: found, exact: exact, k: Self.k).mean,
            ndcg: try Self.ndcg(best.values, found, task))
    }

    /// How documents are found by other vectors in their places.
    func figures(stored documents: Matrix) throws(KuklaError) -> Figures {
        try figures(Tensor(queries.multiplied(by: documents, transposed: true)).topK(Self.k))
    }

    private static func rows(_ indices: [Int32]) -> [[Int32]] {
        stride(from: 0, to: indices.count, by: k).map { Array(indices[$0..<$0 + k]) }
    }

    private static func ndcg(
        _ scores: Tensor, _ found: [[Int32]], _ task: RetrievalTask?
    ) throws(KuklaError) -> Double {
        guard let task else { return .nan }
        let scores = scores.elements
        var evaluation = RetrievalEvaluation(qrels: task.qrels, metrics: [.nDCG(at: k)])
        for (row, query) in task.queries.enumerated() {
            try evaluation.add(
                query: query.id,
                hits: found[row].indices.map {
                    .init(
                        document: task.documents[Int(found[row][$0])].id,
                        score: Double(scores[row * k + $0]))
                })
        }
        return evaluation.mean(of: .nDCG(at: k))
    }
}
