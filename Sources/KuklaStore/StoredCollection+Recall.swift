import GRDB
import KuklaIndex
public import KuklaNumerics

/// What some of the last searches found of the best items.
public struct RecallCheck: Encodable, Hashable, Sendable {
    /// Searches that were done again.
    public let searches: Int
    /// The share of the best items that they found, `0...1`.
    public let recall: Double
    /// The standard error of that, from search to search.
    public let standardError: Double
    public let seconds: Double
}

extension StoredCollection {
    /// Does some of the last searches by vector once more, as they were asked for, and compares what they find with the best of all items by
    /// their vectors; `nil` where there was no search since the collection was opened.
    ///
    /// What is written meanwhile is left out of account as far as it can be.
    /// - Parameter count: how many searches, at random; 256 are remembered at most.
    /// - Complexity: reads all vectors, once for all searches with the same filter.
    public func checkRecall(sample count: Int = 32) throws(KuklaError) -> RecallCheck? {
        let start = ContinuousClock.now
        let chosen = queries.requests.shuffled().prefix(max(0, count)).filter {
            $0.vector?.count == settings.dimensions
        }
        guard !chosen.isEmpty else { return nil }
        let through = try lastOperation()
        var shares: [Double] = []
        for (filter, requests) in Dictionary(grouping: chosen, by: \.filter) {
            let vectors = Matrix(
                rows: requests.count, columns: settings.dimensions,
                elements: requests.flatMap { $0.vector ?? [] })
            let allowed = try filter.map { filter throws(KuklaError) in try sequences(where: filter) }
            var compared = 0
            let best = try unheld(
                0, through: through, vectors, count: requests.map(\.count).max() ?? 1, among: allowed,
                &compared)
            for (row, request) in requests.enumerated() {
                var trace = SearchTrace(isComplete: false)
                let found = try nearest(vectors[rows: row..<row + 1], request, count: request.count, &trace)[
                    0]
                let wanted = Set(best[row].prefix(request.count).map(\.sequence))
                guard !wanted.isEmpty else { continue }
                let hits = wanted.intersection(found.map(\.sequence)).count
                shares.append(Double(hits) / Double(wanted.count))
            }
        }
        guard !shares.isEmpty else { return nil }
        let mean = shares.reduce(0, +) / Double(shares.count)
        let variance =
            shares.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(1, shares.count - 1))
        return RecallCheck(
            searches: shares.count, recall: mean,
            standardError: (variance / Double(shares.count)).squareRoot(),
            seconds: (ContinuousClock.now - start) / .seconds(1))
    }

    /// What searches of the index were measured to find when it was made; `nil` where it was not measured: exact ones, and those of less
    /// than 200 items.
    public var recallCalibration: RecallCalibration? { state.withLock(\.calibration) }

    private func lastOperation() throws(KuklaError) -> Int64 {
        try database.read { db in try Int64.fetchOne(db, sql: "SELECT max(sequence) FROM items") ?? 0 }
    }

    /// Measures what searches of the index find, unless that is known, and keeps it in the database.
    ///
    /// With the last searches as queries where there were enough, else with items of the collection; those are held out.
    func calibrate(progress: any ProgressReporter) throws(KuklaError) {
        let state = state.withLock { $0 }
        guard let segment = state.segment, state.calibration == nil, isMeasurable(state) else { return }
        progress.begin("Measuring recall", total: nil, unit: "queries")
        defer { progress.end() }
        let logged = queries.requests.filter { $0.filter == nil && $0.vector?.count == settings.dimensions }
        let trial: RecallTrial
        if logged.count >= 50 {
            trial = try self.trial(
                segment, segment.index, state.live,
                Matrix(
                    rows: logged.count, columns: settings.dimensions,
                    elements: logged.flatMap { $0.vector ?? [] }), without: [])
        } else {
            trial = try heldOutTrial(segment, state.live)
        }
        let curves = try trial.curves()
        progress.advance(by: trial.queries.rows)
        let calibration = RecallCalibration(
            source: logged.count >= 50 ? .logged : .heldOut, queries: trial.queries.rows,
            items: segment.record.count - state.deadCount, curves: curves, file: segment.record.file)
        try writing.withLock { _ throws(KuklaError) in
            guard self.state.withLock({ $0.segment?.record.file }) == segment.record.file else { return }
            try database.write { db in try db.setFact("recall", to: calibration) }
            self.state.withLock { $0.calibration = calibration }
        }
    }

    /// Whether searches of the index may miss something, and it holds enough items to say how much.
    func isMeasurable(_ state: SearchState) -> Bool {
        state.segment.map { !$0.isExact && $0.record.count - state.deadCount >= 200 } ?? false
    }

    /// Some items as queries, and the index without them.
    private func heldOutTrial(_ segment: Segment, _ live: RowSet?) throws(KuklaError) -> RecallTrial {
        let wanted = 256
        var (index, rows) = (segment.index, [Int]())
        if let graph = index as? HNSWIndex {
            let trial = try graph.heldOut(wanted, seed: 1).trial
            var isLeft = RowSet(capacity: segment.record.count)
            for place in 0..<trial.count { isLeft.insert(trial.id(at: place)) }
            rows = (0..<graph.count).map(graph.id(at:)).filter { !isLeft.contains($0) }
            index = trial
        } else {
            var random = RandomSource(seed: 1)
            rows = random.sample(min(wanted, index.count / 10), below: index.count).map(index.id(at:))
        }
        rows = rows.filter { live?.contains($0) ?? true }.sorted()
        var sequences: [Int64] = []
        for row in rows { sequences.append(try segment.sequence(of: row)) }
        var allowed = live
        if !(index is HNSWIndex) {
            allowed = allowed ?? RowSet(capacity: segment.record.count, excluding: [])
            for row in rows { allowed?.remove(row) }
        }
        // An item may have been deleted since.
        let (there, vectors) = try database.read { db in
            let there = try sequences.filter {
                try Bool.fetchOne(db, sql: "SELECT 1 FROM vectors WHERE sequence = ?", arguments: [$0]) != nil
            }
            return (there, try self.vectors(of: there, db))
        }
        return try trial(segment, index, allowed, vectors, without: there)
    }

    private func trial(
        _ segment: Segment, _ index: any CodedIndex, _ allowed: RowSet?, _ queries: Matrix,
        without sequences: [Int64]
    ) throws(KuklaError) -> RecallTrial {
        var compared = 0
        let best = try unheld(
            0, through: segment.record.through, queries, count: RecallCalibration.counts.max() ?? 1,
            among: nil,
            excluding: Set(sequences), &compared)
        var truth: [[Int]] = []
        for items in best {
            let sequences = items.map(\.sequence)
            let rows = try segment.places(of: sequences)
            truth.append(sequences.compactMap { rows[$0] })
        }
        return RecallTrial(
            index: index, queries: queries, allowed: allowed, truth: truth, threads: options.threads,
            isStopped: { [background] in background.isStopped })
    }
}
