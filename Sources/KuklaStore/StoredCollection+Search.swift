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
        try request.check()
        let query = request.vector.map { Matrix(rows: 1, columns: $0.count, elements: $0) }
        return try settled(request) { (request) throws(KuklaError) in
            let depth = request.vector != nil && request.text != nil ? max(request.count, 100) : request.count
            var near: [ScoredItem] = []
            if let query { near = try nearest(query, request, count: depth)[0] }
            guard let text = request.text else { return [near.enumerated().map { .init($1, rank: $0 + 1) }] }
            let matching = try matches(text, count: depth, where: request.filter)
            return [Candidate.fused(near, matching, count: request.count, isHybrid: query != nil)]
        }[0]
    }

    /// As `search(_:)` for each row of `queries` `[n, dimensions]`, in place of the request's vector; the request has no text.
    public func search(_ queries: Matrix, _ request: SearchRequest) throws(KuklaError) -> [[SearchHit]] {
        contract(request.vector == nil && request.text == nil, "search: queries beside those of the request")
        try request.check(hasQueries: true)
        return try settled(request) { (request) throws(KuklaError) in
            try nearest(queries, request, count: request.count).map { found in
                found.enumerated().map { .init($1, rank: $0 + 1) }
            }
        }
    }

    /// Fetches the items of what `find` finds. Where one was deleted or written again meanwhile, searches again, so that no list is
    /// short; where that goes on, between two writes.
    private func settled(
        _ request: SearchRequest, _ find: (SearchRequest) throws(KuklaError) -> [[Candidate]]
    ) throws(KuklaError) -> [[SearchHit]] {
        for _ in 0..<4 {
            let lists = try find(request)
            let found = try fetched(lists, request)
            if zip(lists, found).allSatisfy({ $0.count == $1.count }) { return found }
        }
        return try writing.withLock { _ throws(KuklaError) in try fetched(find(request), request) }
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

    /// The nearest items of each query by their vectors.
    private func nearest(
        _ queries: Matrix, _ request: SearchRequest, count k: Int
    ) throws(KuklaError) -> [[ScoredItem]] {
        guard queries.columns == settings.dimensions else {
            throw KuklaError(
                .badData,
                "Cannot search the collection '\(name)': the query has \(queries.columns) components, its vectors \(settings.dimensions). Make the query with the model that made the vectors."
            )
        }
        _ = try queries.prepared(for: settings.metric, role: "query")
        let allowed = try request.filter.map { filter throws(KuklaError) in try sequences(where: filter) }
        let state = state.withLock { $0 }
        var best = try state.fresh.search(queries, count: k, among: allowed, threads: options.threads)
        func add(_ found: [[ScoredItem]]) {
            for (query, items) in found.enumerated() {
                best[query] = ScoredItem.best(k, of: best[query] + items)
            }
        }
        if let segment = state.segment {
            try add(coded(segment, state.live, queries, request, count: k, among: allowed))
        }
        if let after = state.unheldAfter { try add(unheld(after, queries, count: k, among: allowed)) }
        return best
    }

    /// The best of the index.
    private func coded(
        _ segment: Segment, _ live: RowSet?, _ queries: Matrix, _ request: SearchRequest, count k: Int,
        among allowed: [Int64]?
    ) throws(KuklaError) -> [[ScoredItem]] {
        var rows = live
        if let allowed {
            let wanted = try segment.rows(of: allowed)
            rows = live?.intersection(wanted) ?? wanted
        }
        guard rows.map({ $0.count > 0 }) ?? true else { return Array(repeating: [], count: queries.rows) }
        var index = segment.index
        if let effort = request.effort { index = try index.searched(withEffort: effort) }
        let wanted = segment.hasExactScores ? k : max(k, request.candidateCount)
        let found = try index.search(
            queries, count: min(wanted, index.count), allowing: rows, threads: options.threads)
        var lists: [[ScoredItem]] = []
        for (query, matches) in found.enumerated() {
            var items: [ScoredItem] = []
            for match in matches { items.append(ScoredItem(try segment.sequence(of: match.id), match)) }
            lists.append(
                segment.hasExactScores
                    ? items : try compared(items, with: queries[rows: query..<query + 1], count: k))
        }
        return lists
    }

    /// The best of `items` by their vectors.
    private func compared(
        _ items: [ScoredItem], with query: Matrix, count k: Int
    ) throws(KuklaError) -> [ScoredItem] {
        let (sequences, vectors) = try database.read { db in
            let statement = try db.cachedStatement(
                sql: """
                    SELECT sequence, vector FROM vectors WHERE sequence IN (SELECT value FROM json_each(?))
                    ORDER BY sequence
                    """)
            let wanted = "[" + items.map { String($0.sequence) }.joined(separator: ",") + "]"
            return try blobs.read(Row.fetchCursor(statement, arguments: [wanted]))
        }
        return try exact(sequences, vectors, query, count: k)[0]
    }

    /// The best of vectors at hand.
    private func exact(
        _ sequences: [Int64], _ vectors: Matrix, _ queries: Matrix, count k: Int
    ) throws(KuklaError) -> [[ScoredItem]] {
        guard !sequences.isEmpty else { return Array(repeating: [], count: queries.rows) }
        var index = FlatIndex(codec: FloatCodec(metric: settings.metric, dimensions: settings.dimensions))
        try index.insert(vectors, threads: options.threads)
        return try index.search(queries, count: min(k, sequences.count), threads: options.threads)
            .map { $0.map { ScoredItem(sequences[$0.id], $0) } }
    }

    /// The best of the items that are in the database only: those of operations after `after`.
    private func unheld(
        _ after: Int64, _ queries: Matrix, count k: Int, among allowed: [Int64]?
    ) throws(KuklaError) -> [[ScoredItem]] {
        var best = [[ScoredItem]](repeating: [], count: queries.rows)
        var after = after
        while true {
            var (sequences, vectors) = try database.vectors(after: after, count: 4096, blobs)
            guard let last = sequences.last else { return best }
            after = last
            if let allowed {
                let rows = allowed.rows(among: sequences.count) { sequences[$0] }
                let kept = sequences.indices.filter(rows.contains)
                vectors = vectors.gathering(rows: kept)
                sequences = kept.map { sequences[$0] }
            }
            for (query, items) in try exact(sequences, vectors, queries, count: k).enumerated() {
                best[query] = ScoredItem.best(k, of: best[query] + items)
            }
        }
    }

    /// The operations that wrote the items for which `filter` holds, rising.
    private func sequences(where filter: Filter) throws(KuklaError) -> [Int64] {
        let condition = filter.condition
        return try database.read { db in
            try Int64.fetchAll(
                db, sql: "SELECT sequence FROM items WHERE \(condition.sql)",
                arguments: StatementArguments(condition.arguments)
            ).sorted()
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

/// An item that a search by text found.
private struct TextMatch {
    let sequence: Int64
    let score: Float
}

/// An item that was found and has not been fetched.
private struct Candidate {
    let sequence: Int64
    var score: Float
    var distance: Float?
    var vectorRank: Int?
    var textRank: Int?

    init(sequence: Int64, score: Float) {
        self.sequence = sequence
        self.score = score
    }

    init(_ item: ScoredItem, rank: Int) {
        self.init(sequence: item.sequence, score: item.score)
        distance = item.distance
        vectorRank = rank
    }

    /// The lists by vector and by text in one.
    static func fused(
        _ near: [ScoredItem], _ matching: [TextMatch], count k: Int, isHybrid: Bool
    ) -> [Candidate] {
        var all: [Int64: Candidate] = [:]
        for (place, item) in near.enumerated() { all[item.sequence] = Candidate(item, rank: place + 1) }
        for (place, match) in matching.enumerated() {
            all[match.sequence, default: Candidate(sequence: match.sequence, score: match.score)].textRank =
                place + 1
        }
        var list = Array(all.values)
        if isHybrid {
            for place in list.indices {
                let ranks = [list[place].vectorRank, list[place].textRank].compactMap(\.self)
                list[place].score = ranks.reduce(0) { $0 + 1 / Float(60 + $1) }
            }
        }
        list.sort { $0.score > $1.score || ($0.score == $1.score && $0.sequence < $1.sequence) }
        return Array(list.prefix(k))
    }
}
