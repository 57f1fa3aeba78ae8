import Foundation
import GRDB

/// The tables of a collection's database.
///
/// - `items`: one row an item, under the number of the operation that wrote it. An item that is written again gets a new row.
/// - `vectors`: its vector, apart, so that filters read no vectors.
/// - `texts`: the full-text index over `items.text`.
/// - `tombstones`: operations whose rows are gone but may still be in the index.
/// - `facts`: settings, which file is the index, what plan was fitted; as JSON.
enum Schema {
    static let migrator: DatabaseMigrator = {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { db in
            try db.execute(
                sql: """
                    CREATE TABLE facts (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
                    -- AUTOINCREMENT: no number is used twice, also after the last row was deleted.
                    -- No type for ids: 7 and '7' are two names.
                    CREATE TABLE items (
                        sequence INTEGER PRIMARY KEY AUTOINCREMENT, id NOT NULL UNIQUE, text TEXT, metadata TEXT);
                    CREATE TABLE vectors (sequence INTEGER PRIMARY KEY, vector BLOB NOT NULL);
                    CREATE TABLE tombstones (sequence INTEGER PRIMARY KEY);
                    CREATE VIRTUAL TABLE texts USING fts5(
                        text, content='items', content_rowid='sequence', tokenize='unicode61 remove_diacritics 2');
                    """)
        }
        return migrator
    }()
}

extension Database {
    /// What `facts` says under `name`.
    func fact<Value: Decodable>(_ name: String, as type: Value.Type) throws -> Value? {
        guard
            let json = try String.fetchOne(
                self, sql: "SELECT value FROM facts WHERE name = ?", arguments: [name])
        else { return nil }
        return try JSONDecoder().decode(type, from: Data(json.utf8))
    }

    /// Writes or, for nil, removes a fact.
    func setFact(_ name: String, to value: (some Encodable)?) throws {
        guard let value else {
            return try execute(sql: "DELETE FROM facts WHERE name = ?", arguments: [name])
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try execute(
            sql: "INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)",
            arguments: [name, String(decoding: encoder.encode(value), as: UTF8.self)])
    }
}
