import Foundation
import GRDB
public import KuklaIndex
public import KuklaNumerics

/// What a write did.
public struct WriteReport: Hashable, Sendable {
    /// Items that were not there before.
    public var inserted = 0
    /// Items that were there, and are now as given.
    public var replaced = 0
    /// Items that are gone.
    public var deleted = 0

    public init(inserted: Int = 0, replaced: Int = 0, deleted: Int = 0) {
        self.inserted = inserted
        self.replaced = replaced
        self.deleted = deleted
    }
}

extension StoredCollection {
    /// Writes items, new ones and in place of those with the same ids, all or none of them. Of items of the batch with the same
    /// id the last one counts.
    ///
    /// On return the items are on disk (`StoreOptions.durability`) and searches find them.
    /// - Throws: `KuklaError`: `badData` where vectors have other dimensions, are not finite or, under cosine, zero, or an id or
    ///   text cannot be kept; `inputOutput` where the disk refuses.
    @discardableResult
    public func upsert(_ batch: ItemBatch) throws(KuklaError) -> WriteReport {
        let report = try write(batch)
        endImport()
        return report
    }

    /// As `upsert`, without asking for the index to be made: for the batches of an import, which `endImport` ends.
    package func write(_ batch: ItemBatch) throws(KuklaError) -> WriteReport {
        guard batch.vectors.columns == settings.dimensions || batch.count == 0 else {
            throw KuklaError(
                .badData,
                "Cannot write to the collection '\(name)': the vectors have \(batch.vectors.columns) components, those of the collection \(settings.dimensions). Make them with the same model."
            )
        }
        try batch.check()
        let rows = batch.lastRows
        let vectors = rows.count == batch.count ? batch.vectors : batch.vectors.gathering(rows: rows)
        let (data, stored) = try encoded(vectors)
        return try writing.withLock { _ throws(KuklaError) in
            var report = WriteReport()
            let (written, gone) = try database.write { db in
                let writer = try ItemWriter(db)
                var (written, gone): ([Int64], [Int64]) = ([], [])
                for (place, row) in rows.enumerated() {
                    let id = batch.ids[row].databaseValue
                    if let old = try writer.delete(id) {
                        gone.append(old)
                        report.replaced += 1
                    }
                    written.append(
                        try writer.insert(
                            id, text: batch.texts[row], metadata: Self.json(batch.metadata[row]),
                            vector: blobs.row(place, of: data)))
                }
                return (written, gone)
            }
            report.inserted = written.count - report.replaced
            try publish(written, stored, gone: gone)
            return report
        }
    }

    /// Vectors as they are kept: their bytes, and the vectors that these are.
    ///
    /// - Throws: `KuklaError.badData` where one cannot be kept or compared: before anything is written.
    func encoded(_ vectors: Matrix) throws(KuklaError) -> (data: Data, stored: Matrix) {
        try checkRange(vectors)
        let data = blobs.encode(vectors, threads: options.threads)
        let stored = settings.vectorFormat == .float32 ? vectors : blobs.decode(data)
        _ = try stored.prepared(for: settings.metric, role: "vector", threads: options.threads)
        return (data, stored)
    }

    private static func json(_ metadata: [String: JSONValue]) -> String? {
        metadata.isEmpty ? nil : JSONValue.object(metadata).description
    }

    /// Throws where a component is beyond what the collection's format holds, rather than keep another number.
    private func checkRange(_ vectors: Matrix) throws(KuklaError) {
        guard settings.vectorFormat == .float16 else { return }
        let largest: Float = 65_504
        let place = vectors.withUnsafeBufferPointer { all in all.firstIndex { $0.magnitude > largest } }
        guard let place else { return }
        throw KuklaError(
            .badData,
            "Cannot write vector \(place / vectors.columns) to the collection '\(name)': component \(place % vectors.columns) is beyond \(largest), where float16 ends. Divide the vectors, or make a collection of float32."
        )
    }

    /// Shows searches what was written; what does not fit into memory stays in the database.
    func publish(_ written: [Int64], _ vectors: Matrix, gone: [Int64]) throws(KuklaError) {
        departed.withLock { $0?.append(contentsOf: gone) }
        // Only writers change the state, one at a time: readers need not wait while the next one is made.
        var next = state.withLock { $0 }
        try next.remove(gone)
        if next.unheldAfter == nil, let first = written.first {
            if next.fresh.count + written.count <= options.freshLimit(settings) {
                try next.fresh.append(written, vectors, threads: options.threads)
            } else {
                next.unheldAfter = first - 1
            }
        }
        state.withLock { $0 = next }
    }

    /// Deletes the items with these ids, as far as they are there.
    @discardableResult
    public func delete(_ ids: [ItemID]) throws(KuklaError) -> WriteReport {
        try delete { writer in try ids.compactMap { try writer.delete($0.databaseValue) } }
    }

    /// Deletes all items for which `filter` holds.
    ///
    /// - Throws: `KuklaError`: `usage` where the filter compares what cannot be compared.
    @discardableResult
    public func delete(where filter: Filter) throws(KuklaError) -> WriteReport {
        try filter.check()
        let condition = filter.condition
        return try delete { writer in
            try DatabaseValue.fetchAll(
                writer.db, sql: "SELECT id FROM items WHERE \(condition.sql)",
                arguments: StatementArguments(condition.arguments)
            ).compactMap { try writer.delete($0) }
        }
    }

    private func delete(_ body: (ItemWriter) throws -> [Int64]) throws(KuklaError) -> WriteReport {
        let report = try writing.withLock { _ throws(KuklaError) in
            let gone = try database.write { db in try body(ItemWriter(db)) }
            try publish([], Matrix(rows: 0, columns: settings.dimensions), gone: gone)
            return WriteReport(deleted: gone.count)
        }
        if state.withLock(\.wantsCompaction) { compactLater() }
        return report
    }

    /// Makes a filter on the value at `path` find its items without reading the others.
    public func index(_ path: MetadataPath) throws(KuklaError) {
        try writing.withLock { _ throws(KuklaError) in
            try database.write { db in
                try db.execute(
                    sql: "CREATE INDEX IF NOT EXISTS \(path.indexName) ON items(\(path.extraction))")
            }
        }
    }
}
