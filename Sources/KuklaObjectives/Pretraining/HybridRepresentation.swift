public import KuklaNumerics

/// The heaviest words of a text: what remains of its bag of words.
public struct LexicalVector: Sendable, Equatable {
    /// Rising.
    public let ids: [Int32]
    public let weights: [Float]

    /// The `count` greatest of a row; of equals those with the smaller ids. All where there are fewer.
    public init(heaviest count: Int, of row: [Float]) {
        let order = row.indices.sorted { (row[$1], $0) < (row[$0], $1) }.prefix(count).sorted()
        ids = order.map { Int32($0) }
        weights = order.map { row[$0] }
    }

    init(ids: [Int32], weights: [Float]) {
        self.ids = ids
        self.weights = weights
    }
}

/// Texts as a short dense vector and a few weighted words each: the score of two texts is the inner product of both parts,
/// `<dense, dense'> + sum over shared words of weight * weight'`.
///
/// *Source:* Xiao and Liu 2022, arXiv:2211.08769.
public struct HybridRepresentation: Sendable {
    /// `[texts, dimensions]`.
    public let dense: Matrix
    public let lexical: [LexicalVector]

    /// - Precondition: as many rows as lexical vectors.
    public init(dense: Matrix, lexical: [LexicalVector]) {
        contract(
            dense.rows == lexical.count,
            "HybridRepresentation: \(dense.rows) dense and \(lexical.count) lexical vectors")
        self.dense = dense
        self.lexical = lexical
    }

    /// `[queries, texts]`.
    ///
    /// - Complexity: O(queries * (texts * dimensions + postings of the queries' words)).
    public func scores(of queries: HybridRepresentation, threads: Int = defaultThreadCount) -> Matrix {
        let products = queries.dense.multiplied(by: dense, transposed: true, threads: threads)
        var postings: [Int32: [(text: Int, weight: Float)]] = [:]
        for (text, vector) in lexical.enumerated() {
            for (id, weight) in zip(vector.ids, vector.weights) {
                postings[id, default: []].append((text, weight))
            }
        }
        return Matrix(rows: queries.dense.rows, columns: dense.rows) { out in
            for query in 0..<queries.dense.rows {
                let base = query * dense.rows
                products.withUnsafeRow(query) { row in
                    for text in 0..<dense.rows { out[base + text] = row[text] }
                }
                for (id, weight) in zip(queries.lexical[query].ids, queries.lexical[query].weights) {
                    for posting in postings[id] ?? [] { out[base + posting.text] += weight * posting.weight }
                }
            }
        }
    }
}
