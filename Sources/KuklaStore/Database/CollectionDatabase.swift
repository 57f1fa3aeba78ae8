import Foundation
import GRDB
import KuklaNumerics

/// The database of one collection: one writer, several readers, none of whom waits for another (SQLite's WAL mode).
final class CollectionDatabase: Sendable {
    static let fileName = "kukla.sqlite"

    let url: URL
    private let pool: DatabasePool
    private let gate = UseGate()

    /// Opens the database in `folder`, or makes it where `isNew`.
    ///
    /// - Throws: `KuklaError`: `missingFile`, `inputOutput`; `badData` where it is damaged; `unsupported` where a later version
    ///   wrote it.
    init(in folder: URL, isNew: Bool = false, _ options: StoreOptions) throws(KuklaError) {
        let url = folder.appending(path: Self.fileName)
        guard isNew || FileManager.default.fileExists(atPath: url.path) else {
            throw KuklaError(
                .missingFile,
                "Cannot open \(url.path): the file is not there, and it holds all that the collection knows. Restore a snapshot."
            )
        }
        self.url = url
        pool = try Self.guarded(url) {
            var configuration = Configuration()
            configuration.foreignKeysEnabled = false
            configuration.maximumReaderCount = options.readers
            configuration.persistentReadOnlyConnections = true
            configuration.busyMode = .timeout(10)
            configuration.prepareDatabase { db in
                // Five vectors of 384 floats a page.
                try db.execute(sql: "PRAGMA page_size = 8192")
                try db.execute(sql: "PRAGMA cache_size = \(-max(options.cacheBytes >> 10, 64))")
            }
            let pool = try DatabasePool(path: url.path, configuration: configuration)
            try pool.writeWithoutTransaction { db in
                // GRDB sets NORMAL for databases in WAL mode.
                try db.execute(sql: "PRAGMA synchronous = \(options.durability == .full ? "FULL" : "NORMAL")")
                try db.execute(sql: "PRAGMA wal_autocheckpoint = 4096")
                guard try !Schema.migrator.hasBeenSuperseded(db) else {
                    throw KuklaError(
                        .unsupported,
                        "Cannot open \(url.path): a later version of kukla wrote it. Update kukla.")
                }
            }
            try Schema.migrator.migrate(pool)
            return pool
        }
    }

    /// Runs `body` over one state of the database, beside writers.
    func read<Result>(_ body: (Database) throws -> Result) throws(KuklaError) -> Result {
        try used { try pool.read(body) }
    }

    /// Runs `body` in a transaction: what it changed is on disk when this returns, and nothing is changed where it throws.
    func write<Result>(_ body: (Database) throws -> Result) throws(KuklaError) -> Result {
        try used { try pool.write(body) }
    }

    /// Copies the database, as it is now, to a new file.
    func backup(to target: URL) throws(KuklaError) {
        try used {
            try Self.guarded(target) {
                let copy = try DatabaseQueue(path: target.path)
                try pool.backup(to: copy)
                try copy.close()
            }
        }
    }

    /// Throws where the database is damaged.
    ///
    /// - Complexity: reads all of it.
    func check() throws(KuklaError) {
        let found = try read { db in try String.fetchAll(db, sql: "PRAGMA integrity_check(1)") }
        guard found == ["ok"] else {
            throw KuklaError(
                .badData,
                "Cannot use \(url.path): the database is damaged (\(found.first ?? "")). Restore a snapshot.")
        }
    }

    /// Moves the write-ahead log into the database file.
    func checkpoint() throws(KuklaError) {
        try used { try pool.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) } }
    }

    /// Waits for who is using the database, and closes it: whoever comes later gets an error.
    func close() {
        gate.close()
        try? pool.close()
    }

    /// What `body` returns, while the database cannot be closed.
    private func used<Result>(_ body: () throws -> Result) throws(KuklaError) -> Result {
        guard gate.enter() else {
            throw KuklaError(
                .inputOutput,
                "Cannot use \(url.path): it was closed, or replaced by another meanwhile. Look the collection up again."
            )
        }
        defer { gate.leave() }
        return try Self.guarded(url, body)
    }

    /// Bytes of the database and its log.
    var byteCount: Int {
        ["", "-wal"].reduce(0) { sum, suffix in
            let values = try? URL(fileURLWithPath: url.path + suffix).resourceValues(forKeys: [.fileSizeKey])
            return sum + (values?.fileSize ?? 0)
        }
    }

    /// Errors of SQLite in our words.
    static func guarded<Result>(_ url: URL, _ body: () throws -> Result) throws(KuklaError) -> Result {
        do { return try body() } catch let error as KuklaError { throw error } catch let error
            as DatabaseError
        {
            switch error.resultCode {
            case .SQLITE_FULL:
                throw KuklaError(
                    .inputOutput,
                    "Cannot write \(url.path): the disk is full. Nothing of this write was kept; make room and write it again."
                )
            case .SQLITE_CORRUPT, .SQLITE_NOTADB:
                throw KuklaError(
                    .badData, "Cannot use \(url.path): the database is damaged. Restore a snapshot.",
                    cause: error)
            default:
                throw KuklaError(.inputOutput, "Cannot use the database \(url.path).", cause: error)
            }
        } catch {
            throw KuklaError(.badData, "Cannot use the database \(url.path).", cause: error)
        }
    }
}
