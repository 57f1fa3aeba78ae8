import Foundation
import GRDB

/// The statements that write items, inside one transaction.
struct ItemWriter {
    let db: Database
    private let deleteItem, deleteOperation, deleteVector, deleteText, bury: Statement
    private let insertItem, insertVector, insertText: Statement

    init(_ db: Database) throws {
        self.db = db
        deleteItem = try db.cachedStatement(sql: "DELETE FROM items WHERE id = ? RETURNING sequence, text")
        deleteOperation = try db.cachedStatement(
            sql: "DELETE FROM items WHERE sequence = ? RETURNING sequence, text")
        deleteVector = try db.cachedStatement(sql: "DELETE FROM vectors WHERE sequence = ?")
        deleteText = try db.cachedStatement(
            sql: "INSERT INTO texts (texts, rowid, text) VALUES ('delete', ?, ?)")
        bury = try db.cachedStatement(sql: "INSERT INTO tombstones (sequence) VALUES (?)")
        insertItem = try db.cachedStatement(
            sql: "INSERT INTO items (sequence, id, text, metadata) VALUES (?, ?, ?, ?)")
        insertVector = try db.cachedStatement(sql: "INSERT INTO vectors (sequence, vector) VALUES (?, ?)")
        insertText = try db.cachedStatement(sql: "INSERT INTO texts (rowid, text) VALUES (?, ?)")
    }

    /// Deletes the item of this id; says which operation had written it, or `nil` where there is none.
    func delete(_ id: DatabaseValue) throws -> Int64? {
        try forget(Row.fetchOne(deleteItem, arguments: [id]))
    }

    /// Deletes the item that this operation wrote, and says so, where it is there.
    func delete(writtenBy operation: Int64) throws -> Int64? {
        try forget(Row.fetchOne(deleteOperation, arguments: [operation]))
    }

    private func forget(_ row: Row?) throws -> Int64? {
        guard let row else { return nil }
        let (sequence, text): (Int64, String?) = (row[0], row[1])
        try deleteVector.execute(arguments: [sequence])
        // The full-text index holds no texts: it must be told which words leave.
        if let text { try deleteText.execute(arguments: [sequence, text]) }
        try bury.execute(arguments: [sequence])
        return sequence
    }

    /// Writes an item under the number of the next operation, or of the one that wrote it elsewhere.
    ///
    /// - Parameter metadata: as JSON; `nil` where there is none.
    func insert(
        _ id: DatabaseValue, text: String?, metadata: String?, vector: Data, writtenBy operation: Int64? = nil
    ) throws -> Int64 {
        try insertItem.execute(arguments: [operation, id, text, metadata])
        let sequence = db.lastInsertedRowID
        try insertVector.execute(arguments: [sequence, vector])
        if let text { try insertText.execute(arguments: [sequence, text]) }
        return sequence
    }
}
