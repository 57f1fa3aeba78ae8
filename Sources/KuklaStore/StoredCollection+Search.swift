import Foundation
import GRDB
import KuklaCodecs
import KuklaIndex
public import KuklaNumerics

extension StoredCollection {
    /// The best items, best first; fewer than `request.count` only where fewer match.
    ///
    /// Scores by vector are exact: candidates that the index found by codes are compared by the vectors in the database. A search by
    /// both fuses the lists by reciprocal rank (Cormack, Clarke and Buettcher 2009, doi:10.1145/1571941.1572114).
    /// - Throws: `KuklaError`: `usage` for requests that make no sense; `badData` where the vector cannot be compared.
    public func search(_ request: SearchRequest) throws(KuklaError) -> [SearchHit] {
        var trace = SearchTrace(isComplete: false)
        return try search(request, &trace)
    }

    /// As `search(_:)`, and says how the search went.
    public func explain(_ request: SearchRequest) throws(KuklaError) -> ExplainedSearch {
        var trace = SearchTrace(isComplete: true)
        let hits = try search(request, &trace)
        return ExplainedSearch(hits: hits, explanation: trace.explanation)
    }

    private func search(
        _ request: SearchRequest, _ trace: inout SearchTrace
    ) throws(KuklaError) -> [SearchHit] {
        try request.check()
        let query = request.vector.map { Matrix(rows: 1, columns: $0.count, elements: $0) }
        let hits = try trace.timing(\.total) { (trace) throws(KuklaError) in
            try settled(request, &trace) { (trace) throws(KuklaError) in
                let isHybrid = query != nil && request.text != nil
                let depth = isHybrid ? max(request.count, 100) : request.count
                var near: [ScoredItem] = []
                if let query { near = try nearest(query, request, count: depth, &trace)[0] }
                guard let text = request.text else {
                    return [near.enumerated().map { .init($1, rank: $0 + 1) }]
                }
                let matching = try trace.timing(\.text) { (_) throws(KuklaError) in
                    try matches(text, count: depth, where: request.filter)
                }
                return [Candidate.fused(near, matching, count: request.count, isHybrid: query != nil)]
            }[0]
        }
        if let vector = request.vector { queries.add(request, vector: vector) }
        return hits
    }

    /// As `search(_:)` for each row of `queries` `[n, dimensions]`, in place of the request's vector; the request has no text.
    public func search(_ queries: Matrix, _ request: SearchRequest) throws(KuklaError) -> [[SearchHit]] {
        contract(request.vector == nil && request.text == nil, "search: queries beside those of the request")
        try request.check(hasQueries: true)
        var trace = SearchTrace(isComplete: false)
        let found = try settled(request, &trace) { (trace) throws(KuklaError) in
            try nearest(queries, request, count: request.count, &trace).map { found in
                found.enumerated().map { .init($1, rank: $0 + 1) }
            }
        }
        for row in 0..<min(queries.rows, 16) { self.queries.add(request, vector: queries.row(row)) }
        return found
    }

    /// Fetches the items of what `find` finds. Where one was deleted or written again meanwhile, searches again, so that no list is
    /// short; where that goes on, between two writes.
    private func settled(
        _ request: SearchRequest, _ trace: inout SearchTrace,
        _ find: (inout SearchTrace) throws(KuklaError) -> [[Candidate]]
    ) throws(KuklaError) -> [[SearchHit]] {
        func hits(_ trace: inout SearchTrace) throws(KuklaError) -> (all: [[SearchHit]], isWhole: Bool) {
            trace.explanation.tries += 1
            let lists = try find(&trace)
            let found = try trace.timing(\.fetch) { (_) throws(KuklaError) in try fetched(lists, request) }
            return (found, zip(lists, found).allSatisfy { $0.count == $1.count })
        }
        for _ in 0..<4 {
            let found = try hits(&trace)
            if found.isWhole { return found.all }
        }
        return try writing.withLock { _ throws(KuklaError) in try hits(&trace).all }
    }

    private func fetched(
        _ lists: [[Candidate]], _ request: SearchRequest
    ) throws(KuklaError) -> [[SearchHit]] {
        try database.read { db in
            let statement = try db.cachedStatement(
                sql: "SELECT sequence, id, text, metadata FROM items WHERE sequence = ?")
            return try lists.map { list in
                try list.compactMap { candidate -> SearchHit? in
                    guard let row = try Row.fetchOne(statement, arguments: [candidate.sequence]) else {
                        return nil
                    }
                    return SearchHit(
                        item: try item(row, withVector: request.withVectors, db), score: candidate.score,
                        distance: candidate.distance, vectorRank: candidate.vectorRank,
                        textRank: candidate.textRank)
                }
            }
        }
    }

    /// The items with the best words of `text`.
    private func matches(
        _ text: String, count k: Int, where filter: Filter?
    ) throws(KuklaError) -> [TextMatch] {
        // Every word is quoted: nothing in it is an operator of SQLite's query language.
        let words = Set(text.split { $0.isWhitespace || $0 == "\0" })
        guard !words.isEmpty, words.count <= 1000 else {
            throw KuklaError(
                .usage, "Cannot search for a text of \(words.count) different words: expected 1 to 1000.")
        }
        let query = words.map { "\"\($0.replacing("\"", with: "\"\""))\"" }.sorted().joined(separator: " OR ")
        let condition = filter?.condition ?? SQLCondition("1")
        return try database.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT items.sequence, bm25(texts) AS badness FROM texts JOIN items ON items.sequence = texts.rowid
                    WHERE texts MATCH ? AND \(condition.sql) ORDER BY badness, items.sequence LIMIT ?
                    """,
                arguments: StatementArguments([query] + condition.arguments + [k])
            ).map { TextMatch(sequence: $0[0], score: Float(-($0[1] as Double))) }
        }
    }
}
