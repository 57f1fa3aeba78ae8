import Foundation
import KuklaCodecs
import KuklaEvaluation
import KuklaFormats
import KuklaNumerics
import KuklaTensor

/// Documents and questions as vectors, and what exact search finds among them.
struct CodeCorpus {
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
    init(_ other: CodeCorpus, documents: Matrix, queries: Matrix) throws(KuklaError) {
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

    /// How documents are found that `codec` stored, by queries that are coded by it, or stay floats.
    func figures(_ codec: RecurrentBinaryCodec, floatQueries: Bool = false) throws(KuklaError) -> Figures {
        try figures(
            floatQueries ? codec.scorer(for: queries) : codec.symmetricScorer(for: queries), codec, documents)
    }

    /// How `documents`, as `stored` takes them, are found by prepared queries.
    func figures(
        _ scorer: any CodeScorer, _ stored: RecurrentBinaryCodec, _ documents: Matrix
    ) throws(KuklaError) -> Figures {
        let layout = stored.layout
        let slots = layout.blockCount(of: documents.rows) * layout.vectorsPerBlock
        let codes = AlignedStorage<UInt8>(uninitialized: layout.byteCount(of: documents.rows))
        stored.encode(documents, into: UnsafeMutableRawBufferPointer(codes.buffer), threads: 2)
        let scores = Tensor(shape: [queries.rows, slots]) { out in
            scorer.score(
                UnsafeRawPointer(codes.buffer.baseAddress!), count: documents.rows,
                into: out.baseAddress!, stride: slots)
        }
        let best = scores.slice(axis: 1, 0..<documents.rows).topK(Self.k)
        let found = Self.rows(best.indices)
        return Figures(
            recall: try AgreementRecall(approximate: found, exact: exact, k: Self.k).mean,
            ndcg: try Self.ndcg(best.values, found, task))
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

/// Vectors that belong together, row by row.
struct TextPairs {
    let questions: Matrix
    let answers: Matrix

    /// The training questions of SciFact with their abstracts, and the titles with theirs.
    init(_ bench: StudyBench, _ corpus: CodeCorpus) throws(KuklaError) {
        let texts = try bench.sciFact()
        let known = corpus.task?.documents ?? []
        let rows = Dictionary(uniqueKeysWithValues: known.enumerated().map { ($0.element.id, $0.offset) })
        var asked: [String] = []
        var answers: [Int] = []
        for query in texts.trainingQueries {
            for (document, grade) in (texts.trainingQrels[query.id] ?? [:]).sorted(by: { $0.key < $1.key })
            where grade > 0 {
                guard let row = rows[document] else { continue }
                asked.append(query.text)
                answers.append(row)
            }
        }
        let records = try TextReader(
            bench.data("scifact/corpus.jsonl.gz"), options: TextOptions(textColumn: "title")
        ).readAll()
        let titles = Dictionary(records.map { ($0.id ?? "", $0.text) }) { first, _ in first }
        questions = try bench.embed(asked + known.map { titles[$0.id] ?? "" })
        self.answers = corpus.documents.gathering(rows: answers + Array(known.indices))
    }
}

/// Mean of some seeds, with the least and the largest.
struct Spread {
    let mean: Double
    let note: String

    init(_ values: [Double], decimals: Int = 4) {
        mean = values.reduce(0, +) / Double(values.count)
        note =
            values.count < 2
            ? "one seed"
            : String(
                format: "seeds %.\(decimals)f to %.\(decimals)f", values.min() ?? .nan, values.max() ?? .nan)
    }
}
