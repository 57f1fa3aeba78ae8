import KuklaNumerics
package import KuklaTensor

extension Tensor {
    /// Late interaction of packed sets with a gradient: `[queries, documents]` of the sums over a query's vectors of the
    /// greatest inner product with a vector of the document. The gradient goes to the first of equals.
    ///
    /// *Shapes:* `queries [query vectors, d]`, `documents [document vectors, d]`, packed as the lengths say; a query without
    /// vectors scores 0.
    /// - Precondition: every document has a vector.
    /// - Complexity: one product of all query vectors with all document vectors, whose result is held until the greatest are
    ///   found: 4 bytes a pair of vectors.
    package static func maximumSimilarity(
        _ queries: Tensor, _ queryLengths: SequenceLengths, _ documents: Tensor,
        _ documentLengths: SequenceLengths
    ) -> Tensor {
        contract(
            queries.rank == 2 && documents.rank == 2 && queries.shape[1] == documents.shape[1]
                && queries.shape[0] == queryLengths.total && documents.shape[0] == documentLengths.total,
            "maximumSimilarity: queries \(queries.shape) in \(queryLengths.total) rows, documents \(documents.shape) in \(documentLengths.total)"
        )
        contract(
            documentLengths.lengths.allSatisfy { $0 > 0 }, "maximumSimilarity: a document without vectors")
        let nearest = NearestRows(
            products: withoutGradient { queries.matmul(documents, transposingOther: true) },
            queryLengths, documentLengths)
        return nearest.scores.recorded(
            "maximumSimilarity",
            (
                queries,
                {
                    Tape.requireFirstOrder("maximumSimilarity")
                    return nearest.queryGradient($0, documents)
                }
            ),
            (
                documents,
                {
                    Tape.requireFirstOrder("maximumSimilarity")
                    return nearest.documentGradient($0, queries)
                }
            ))
    }
}

/// Which vector of each document is nearest to each query vector.
private struct NearestRows: Sendable {
    let scores: Tensor
    /// `[query vectors, documents]`: rows among all document vectors.
    let rows: [Int32]
    let queries, documents: SequenceLengths

    init(products: Tensor, _ queries: SequenceLengths, _ documents: SequenceLengths) {
        let (width, count) = (documents.total, documents.count)
        let rows = [Int32](unsafeUninitializedCapacity: queries.total * count) { out, written in
            written = out.count
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            tensorFor(queries.total, grain: Swift.max(1, elementGrain / Swift.max(width, 1))) { block in
                for vector in block {
                    let line = products.pointer + vector * width
                    for document in 0..<count {
                        let range = documents[document]
                        var (best, value) = (range.lowerBound, line[range.lowerBound])
                        for row in range where line[row] > value { (best, value) = (row, line[row]) }
                        to[vector * count + document] = Int32(best)
                    }
                }
            }
        }
        scores = Tensor(shape: [queries.count, count]) { out in
            for query in 0..<queries.count {
                for document in 0..<count {
                    out[query * count + document] = queries[query].reduce(0) {
                        $0 + products.pointer[$1 * width + Int(rows[$1 * count + document])]
                    }
                }
            }
        }
        self.rows = rows
        self.queries = queries
        self.documents = documents
    }

    func queryGradient(_ gradient: Tensor, _ vectors: Tensor) -> Tensor {
        let (width, count) = (vectors.shape[1], documents.count)
        return Tensor(shape: [queries.total, width]) { out in
            out.update(repeating: 0)
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            tensorFor(queries.count, grain: 4) { block in
                for query in block {
                    for vector in queries[query] {
                        for document in 0..<count {
                            let slope = gradient.pointer[query * count + document]
                            let from = vectors.pointer + Int(rows[vector * count + document]) * width
                            for i in 0..<width { to[vector * width + i] += slope * from[i] }
                        }
                    }
                }
            }
        }
    }

    func documentGradient(_ gradient: Tensor, _ vectors: Tensor) -> Tensor {
        let (width, count) = (vectors.shape[1], documents.count)
        return Tensor(shape: [documents.total, width]) { out in
            out.update(repeating: 0)
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // a document's rows are written by one block alone
            tensorFor(count, grain: 4) { block in
                for query in 0..<queries.count {
                    for vector in queries[query] {
                        let from = vectors.pointer + vector * width
                        for document in block {
                            let slope = gradient.pointer[query * count + document]
                            let target = to + Int(rows[vector * count + document]) * width
                            for i in 0..<width { target[i] += slope * from[i] }
                        }
                    }
                }
            }
        }
    }
}
