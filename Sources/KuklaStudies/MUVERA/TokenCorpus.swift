import KuklaEvaluation
import KuklaIndex
import KuklaNumerics
import KuklaText

/// A corpus as sets of token vectors, with everything that exact late interaction says about it.
struct TokenCorpus {
    let name: String
    let texts: (queries: [RetrievalTask.Text], documents: [RetrievalTask.Text])
    let qrels: Qrels
    let queries, documents: VectorSets
    /// For every token of all queries the greatest inner product with a token of each document, `[tokens, documents]`.
    let best: Matrix
    /// The sums of `best` over each query's tokens: MaxSim, `[queries, documents]`.
    let exact: Matrix
    /// The best ten documents of each query by `exact`.
    let truth: [[Int]]

    init(_ corpus: JudgedTexts, _ model: EmbeddingModel, _ bench: StudyBench) throws(KuklaError) {
        let qrels = corpus.task.qrels
        let queries = Array(corpus.task.queries.prefix(bench.choose(quick: 30, full: .max)))
        // A quick run keeps what answers its questions, and some others.
        let kept = Set(queries.flatMap { qrels[$0.id]?.keys.map(\.self) ?? [] }).union(
            corpus.documents.prefix(bench.choose(quick: 70, full: .max)).map(\.id))
        let characters = bench.choose(quick: 250, full: Int.max)
        let documents = corpus.documents.filter { kept.contains($0.id) }.map {
            RetrievalTask.Text(id: $0.id, text: String($0.text.prefix(characters)))
        }
        name = corpus.name
        self.qrels = qrels
        texts = (queries, documents)
        func embedded(_ texts: [RetrievalTask.Text]) throws(KuklaError) -> VectorSets {
            try model.embedTokens(
                texts.map(\.text), threads: bench.threads, progress: bench.progress
            ).sets
        }
        self.queries = try embedded(queries)
        self.documents = try embedded(documents)
        best = Self.best(self.queries.vectors, self.documents, threads: bench.threads)
        exact = Self.sums(best, over: self.queries)
        truth = exact.best(10)
    }

    private static func best(_ tokens: Matrix, _ documents: VectorSets, threads: Int) -> Matrix {
        let (rows, columns, width) = (tokens.rows, documents.count, tokens.columns)
        return Matrix(rows: rows, columns: columns) { out in
            nonisolated(unsafe) let out = out  // every block writes columns of its own
            parallelFor(columns, grain: 8, threads: threads) { block in
                for document in block {
                    let set = documents[document]
                    let products = Matrix(rows: rows, columns: set.rows) { products in
                        tokens.withUnsafeBufferPointer { a in
                            set.withUnsafeBufferPointer { b in
                                GEMM.multiply(
                                    a.baseAddress!, b.baseAddress!, into: products.baseAddress!, m: rows,
                                    n: set.rows, k: width, transposeB: true)
                            }
                        }
                    }
                    products.withUnsafeBufferPointer {
                        for row in 0..<rows {
                            var most = -Float.infinity
                            for i in row * set.rows..<(row + 1) * set.rows { most = max(most, $0[i]) }
                            out[row * columns + document] = most
                        }
                    }
                }
            }
        }
    }

    private static func sums(_ best: Matrix, over queries: VectorSets) -> Matrix {
        Matrix(rows: queries.count, columns: best.columns) { out in
            out.update(repeating: 0)
            best.withUnsafeBufferPointer {
                for query in 0..<queries.count {
                    for token in queries.rows(of: query) {
                        for document in 0..<best.columns {
                            out[query * best.columns + document] += $0[token * best.columns + document]
                        }
                    }
                }
            }
        }
    }

    /// nDCG@10 of answers: documents of each query, the best first.
    func ndcg(_ answers: [[Int]]) throws(KuklaError) -> Double {
        var evaluation = RetrievalEvaluation(qrels: qrels, metrics: [.nDCG(at: 10)])
        for (query, answer) in zip(texts.queries, answers) {
            try evaluation.add(
                query: query.id,
                hits: answer.enumerated().map {
                    .init(document: texts.documents[$0.element].id, score: -Double($0.offset))
                })
        }
        return evaluation.mean(of: .nDCG(at: 10))
    }

    /// The best ten by the exact scores among these documents.
    func ranked(_ candidates: [[Int]]) -> [[Int]] {
        candidates.enumerated().map { query, documents in
            exact.withUnsafeRow(query) { row in
                Array(documents.sorted { (row[$1], $0) < (row[$0], $1) }.prefix(10))
            }
        }
    }
}

extension Matrix {
    /// The columns of the `count` largest numbers of each row, the largest first; of equal ones the lower column.
    func best(_ count: Int) -> [[Int]] {
        (0..<rows).map { row in
            withUnsafeRow(row) { row in
                Array(row.indices.sorted { (row[$1], $0) < (row[$0], $1) }.prefix(count))
            }
        }
    }

    /// How many columns of a row come before `column`, counting it.
    func rank(of column: Int, in row: Int) -> Int {
        withUnsafeRow(row) { row in
            row.indices.count { row[$0] > row[column] || (row[$0] == row[column] && $0 <= column) }
        }
    }
}
