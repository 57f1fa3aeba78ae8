public import KuklaNumerics

/// Retrieval with judgements: documents, questions, and which documents answer which question.
public struct RetrievalTask: Sendable {
    /// A document or a question.
    public struct Text: Sendable, Equatable {
        public var id: String
        public var text: String

        public init(id: String, text: String) {
            self.id = id
            self.text = text
        }
    }

    public let documents: [Text]
    /// The questions that have judgements, in the order given.
    public let queries: [Text]
    public let qrels: Qrels
    public var metrics = RetrievalMetric.standard
    /// How many documents of each answer are kept: what BEIR's evaluation uses.
    public var depth = 1000
    /// Whether a document with the question's own id is left out of its answer, as BEIR does.
    public var ignoresOwnDocument = true

    /// - Throws: `KuklaError.badData` where two documents or two questions share an id, there are no
    ///   documents, or no question has a judgement.
    public init(documents: [Text], queries: [Text], qrels: Qrels) throws(KuklaError) {
        for (what, texts) in [("documents", documents), ("questions", queries)] {
            var seen = Set<String>(minimumCapacity: texts.count)
            if let twice = texts.first(where: { !seen.insert($0.id).inserted }) {
                throw KuklaError(.badData, "two \(what) have the id '\(twice.id)'; ids must differ")
            }
        }
        let judged = queries.filter { qrels[$0.id] != nil }
        guard !documents.isEmpty, !judged.isEmpty else {
            throw KuklaError(
                .badData,
                "retrieval needs documents and questions with judgements; found \(documents.count) documents, "
                    + "\(queries.count) questions, and judgements for \(judged.count) of them")
        }
        self.documents = documents
        self.queries = judged
        self.qrels = qrels
    }

    /// Scores a search system.
    ///
    /// - Parameter search: from questions and a number of hits to each question's hits, in the same order.
    /// - Throws: what `search` throws; `KuklaError.badData` where an answer cannot be ranked.
    public func evaluate(
        search: (_ queries: [Text], _ depth: Int) throws -> [[RetrievalRun.Hit]]
    ) throws -> RetrievalEvaluation {
        var evaluation = RetrievalEvaluation(qrels: qrels, metrics: metrics)
        // Blocks, so that a run over many questions is never held as a whole.
        for start in stride(from: 0, to: queries.count, by: 256) {
            let block = Array(queries[start..<min(start + 256, queries.count)])
            // One more than is kept, since the question itself may be among them.
            let answers = try search(block, ignoresOwnDocument ? depth + 1 : depth)
            contract(
                answers.count == block.count,
                "RetrievalTask: \(answers.count) answers to \(block.count) questions")
            for (query, hits) in zip(block, answers) {
                let kept = ignoresOwnDocument ? hits.filter { $0.document != query.id } : hits
                try evaluation.add(query: query.id, hits: Array(kept.prefix(depth)))
            }
        }
        return evaluation
    }

    /// Scores an embedding with exact cosine search.
    ///
    /// - Parameters:
    ///   - documentEmbedding: from n texts to vectors `[n, d]`, which need not be normalised.
    ///   - queryEmbedding: the same for questions.
    /// - Throws: what the closures throw; `KuklaError.badData` where a vector is zero or not finite.
    /// - Complexity: O(documents · queries · d).
    public func evaluate(
        documentEmbedding: ([String]) throws -> Matrix, queryEmbedding: ([String]) throws -> Matrix,
        threads: Int = defaultThreadCount
    ) throws -> RetrievalEvaluation {
        let base = try Self.normalised(documentEmbedding(documents.map(\.text)), documents)
        return try evaluate { block, depth in
            let vectors = try Self.normalised(queryEmbedding(block.map(\.text)), block)
            let scores = vectors.multiplied(by: base, transposed: true, threads: threads)
            return block.indices.map { query in
                scores.withUnsafeRow(query) { row in
                    // Whole answers are ranked by score, then by id as trec_eval ranks them, before the cut.
                    row.indices.sorted { a, b in
                        row[a] != row[b]
                            ? row[a] > row[b]
                            : documents[b].id.utf8.lexicographicallyPrecedes(documents[a].id.utf8)
                    }.prefix(depth).map { .init(document: documents[$0].id, score: Double(row[$0])) }
                }
            }
        }
    }

    private static func normalised(_ vectors: Matrix, _ texts: [Text]) throws(KuklaError) -> Matrix {
        contract(
            vectors.rows == texts.count, "RetrievalTask: \(vectors.rows) vectors of \(texts.count) texts")
        var elements: [Float] = []
        elements.reserveCapacity(vectors.rows * vectors.columns)
        for index in 0..<vectors.rows {
            let row = vectors.row(index)
            let norm = row.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            guard norm > 0, norm.isFinite else {
                throw KuklaError(
                    .badData, "the vector of '\(texts[index].id)' is zero or not finite, so it has no cosine")
            }
            for value in row { elements.append(Float(Double(value) / norm)) }
        }
        return Matrix(rows: vectors.rows, columns: vectors.columns, elements: elements)
    }
}
