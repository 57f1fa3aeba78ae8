import Foundation
import GRDB
import KuklaIndex
import KuklaNumerics

/// An item as it lies in one database and is to lie in another.
struct CopiedItem: Sendable {
    let sequence: Int64
    let id: DatabaseValue
    let text: String?
    /// JSON, as it stands.
    let metadata: String?

    fileprivate init(_ row: Row) {
        sequence = row[0]
        id = row[1]
        text = row[2]
        metadata = row[3]
    }

    func isSame(as other: CopiedItem) -> Bool {
        sequence == other.sequence && id == other.id && text == other.text && metadata == other.metadata
    }
}

/// A collection as the source of another one with the same items: who follows it reads what later operations wrote, and hears which operations'
/// items are gone.
extension StoredCollection {
    /// The number of the last operation, also where its item is gone.
    func operation() throws(KuklaError) -> Int64 {
        try database.read { db in
            try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'items'") ?? 0
        }
    }

    /// The items of the next operations, at most `count` and about `bytes` of text.
    func copies(
        after sequence: Int64, through last: Int64 = .max, count: Int, bytes: Int = 4 << 20
    ) throws(KuklaError) -> [CopiedItem] {
        try database.read { db in
            let statement = try db.cachedStatement(
                sql: """
                    SELECT sequence, id, text, metadata FROM items WHERE sequence > ? AND sequence <= ?
                    ORDER BY sequence LIMIT ?
                    """)
            let rows = try Row.fetchCursor(statement, arguments: [sequence, last, count])
            var (items, read): ([CopiedItem], Int) = ([], 0)
            while read < bytes, let row = try rows.next() {
                let item = CopiedItem(row)
                read += (item.text?.utf8.count ?? 0) + (item.metadata?.utf8.count ?? 0)
                items.append(item)
            }
            return items
        }
    }

    /// Items of later operations than `sequence`.
    func count(after sequence: Int64) throws(KuklaError) -> Int {
        try database.read { db in
            try Int.fetchOne(db, sql: "SELECT count(*) FROM items WHERE sequence > ?", arguments: [sequence])
                ?? 0
        }
    }

    /// How many items have no text, and the ids of some of them.
    func itemsWithoutText() throws(KuklaError) -> (count: Int, some: [ItemID]) {
        try database.read { db in
            let count = try Int.fetchOne(db, sql: "SELECT count(*) FROM items WHERE text IS NULL") ?? 0
            let ids = try DatabaseValue.fetchAll(
                db, sql: "SELECT id FROM items WHERE text IS NULL ORDER BY sequence LIMIT 5")
            return (count, ids.map(ItemID.init))
        }
    }

    /// Begins to remember which operations' items are gone.
    func beginFollowing() { departed.withLock { $0 = [] } }

    func endFollowing() { departed.withLock { $0 = nil } }

    /// Which ones are gone since this was called last.
    func takeDeparted() -> [Int64] {
        departed.withLock { departed in
            defer { if departed != nil { departed = [] } }
            return departed ?? []
        }
    }
}

/// A collection that is to have the items of another one, under the same numbers, with vectors of its own.
extension StoredCollection {
    /// Writes items of the source, whose numbers lie above all that are here, and deletes those that `departed` from it.
    ///
    /// - Parameter vectors: one for each item.
    /// - Throws: `KuklaError.badData` where the vectors cannot be kept or compared.
    func write(_ items: [CopiedItem], _ vectors: Matrix, departed: [Int64]) throws(KuklaError) {
        let gone = Set(departed)
        // What was read before it went is not to be written after it.
        let rows = items.indices.filter { !gone.contains(items[$0].sequence) }
        let (data, stored) = try encoded(
            rows.count == items.count ? vectors : vectors.gathering(rows: rows))
        try writing.withLock { _ throws(KuklaError) in
            let dead = try database.write { db in
                let writer = try ItemWriter(db)
                var dead = try departed.compactMap { try writer.delete(writtenBy: $0) }
                for (place, row) in rows.enumerated() {
                    let item = items[row]
                    if let old = try writer.delete(item.id) { dead.append(old) }
                    _ = try writer.insert(
                        item.id, text: item.text, metadata: item.metadata,
                        vector: blobs.row(place, of: data), writtenBy: item.sequence)
                }
                return dead
            }
            try publish(rows.map { items[$0].sequence }, stored, gone: dead)
        }
    }

    /// Lets operations be numbered on from the source's last.
    func continueNumbering(from last: Int64) throws(KuklaError) {
        try writing.withLock { _ throws(KuklaError) in
            try database.write { db in
                try db.execute(
                    sql: "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'items'",
                    arguments: [last])
                guard db.changesCount == 0, last > 0 else { return }
                try db.execute(
                    sql: "INSERT INTO sqlite_sequence (name, seq) VALUES ('items', ?)", arguments: [last])
            }
        }
    }

    /// The operations here whose items are gone from `source`; nil where what is here was not copied from it: one of its items up to the last
    /// operation here is missing or is another one. That is so after a power cut that took the source's last writes
    /// (`StoreOptions.Durability.process`).
    func departed(from source: StoredCollection) throws(KuklaError) -> [Int64]? {
        let last = try operation()
        guard try source.operation() >= last else { return nil }
        var departed: [Int64] = []
        var (here, there) = (
            CopyCursor(self, through: last), CopyCursor(source, through: last)
        )
        while true {
            let (mine, original) = (try here.peek(), try there.peek())
            guard let mine else { return original == nil ? departed : nil }
            guard let original, original.sequence <= mine.sequence else {
                departed.append(mine.sequence)
                here.advance()
                continue
            }
            guard original.isSame(as: mine) else { return nil }
            here.advance()
            there.advance()
        }
    }
}

/// The items of a collection one by one, read by the page.
private struct CopyCursor {
    private let collection: StoredCollection
    private let last: Int64
    private var page: ArraySlice<CopiedItem> = []
    private var reached: Int64 = 0
    private var isAtEnd = false

    init(_ collection: StoredCollection, through last: Int64) {
        self.collection = collection
        self.last = last
    }

    mutating func peek() throws(KuklaError) -> CopiedItem? {
        if page.isEmpty, !isAtEnd {
            page = try collection.copies(after: reached, through: last, count: 4096)[...]
            reached = page.last?.sequence ?? last
            isAtEnd = page.isEmpty
        }
        return page.first
    }

    mutating func advance() { page.removeFirst() }
}
