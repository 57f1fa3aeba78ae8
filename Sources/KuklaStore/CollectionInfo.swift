import GRDB
public import KuklaFormats
public import KuklaIndex
public import KuklaNumerics

/// What a collection is, in figures.
public struct CollectionInfo: Encodable, Sendable {
    /// The index, where there is one.
    public struct Index: Encodable, Sendable {
        public let file: String
        public let configuration: IndexConfiguration
        /// Items in it, deleted ones too.
        public let count: Int
        public let deleted: Int
        public let trainedOn: Int
        /// Bytes of memory a vector.
        public let bytesPerVector: Double
        public let fileBytes: Int
        /// Whether all of its bytes were compared with their checksums since it was opened or made.
        public let isChecked: Bool
    }

    public let name: String
    public let count: Int
    /// The number of the last operation.
    public let operation: Int64
    public let settings: CollectionSettings
    /// Models that made the vectors, where that is known.
    public let models: [ModelIdentity]
    public let index: Index?
    /// When and why the index was made anew last.
    public let fit: FitRecord?
    /// Items that are not in the index, and are compared from memory.
    public let fresh: Int
    /// Bytes of vectors that are held in memory for those.
    public let freshBytes: Int
    /// Items that are not in the index, and are compared from the database.
    public let unheld: Int
    public let databaseBytes: Int
    /// Paths into metadata of which values are indexed.
    public let indexedPaths: [String]
}

extension StoredCollection {
    /// What the collection is now.
    public func info() throws(KuklaError) -> CollectionInfo {
        let state = state.withLock { $0 }
        let (count, operation, unheld, names, fit) = try database.read { db in
            (
                try Int.fetchOne(db, sql: "SELECT count(*) FROM items") ?? 0,
                try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'items'") ?? 0,
                try state.unheldAfter.flatMap {
                    try Int.fetchOne(
                        db, sql: "SELECT count(*) FROM items WHERE sequence > ?", arguments: [$0])
                } ?? 0,
                try String.fetchAll(
                    db, sql: "SELECT name FROM sqlite_schema WHERE type = 'index' AND name LIKE 'metadata:%'"),
                try db.fact("fit", as: FitRecord.self)
            )
        }
        let index = state.segment.map { segment in
            CollectionInfo.Index(
                file: segment.record.file, configuration: segment.index.configuration,
                count: segment.index.count, deleted: state.deadCount, trainedOn: segment.record.trainedOn,
                bytesPerVector: segment.index.bytesPerVector,
                fileBytes: segment.file.sections.reduce(0) { max($0, $1.offset + $1.length) },
                isChecked: segment.isChecked)
        }
        return CollectionInfo(
            name: name.description, count: count, operation: operation, settings: settings, models: models,
            index: index,
            fit: fit,
            fresh: state.fresh.count,
            freshBytes: 4 * settings.dimensions * state.fresh.heldCount, unheld: unheld,
            databaseBytes: database.byteCount,
            indexedPaths: names.map { String($0.dropFirst("metadata:".count)) }.sorted())
    }
}
