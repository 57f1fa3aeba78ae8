import GRDB
import KuklaCodecs
import KuklaIndex
import KuklaNumerics

/// Comparing candidates, which the index found by codes, by their vectors in the database.
extension StoredCollection {
    /// The best of each query's candidates by their vectors.
    ///
    /// - Parameters:
    ///   - lists: candidates of each query, best first by codes.
    ///   - isBounded: whether to stop where scores of codes are so near to those of vectors, among the candidates that were looked at, that none of
    ///     those left can be among the best.
    /// - Returns: the lists, and how many vectors were compared.
    func compared(
        _ lists: [[ScoredItem]], with queries: Matrix, count k: Int, isBounded: Bool, _ threads: Int
    ) throws(KuklaError) -> (lists: [[ScoredItem]], vectors: Int) {
        try database.read { db in
            var vectors = 0
            let best = try lists.enumerated().map { row, items in
                try compared(
                    items, with: queries[rows: row..<row + 1], count: k, isBounded: isBounded, threads,
                    &vectors, db)
            }
            return (best, vectors)
        }
    }

    private func compared(
        _ items: [ScoredItem], with query: Matrix, count k: Int, isBounded: Bool, _ threads: Int,
        _ vectors: inout Int, _ db: Database
    ) throws -> [ScoredItem] {
        var (best, errors, place) = ([ScoredItem](), ScoreErrors(), 0)
        // Fewer than a dozen say little about the others.
        var step = isBounded ? max(12, k + k / 4) : items.count
        while place < items.count {
            let part = items[place..<min(place + step, items.count)]
            let found = try blobs.read(part.map(\.sequence), db)
            vectors += found.sequences.count
            let scored = try exact(found.sequences, found.vectors, query, count: part.count, threads)[0]
            best = ScoredItem.best(k, of: best + scored)
            (place, step) = (part.endIndex, 8)
            guard isBounded, place < items.count else { continue }
            let scores = Dictionary(uniqueKeysWithValues: scored.map { ($0.sequence, $0.score) })
            for item in part {
                if let score = scores[item.sequence] { errors.add(item.score, score) }
            }
            if best.count == k, Double(items[place].score) + errors.most < Double(best[k - 1].score) { break }
        }
        return best
    }

    /// The best of vectors at hand.
    func exact(
        _ sequences: [Int64], _ vectors: Matrix, _ queries: Matrix, count k: Int, _ threads: Int
    ) throws(KuklaError) -> [[ScoredItem]] {
        guard !sequences.isEmpty else { return Array(repeating: [], count: queries.rows) }
        var index = FlatIndex(codec: FloatCodec(metric: settings.metric, dimensions: settings.dimensions))
        try index.insert(vectors, threads: threads)
        return try index.search(queries, count: min(k, sequences.count), threads: threads)
            .map { $0.map { ScoredItem(sequences[$0.id], $0) } }
    }
}
