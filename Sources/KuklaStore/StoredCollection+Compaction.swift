import Foundation
import GRDB
import KuklaCodecs
public import KuklaIndex
public import KuklaNumerics

/// What making an index did.
public struct CompactionReport: Hashable, Sendable {
    /// Items in the index now.
    public let count: Int
    /// What it is made of; `nil` where there is no item.
    public let configuration: IndexConfiguration?
    /// Whether codecs were trained and all vectors encoded anew, not only fresh ones added.
    public let isRebuilt: Bool
    /// Why it was made anew, if it was.
    public var reason: FitRecord.Reason?
}

extension StoredCollection {
    /// Folds fresh items into the index and takes deleted ones out of it.
    ///
    /// The index grows by the fresh items where its training still fits: it was trained on a quarter of the items or more, and of a
    /// graph or lists at most a fifth are deleted items. Otherwise, and where `isRebuilding`, it is made anew from the database. Searches
    /// go on meanwhile and use it when it is whole; what is written meanwhile stays fresh.
    /// - Throws: `KuklaError`; the index is then as before.
    @discardableResult
    public func compact(
        rebuilding isRebuilding: Bool = false, progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> CompactionReport {
        try compacting.withLock { _ throws(KuklaError) in
            // An index that grows takes its codes over: a damaged one would be found whole afterwards.
            try checkIndex()
            let (through, count, fitted, fit) = try database.read { db in
                (
                    try Int64.fetchOne(db, sql: "SELECT max(sequence) FROM items") ?? 0,
                    try Int.fetchOne(db, sql: "SELECT count(*) FROM items") ?? 0,
                    try db.fact("fitted", as: FittedPlan.self), try db.fact("fit", as: FitRecord.self)
                )
            }
            let state = state.withLock { $0 }
            guard count > 0 else {
                try use(nil, fitted, fit)
                return CompactionReport(count: 0, configuration: nil, isRebuilt: false)
            }
            let isUnchanged =
                !isRebuilding && state.deadCount == 0 && (state.segment?.record.through ?? 0) >= through
            let drift =
                isRebuilding || isUnchanged
                ? nil : try drift(since: fit, state, through: through, count: count)
            // Whoever opened the store without a planner gets codecs trained again, by the plan that there is.
            let (plan, isFitted) = try plan(
                for: count, fitted, through,
                refitting: isRebuilding || drift != nil && options.fitter != nil, progress)
            if isUnchanged, state.segment?.index.configuration == plan.configuration {
                try calibrate(progress: progress)
                return CompactionReport(
                    count: count, configuration: plan.configuration, isRebuilt: false)
            }
            let url = segments.appending(
                path: "\(through)-\(String(UInt32.random(in: .min ... .max), radix: 36)).kukla")
            let reason: FitRecord.Reason? =
                isRebuilding
                ? .requested
                : drift.map { _ in .drift }
                    ?? reasonForNewIndex(state, of: count, as: plan, isFitting: isFitted && fitted == nil)
            let (trainedOn, codes) = try writeIndex(
                url, plan, through, growing: reason == nil ? state.segment : nil, progress)
            let segment = try Segment(written: url, through: through, trainedOn: trainedOn)
            try use(
                segment, isFitted ? plan : fitted,
                reason.map {
                    FitRecord(operation: through, count: count, reason: $0, drift: drift, codes: codes)
                } ?? fit,
                // A tenth more items change little.
                keepsCalibration: reason == nil && 10 * (state.calibration?.items ?? 0) >= 9 * count)
            try calibrate(progress: progress)
            return CompactionReport(
                count: segment.index.count, configuration: segment.index.configuration,
                isRebuilt: reason != nil,
                reason: reason)
        }
    }

    /// Compacts in the background, unless that is the caller's business.
    func compactLater() {
        guard options.maintenance == .background else { return }
        background.request { [weak self] in
            guard let self else { return }
            do throws(KuklaError) {
                try compact()
                if state.withLock({ $0.unheldAfter != nil }) { compactLater() }
            } catch {
                if error.code != .cancelled {
                    options.report(
                        "The index of the collection '\(name)' could not be made; searches read the database meanwhile: \(error)"
                    )
                }
            }
        }
    }

    /// Waits until the index holds what there was to fold into it. For those who measure, and tests.
    package func waitForCompaction() { background.wait() }

    /// What the index is to be made of, and whether that was found for a budget.
    private func plan(
        for count: Int, _ fitted: FittedPlan?, _ through: Int64, refitting isRefitting: Bool,
        _ progress: any ProgressReporter
    ) throws(KuklaError) -> (plan: FittedPlan, isFitted: Bool) {
        // Vectors that are too few to learn from are compared as they are.
        let exact = FittedPlan(configuration: Segment.exactConfiguration)
        switch settings.plan {
        case .factory(let configuration):
            let isEnough = count >= configuration.leastTrainingCount
            return (isEnough ? FittedPlan(configuration: configuration) : exact, false)
        case .budget(let bytes, let items):
            if let fitted, !isRefitting { return (fitted, true) }
            guard count >= items else { return (exact, false) }
            guard let fitter = options.fitter else {
                throw KuklaError(
                    .usage,
                    "Cannot fit a plan for the collection '\(name)': whoever opened the store gave nothing that fits plans."
                )
            }
            let sample = try sampledVectors(0...through, limit: trainingLimit)
            // Items that were written again since they were counted come with the next index.
            guard sample.rows >= min(items, trainingLimit) else { return (exact, false) }
            return (
                try fitter.fit(sample, count: count, bytesPerVector: bytes, metric: settings.metric), true
            )
        }
    }

    /// Why the index cannot grow by the fresh items; `nil` where it can.
    private func reasonForNewIndex(
        _ state: SearchState, of count: Int, as plan: FittedPlan, isFitting: Bool
    ) -> FitRecord.Reason? {
        guard let segment = state.segment, segment.index.configuration == plan.configuration else {
            return isFitting ? .enoughItems : .first
        }
        // Exact codes learn nothing.
        guard segment.isExact || 4 * segment.record.trainedOn >= min(count, trainingLimit) else {
            return .growth
        }
        let isDense = segment.index is FlatIndex || 5 * state.deadCount <= segment.record.count
        return isDense ? nil : .deletions
    }

    private var trainingLimit: Int {
        min(IndexConfiguration.trainingLimit, max(options.trainingBytes / (4 * settings.dimensions), 1000))
    }

    /// Random vectors to train on, and some, of a twentieth of all, that training does not see: what the codes are off by is measured
    /// with these.
    private func sample(_ through: Int64, limit: Int) throws(KuklaError) -> (
        training: Matrix, heldOut: Matrix
    ) {
        let all = try sampledVectors(0...through, limit: limit)
        var random = RandomSource(seed: 2)
        let heldOut = all.rows < 400 ? [] : random.sample(min(1000, all.rows / 20), below: all.rows).sorted()
        let isHeldOut = Set(heldOut)
        return (
            all.gathering(rows: (0..<all.rows).filter { !isHeldOut.contains($0) }),
            all.gathering(rows: heldOut)
        )
    }

    /// Writes an index of all items up to `through`: `growing` with the items after it, or else a new one. Says how many vectors
    /// its codecs were trained on, and how far new codes are off.
    private func writeIndex(
        _ url: URL, _ plan: FittedPlan, _ through: Int64, growing: Segment?, _ progress: any ProgressReporter
    ) throws(KuklaError) -> (trainedOn: Int, codes: CodeErrors?) {
        if let growing, !(growing.index is FlatIndex) {
            // Removed items keep their rows: under blank names these would not rise any more.
            let writer = try CollectionWriter(url, updating: growing.file, threads: options.threads)
            try fill(writer, after: growing.record.through, through, progress)
            try writer.finish()
            return (growing.record.trainedOn, nil)
        }
        let empty: any CodedIndex
        let trainedOn: Int
        var codes: CodeErrors?
        if let growing {
            // All vectors once more through the same codec: in a stream, where taking the codes over would hold them.
            empty = FlatIndex(codec: growing.index.codec, refinement: growing.index.refinement)
            trainedOn = growing.record.trainedOn
        } else {
            let learnsNothing = plan.configuration == Segment.exactConfiguration
            let (training, heldOut) = try sample(through, limit: learnsNothing ? 1 : trainingLimit)
            // Of what was counted, items may have been deleted or written again since.
            let isEnough = training.rows >= plan.configuration.leastTrainingCount
            let configuration = isEnough ? plan.configuration : Segment.exactConfiguration
            empty = try configuration.makeIndex(
                on: training, metric: settings.metric, threads: options.threads, progress: progress)
            trainedOn = training.rows
            codes = try CodeErrors(heldOut, in: empty, threads: options.threads)
        }
        let writer = try CollectionWriter(
            url, index: empty, origin: .init(model: settings.model), plan: plan.report,
            threads: options.threads)
        try fill(writer, after: 0, through, progress)
        if let effort = plan.effort {
            try writer.withApproximateIndex { index in index.effort = effort }
        }
        try writer.finish()
        return (trainedOn, codes)
    }

    private func fill(
        _ writer: CollectionWriter, after: Int64, _ through: Int64, _ progress: any ProgressReporter
    ) throws(KuklaError) {
        var after = after
        progress.begin("Indexing", total: nil, unit: "vectors")
        defer { progress.end() }
        while true {
            if background.isStopped {
                throw KuklaError(.cancelled, "The collection '\(name)' was closed while its index was made.")
            }
            let (sequences, vectors) = try database.vectors(
                after: after, through: through, count: 8192, blobs)
            guard let last = sequences.last else { return }
            try writer.append(vectors, ids: sequences.map { .number(UInt64($0)) })
            progress.advance(by: sequences.count)
            after = last
        }
    }

    /// Makes `segment` the index, and deletes the file of the one before.
    private func use(
        _ segment: Segment?, _ fitted: FittedPlan?, _ fit: FitRecord?, keepsCalibration: Bool = false
    ) throws(KuklaError) {
        let old = try writing.withLock { _ throws(KuklaError) in
            let old = try database.write { db in
                let old = try db.fact("segment", as: SegmentRecord.self)
                try db.setFact("segment", to: segment?.record)
                try db.setFact("fitted", to: fitted)
                try db.setFact("fit", to: fit)
                var calibration = keepsCalibration ? try db.fact("recall", as: RecallCalibration.self) : nil
                if let segment { calibration?.file = segment.record.file }
                try db.setFact("recall", to: calibration)
                try forget(all: segment, db)
                return old
            }
            let next = try Self.load(segment, from: database, settings, blobs, options)
            state.withLock { $0 = next }
            return old
        }
        if let old, old.file != segment?.record.file {
            try? FileManager.default.removeItem(at: segments.appending(path: old.file))
        }
    }

    /// Keeps those tombstones only whose items are in `segment`.
    private func forget(all segment: Segment?, _ db: Database) throws {
        let dead = try Int64.fetchAll(db, sql: "SELECT sequence FROM tombstones ORDER BY sequence")
        try db.execute(sql: "DELETE FROM tombstones")
        guard let segment else { return }
        let rows = try segment.rows(of: dead)
        for row in 0..<rows.capacity where rows.contains(row) {
            try db.execute(
                sql: "INSERT INTO tombstones (sequence) VALUES (?)", arguments: [segment.sequence(of: row)])
        }
    }
}
