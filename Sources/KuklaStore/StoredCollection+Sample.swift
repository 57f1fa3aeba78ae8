import GRDB
public import KuklaNumerics

extension StoredCollection {
    /// Random items with their vectors, in the order in which they were written last: for a map of the collection, or a
    /// look at it.
    ///
    /// - Parameters:
    ///   - count: how many, at least 0; all where there are fewer.
    ///   - seed: the same seed gives the same items of the same collection.
    /// - Complexity: reads the numbers of all items, and `count` of them whole.
    public func sample(count: Int, seed: UInt64 = 1) throws(KuklaError) -> [StoredItem] {
        guard count >= 0 else {
            throw KuklaError(.usage, "Cannot sample \(count) items: ask for 0 or more.")
        }
        return try database.read { db in
            let statement = try db.cachedStatement(
                sql: "SELECT sequence, id, text, metadata FROM items WHERE sequence = ?")
            return try randomSequences(db, limit: count, seed: seed).compactMap { sequence in
                try Row.fetchOne(statement, arguments: [sequence]).map { row in
                    try item(row, withVector: true, db)
                }
            }
        }
    }

    /// Random vectors of items of operations in `operations`, in the order of these.
    func sampledVectors(
        _ operations: ClosedRange<Int64>, limit: Int, seed: UInt64 = 1
    ) throws(KuklaError) -> Matrix {
        try database.read { db in
            let chosen = try randomSequences(db, operations, limit: limit, seed: seed)
            return try vectors(of: chosen, db)
        }
    }

    /// The vectors of items that are there.
    func vectors(of sequences: [Int64], _ db: Database) throws -> Matrix {
        let statement = try db.cachedStatement(sql: "SELECT sequence, vector FROM vectors WHERE sequence = ?")
        let d = settings.dimensions
        return try Matrix(rows: sequences.count, columns: d) { vectors in
            for (row, sequence) in sequences.enumerated() {
                let one = try blobs.read(Row.fetchCursor(statement, arguments: [sequence])).vectors
                guard one.rows == 1 else {
                    throw KuklaError(
                        .badData,
                        "The vector of operation \(sequence) is not there: the database is damaged. Restore a snapshot."
                    )
                }
                one.withUnsafeBufferPointer {
                    _ = UnsafeMutableBufferPointer(rebasing: vectors[row * d..<(row + 1) * d])
                        .update(fromContentsOf: $0)
                }
            }
        }
    }

    /// Random operations that wrote items which are there, rising; all where there are no more than `limit`.
    private func randomSequences(
        _ db: Database, _ operations: ClosedRange<Int64> = 0...(.max), limit: Int, seed: UInt64
    ) throws -> [Int64] {
        let all = try Int64.fetchAll(
            db, sql: "SELECT sequence FROM items WHERE sequence BETWEEN ? AND ? ORDER BY sequence",
            arguments: [operations.lowerBound, operations.upperBound])
        guard all.count > limit else { return all }
        var random = RandomSource(seed: seed)
        return random.sample(limit, below: all.count).sorted().map { all[$0] }
    }
}
