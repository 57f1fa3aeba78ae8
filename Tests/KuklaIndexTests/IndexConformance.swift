import Foundation
import KuklaIndex
import KuklaNumerics
import Testing

/// What every index keeps to, whatever it is made of.
///
/// - Parameters:
///   - recall: the range in which recall@10 against exact search lies, over 50 queries among 600 vectors of 24
///     normal components: bounded on both sides, so that a change for better or worse is seen.
///   - make: an index of these vectors.
func checkVectorIndex(
    metric: Metric, recall: ClosedRange<Double>, sourceLocation: SourceLocation = #_sourceLocation,
    make: (Matrix) throws -> any VectorIndex
) throws {
    let vectors = Matrix.random(rows: 600, columns: 24, seed: 11)
    let queries = Matrix.random(rows: 50, columns: 24, seed: 12)
    let index = try make(vectors)
    #expect(
        index.count == 600 && index.dimensions == 24 && index.metric == metric, sourceLocation: sourceLocation
    )

    // All of them, ordered, each once; the scores tell the order and the distance.
    let all = try index.search(queries, count: 600)
    #expect(all.count == 50, sourceLocation: sourceLocation)
    for list in all {
        #expect(Set(list.map(\.id)) == Set(0..<600), sourceLocation: sourceLocation)
        for (a, b) in zip(list, list.dropFirst()) {
            #expect(a.score > b.score || (a.score == b.score && a.id < b.id), sourceLocation: sourceLocation)
        }
        for match in list {
            #expect(match.distance == metric.distance(fromScore: match.score), sourceLocation: sourceLocation)
        }
    }

    // Recall, and short lists are the beginning of longer ones where nothing is ranked again.
    let ten = try index.search(queries, count: 10)
    var hits = 0
    for (query, list) in ten.enumerated() {
        #expect(list.count == 10, sourceLocation: sourceLocation)
        let exact = vectors.bruteForce(queries.row(query), metric: metric).prefix(10).map(\.id)
        hits += Set(exact).intersection(list.map(\.id)).count
    }
    let found = Double(hits) / 500
    #expect(recall.contains(found), "recall@10 \(found)", sourceLocation: sourceLocation)
    #expect(try index.search(queries, count: 1).allSatisfy { $0.count == 1 }, sourceLocation: sourceLocation)

    // Threads and repetition change nothing.
    for threads in [1, 2, 3] {
        #expect(
            try index.search(queries, count: 10, threads: threads) == ten, "\(threads) threads",
            sourceLocation: sourceLocation)
    }

    // One query at a time finds the same, up to rounding of scores.
    for query in 0..<5 {
        let alone = try index.search(queries[rows: query..<query + 1], count: 10)[0]
        for (a, b) in zip(alone, ten[query]) {
            #expect(abs(a.score - b.score) <= 1e-4 * max(1, abs(b.score)), sourceLocation: sourceLocation)
        }
    }

    // A filter: only what it allows, all of it where there is less than k.
    let odd = RowSet(capacity: 600) { $0 % 2 == 1 }
    for list in try index.search(queries, count: 10, allowing: odd, threads: 2) {
        #expect(list.count == 10 && list.allSatisfy { $0.id % 2 == 1 }, sourceLocation: sourceLocation)
    }
    let three = RowSet(capacity: 600) { [7, 300, 599].contains($0) }
    for list in try index.search(queries, count: 10, allowing: three, threads: 2) {
        #expect(Set(list.map(\.id)) == [7, 300, 599], sourceLocation: sourceLocation)
    }
    let none = RowSet(capacity: 600)
    #expect(
        try index.search(queries, count: 10, allowing: none, threads: 2).allSatisfy(\.isEmpty),
        sourceLocation: sourceLocation)

    // No queries, no lists.
    #expect(try index.search(queries[rows: 0..<0], count: 1).isEmpty, sourceLocation: sourceLocation)

    // What makes no sense is refused in words.
    expectError(.usage, "600", sourceLocation: sourceLocation) { try index.search(queries, count: 601) }
    expectError(.usage, "at least 1", sourceLocation: sourceLocation) { try index.search(queries, count: 0) }
    expectError(.badData, "23", sourceLocation: sourceLocation) {
        try index.search(Matrix(rows: 1, columns: 23), count: 1)
    }
    var broken = queries
    broken[3, 5] = .nan
    expectError(.badData, "query 3", sourceLocation: sourceLocation) { try index.search(broken, count: 1) }
}

/// Expects `body` to throw a `KuklaError` of this code whose message contains `text`.
func expectError(
    _ code: KuklaError.Code, _ text: String, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> some Any
) {
    do {
        _ = try body()
        Issue.record("nothing was thrown; expected \(code) with \"\(text)\"", sourceLocation: sourceLocation)
    } catch let error as KuklaError {
        #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
        #expect(error.message.contains(text), "\(error)", sourceLocation: sourceLocation)
    } catch {
        Issue.record("threw \(error), not a KuklaError", sourceLocation: sourceLocation)
    }
}
