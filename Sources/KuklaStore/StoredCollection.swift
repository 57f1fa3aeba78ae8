import Foundation
import GRDB
import GRDBSQLite
import KuklaFormats
import KuklaIndex
import KuklaNumerics

/// A collection of a store: items with text, metadata and a vector, that survive the end of the process.
///
/// SQLite is the system of record: a write is acknowledged when it has committed. The index that searches use is derived
/// from it; where that is missing or damaged, searches compare the vectors in the database until it is made again.
///
/// All methods may be called from any thread. Reads and searches never wait for writers; writes come one after the other.
public final class StoredCollection: Sendable {
    public let name: CollectionName
    public let settings: CollectionSettings
    let folder: URL
    let options: StoreOptions
    let database: CollectionDatabase
    let blobs: VectorBlobs
    /// What searches look through.
    let state: Guarded<SearchState>
    /// Held while something is written and published.
    let writing = Guarded(())
    /// Held while an index is made, moved or copied.
    let compacting = Guarded(())
    /// Held while the index that was opened is checked.
    let checking = Guarded(())
    /// Models that made the vectors.
    let modelList: Guarded<[ModelIdentity]>
    /// Operations whose items are gone since somebody who follows the collection asked last; `nil` where nobody does.
    let departed: Guarded<[Int64]?> = Guarded(nil)
    /// The last searches.
    let queries: QueryLog
    let background = BackgroundWork()
    /// Checks the index, beside what else works in the background.
    let checker = BackgroundWork()

    var segments: URL { folder.appending(path: Segment.folderName) }

    /// Makes the files of a new collection in the empty folder `folder`.
    static func create(
        in folder: URL, _ settings: CollectionSettings, models: [ModelIdentity], _ options: StoreOptions
    ) throws(KuklaError) {
        guard mkdir(folder.appending(path: Segment.folderName).path, 0o777) == 0 else {
            throw KuklaError.whenWriting(folder)
        }
        let database = try CollectionDatabase(in: folder, isNew: true, options)
        defer { database.close() }
        try database.write { db in
            try db.setFact("settings", to: settings)
            try db.setFact(Self.modelsFact, to: models)
        }
        try database.checkpoint()
    }

    /// Opens the collection in `folder`.
    ///
    /// - Throws: `KuklaError` where its database cannot be used. A damaged index is reported and made again.
    init(_ name: CollectionName, in folder: URL, _ options: StoreOptions) throws(KuklaError) {
        self.name = name
        self.folder = folder
        self.options = options
        database = try CollectionDatabase(in: folder, options)
        let (settings, record, models) = try database.read { db in
            (
                try db.fact("settings", as: CollectionSettings.self),
                try db.fact("segment", as: SegmentRecord.self),
                try db.fact(Self.modelsFact, as: [ModelIdentity].self)
            )
        }
        guard let settings else {
            throw KuklaError(
                .badData, "Cannot use \(folder.path): its database has no settings. Restore a snapshot.")
        }
        self.settings = settings
        modelList = Guarded(models ?? [])
        queries = QueryLog(dimensions: settings.dimensions)
        blobs = VectorBlobs(settings)
        let segments = folder.appending(path: Segment.folderName)
        try? FileManager.default.createDirectory(at: segments, withIntermediateDirectories: true)
        for file in (try? FileManager.default.contentsOfDirectory(atPath: segments.path)) ?? []
        where file != record?.file {
            try? FileManager.default.removeItem(at: segments.appending(path: file))
        }
        var segment: Segment?
        if let record {
            do throws(KuklaError) {
                segment = try Segment(
                    record, in: segments, settings, checkingUpTo: options.checkedAtOnce)
            } catch {
                options.report(Self.damageReport(name, error))
            }
        }
        state = Guarded(
            try Self.load(segment, from: database, settings, blobs, options))
        let isComplete = state.withLock { state in
            state.unheldAfter == nil && (state.calibration != nil || !isMeasurable(state))
        }
        if record != nil && segment == nil || !isComplete { compactLater() }
        if let segment, !segment.isChecked { checkLater() }
    }

    /// The state that belongs to a segment: what was removed since, and what is fresh.
    static func load(
        _ segment: Segment?, from database: CollectionDatabase, _ settings: CollectionSettings,
        _ blobs: VectorBlobs, _ options: StoreOptions
    ) throws(KuklaError) -> SearchState {
        var state = SearchState(segment: segment, fresh: FreshItems(settings))
        if let segment {
            let (dead, calibration) = try database.read { db in
                (
                    try Int64.fetchAll(db, sql: "SELECT sequence FROM tombstones ORDER BY sequence"),
                    try db.fact("recall", as: RecallCalibration.self)
                )
            }
            try state.remove(dead)
            if calibration?.file == segment.record.file { state.calibration = calibration }
        }
        var after = segment?.record.through ?? 0
        let limit = options.freshLimit(settings)
        while true {
            let (sequences, vectors) = try database.vectors(
                after: after, count: min(4096, limit - state.fresh.count + 1), blobs)
            guard let last = sequences.last else { return state }
            guard state.fresh.count + sequences.count <= limit else {
                state.unheldAfter = after
                return state
            }
            try state.fresh.append(sequences, vectors, threads: options.threads)
            after = last
        }
    }

    /// Stops what works in the background and closes the database. Called by the store.
    func close() {
        checker.stop()
        background.stop()
        database.close()
    }
}

extension StoreOptions {
    /// Fresh items that a collection holds in memory.
    func freshLimit(_ settings: CollectionSettings) -> Int {
        max(freshBytes / (4 * settings.dimensions), 64)
    }
}

extension CollectionDatabase {
    /// The vectors of the next operations after `after`, at most `count` and up to `through`.
    ///
    /// - Parameter keepsPages: whether the connection keeps the pages that it has read; who reads all vectors in turn comes back to none of
    ///   them.
    func vectors(
        after: Int64, through: Int64 = .max, count: Int, _ blobs: VectorBlobs, keepsPages: Bool = true
    ) throws(KuklaError) -> (sequences: [Int64], vectors: Matrix) {
        try read { db in
            defer { if !keepsPages { sqlite3_db_release_memory(db.sqliteConnection) } }
            let statement = try db.cachedStatement(
                sql: """
                    SELECT sequence, vector FROM vectors WHERE sequence > ? AND sequence <= ?
                    ORDER BY sequence LIMIT ?
                    """)
            return try blobs.read(Row.fetchCursor(statement, arguments: [after, through, count]))
        }
    }
}
