import Foundation
import GRDB
public import KuklaIndex
public import KuklaNumerics

/// From where a scan goes on.
public enum ScanPosition: Hashable, Sendable {
    /// In the order in which items were written last: after this operation, 0 for all.
    case operation(Int64)
    /// In the order of ids, numbers before texts: after this id, `nil` for all.
    case id(ItemID?)
}

extension StoredCollection {
    /// The items with these ids, in the order of the ids, as far as they are there.
    public func items(_ ids: [ItemID], withVectors: Bool = false) throws(KuklaError) -> [StoredItem] {
        try database.read { db in
            let statement = try db.cachedStatement(
                sql: "SELECT sequence, id, text, metadata FROM items WHERE id = ?")
            return try ids.compactMap { id in
                guard let row = try Row.fetchOne(statement, arguments: [id.databaseValue]) else { return nil }
                return try item(row, withVector: withVectors, db)
            }
        }
    }

    /// A page of items.
    ///
    /// - Parameters:
    ///   - position: where the page before ended.
    ///   - count: at most so many, at least 1.
    /// - Throws: `KuklaError.usage` where the filter compares what cannot be compared, or nothing is asked for.
    public func scan(
        after position: ScanPosition = .operation(0), count: Int, where filter: Filter? = nil,
        withVectors: Bool = false
    ) throws(KuklaError) -> [StoredItem] {
        guard count >= 1 else {
            throw KuklaError(.usage, "Cannot scan \(count) items: ask for at least 1.")
        }
        try filter?.check()
        let condition = filter?.condition ?? SQLCondition("1")
        let (column, start): (String, DatabaseValue) =
            switch position {
            case .operation(let sequence): ("sequence", sequence.databaseValue)
            case .id(let id): ("id", id?.databaseValue ?? .null)
            }
        let begins = start.isNull ? "1" : "\(column) > ?"
        let arguments = start.isNull ? [] : [start as any DatabaseValueConvertible]
        return try database.read { db in
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT sequence, id, text, metadata FROM items WHERE \(begins) AND \(condition.sql)
                    ORDER BY \(column) LIMIT ?
                    """,
                arguments: StatementArguments(arguments + condition.arguments + [count]))
            var items: [StoredItem] = []
            while let row = try rows.next() {
                items.append(try item(row, withVector: withVectors, db))
            }
            return items
        }
    }

    /// How many items there are, or for how many `filter` holds.
    public func count(where filter: Filter? = nil) throws(KuklaError) -> Int {
        try filter?.check()
        let condition = filter?.condition ?? SQLCondition("1")
        return try database.read { db in
            try Int.fetchOne(
                db, sql: "SELECT count(*) FROM items WHERE \(condition.sql)",
                arguments: StatementArguments(condition.arguments)) ?? 0
        }
    }

    /// The item of a row of sequence, id, text and metadata.
    func item(_ row: Row, withVector: Bool, _ db: Database) throws -> StoredItem {
        let sequence: Int64 = row[0]
        let json: String? = row[3]
        var metadata: [String: JSONValue] = [:]
        if let json, case .object(let members) = try JSONValue(parsing: json) { metadata = members }
        return StoredItem(
            sequence: sequence, id: ItemID(row[1] as DatabaseValue), text: row[2], metadata: metadata,
            vector: withVector ? try vector(of: sequence, db) : nil)
    }

    private func vector(of sequence: Int64, _ db: Database) throws -> [Float]? {
        let statement = try db.cachedStatement(sql: "SELECT sequence, vector FROM vectors WHERE sequence = ?")
        let found = try blobs.read(Row.fetchCursor(statement, arguments: [sequence])).vectors
        return found.rows == 1 ? found.row(0) : nil
    }
}
