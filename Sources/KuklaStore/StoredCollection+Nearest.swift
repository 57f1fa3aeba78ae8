import Foundation
import GRDB
import KuklaCodecs
import KuklaIndex
import KuklaNumerics

/// What searches by vector look through: the index, fresh items, and those that are in the database only.
extension StoredCollection {
    /// The nearest items of each query by their vectors.
    func nearest(
        _ queries: Matrix, _ request: SearchRequest, count k: Int, _ trace: inout SearchTrace
    ) throws(KuklaError) -> [[ScoredItem]] {
        guard queries.columns == settings.dimensions else {
            throw KuklaError(
                .badData,
                "Cannot search the collection '\(name)': the query has \(queries.columns) components, its vectors \(settings.dimensions). Make the query with the model that made the vectors."
            )
        }
        _ = try queries.prepared(for: settings.metric, role: "query")
        let allowed = try trace.timing(\.filter) { (_) throws(KuklaError) in
            try request.filter.map { filter throws(KuklaError) in try sequences(where: filter) }
        }
        if trace.isComplete, let allowed {
            trace.explanation.selectivity = Double(allowed.count) / Double(max(1, try count()))
        }
        let threads = request.threads ?? options.threads
        if request.recall == 1 {
            return try exhaustive(queries, count: k, among: allowed, threads, &trace)
        }
        let state = state.withLock { $0 }
        var best = try trace.timing(\.fresh) { (_) throws(KuklaError) in
            try state.fresh.search(queries, count: k, among: allowed, threads: threads)
        }
        func add(_ found: [[ScoredItem]]) {
            for (query, items) in found.enumerated() {
                best[query] = ScoredItem.best(k, of: best[query] + items)
            }
        }
        trace.explanation.fresh = state.fresh.count
        trace.explanation.expectedRecall = 1
        if let segment = state.segment {
            try add(coded(segment, state, queries, request, count: k, among: allowed, &trace))
        }
        if let after = state.unheldAfter {
            let found = try trace.timing(\.unheld) { (trace) throws(KuklaError) in
                try unheld(
                    after, queries, count: k, among: allowed, threads: threads, &trace.explanation.unheld)
            }
            add(found)
        }
        return best
    }

    /// The nearest of all items, wherever they are, by comparing all vectors in the database.
    private func exhaustive(
        _ queries: Matrix, count k: Int, among allowed: [Int64]?, _ threads: Int, _ trace: inout SearchTrace
    ) throws(KuklaError) -> [[ScoredItem]] {
        trace.explanation.expectedRecall = 1
        return try trace.timing(\.unheld) { (trace) throws(KuklaError) in
            try unheld(
                0, queries, count: k, among: allowed, threads: threads, &trace.explanation.unheld)
        }
    }

    /// The best of the index.
    private func coded(
        _ segment: Segment, _ state: SearchState, _ queries: Matrix, _ request: SearchRequest, count k: Int,
        among allowed: [Int64]?, _ trace: inout SearchTrace
    ) throws(KuklaError) -> [[ScoredItem]] {
        let threads = request.threads ?? options.threads
        var rows = state.live
        if let allowed {
            let wanted = try trace.timing(\.filter) { (_) throws(KuklaError) in try segment.rows(of: allowed)
            }
            rows = state.live?.intersection(wanted) ?? wanted
        }
        // An index is empty where all of its items were written again while it was made.
        guard rows.map({ $0.count > 0 }) ?? (segment.index.count > 0) else {
            return Array(repeating: [], count: queries.rows)
        }
        let effort = state.effort(for: request, count: k, isFiltered: allowed != nil)
        var index = segment.index
        if let effort = effort.effort { index = try index.searched(withEffort: effort) }
        let counter = trace.isComplete ? ComparisonCounter() : nil
        if trace.isComplete {
            if var approximate = index as? any ApproximateIndex & CodedIndex {
                approximate.comparisonCounter = counter
                index = approximate
            }
            trace.explanation.indexed = rows?.count ?? segment.record.count
        }
        let wanted = segment.hasExactScores ? k : effort.candidates
        let found = try trace.timing(\.index) { (_) throws(KuklaError) in
            try index.search(
                queries, count: min(wanted, index.count), allowing: rows, threads: threads)
        }
        trace.explanation.configuration = index.configuration
        trace.explanation.effort = (index as? any ApproximateIndex)?.effort
        trace.explanation.candidates = segment.hasExactScores ? nil : effort.candidates
        trace.explanation.expectedRecall = effort.recall
        if let counter {
            trace.explanation.compared =
                index is any ApproximateIndex ? counter.count : queries.rows * trace.explanation.indexed
        }
        var lists: [[ScoredItem]] = []
        for matches in found {
            var items: [ScoredItem] = []
            for match in matches { items.append(ScoredItem(try segment.sequence(of: match.id), match)) }
            lists.append(items)
        }
        if segment.hasExactScores { return lists }
        // What was asked for in so many words is done to the letter.
        let isBounded = request.candidates == nil && request.recall == nil
        let best = try trace.timing(\.comparison) { (_) throws(KuklaError) in
            try compared(lists, with: queries, count: k, isBounded: isBounded, threads)
        }
        trace.explanation.vectors = best.vectors
        return best.lists
    }

    /// The best of the items of operations after `after`, by comparing all of them in the database; adds how many they are.
    func unheld(
        _ after: Int64, through: Int64 = .max, _ queries: Matrix, count k: Int, among allowed: [Int64]?,
        excluding excluded: Set<Int64> = [], threads: Int? = nil, _ compared: inout Int
    ) throws(KuklaError) -> [[ScoredItem]] {
        var best = [[ScoredItem]](repeating: [], count: queries.rows)
        let isWhole = after == 0
        // Of all vectors few are looked at at a time: what the copies of so many take stays with the process.
        let batch = isWhole ? max(64, (1 << 20) / (4 * settings.dimensions)) : 4096
        var after = after
        while true {
            if background.isStopped {
                throw KuklaError(.cancelled, "The collection '\(name)' was closed while it was searched.")
            }
            var (sequences, vectors) = try database.vectors(
                after: after, through: through, count: batch, blobs, keepsPages: !isWhole)
            guard let last = sequences.last else { return best }
            after = last
            if let allowed {
                let rows = allowed.rows(among: sequences.count) { sequences[$0] }
                let kept = sequences.indices.filter(rows.contains)
                vectors = vectors.gathering(rows: kept)
                sequences = kept.map { sequences[$0] }
            }
            if !excluded.isEmpty, sequences.contains(where: excluded.contains) {
                let kept = sequences.indices.filter { !excluded.contains(sequences[$0]) }
                vectors = vectors.gathering(rows: kept)
                sequences = kept.map { sequences[$0] }
            }
            compared += sequences.count
            let found = try exact(sequences, vectors, queries, count: k, threads ?? options.threads)
            for (query, items) in found.enumerated() {
                best[query] = ScoredItem.best(k, of: best[query] + items)
            }
        }
    }

    /// The operations that wrote the items for which `filter` holds, rising.
    func sequences(where filter: Filter) throws(KuklaError) -> [Int64] {
        let condition = filter.condition
        return try database.read { db in
            try Int64.fetchAll(
                db, sql: "SELECT sequence FROM items WHERE \(condition.sql)",
                arguments: StatementArguments(condition.arguments)
            ).sorted()
        }
    }
}
