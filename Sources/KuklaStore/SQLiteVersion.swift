import GRDBSQLite

/// The version of the SQLite library that stores use.
public let sqliteVersion = String(cString: sqlite3_libversion())
