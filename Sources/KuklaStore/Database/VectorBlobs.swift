import Foundation
import GRDB
import GRDBSQLite
import KuklaCodecs
import KuklaNumerics

/// Vectors as they lie in the database.
struct VectorBlobs: Sendable {
    private let codec: any VectorCodec
    private var bytes: Int { codec.layout.bytesPerBlock }

    init(_ settings: CollectionSettings) {
        codec =
            switch settings.vectorFormat {
            case .float32: FloatCodec(metric: settings.metric, dimensions: settings.dimensions)
            case .float16: HalfCodec(.float16, metric: settings.metric, dimensions: settings.dimensions)
            }
    }

    /// The rows of `vectors`, one behind the other.
    func encode(_ vectors: Matrix, threads: Int) -> Data {
        var data = Data(count: vectors.rows * bytes)
        data.withUnsafeMutableBytes { codec.encode(vectors, into: $0, threads: threads) }
        return data
    }

    /// Row `row` of what `encode` gave, without a copy.
    func row(_ row: Int, of data: Data) -> Data { data[row * bytes..<(row + 1) * bytes] }

    /// The vectors that `encode` gave.
    func decode(_ data: Data) -> Matrix {
        // Codes are read as floats, which a slice of data need not be aligned for.
        let aligned = UnsafeMutableRawBufferPointer.allocate(byteCount: max(data.count, 1), alignment: 64)
        defer { aligned.deallocate() }
        data.copyBytes(to: aligned)
        return codec.decode(UnsafeRawBufferPointer(aligned), count: data.count / bytes)
    }

    /// The vectors of `rows`, whose columns are a sequence and a vector.
    ///
    /// - Throws: `KuklaError.badData` where one has another length.
    func read(_ rows: RowCursor) throws -> (sequences: [Int64], vectors: Matrix) {
        var sequences: [Int64] = []
        var all = Data()
        while let row = try rows.next() {
            let sequence: Int64 = row[0]
            try row.withUnsafeData(atIndex: 1) { data in
                guard let data, data.count == bytes else {
                    throw damaged(sequence, data?.count ?? 0)
                }
                all.append(data)
            }
            sequences.append(sequence)
        }
        return (sequences, decode(all))
    }

    /// The vectors of the operations `sequences` that are there, in the order in which they are asked for: by SQLite itself, as searches wait for
    /// each of these look-ups.
    ///
    /// - Throws: `KuklaError.badData` where one has another length.
    func read(_ sequences: [Int64], _ db: Database) throws -> (sequences: [Int64], vectors: Matrix) {
        let statement = try db.cachedStatement(sql: "SELECT vector FROM vectors WHERE sequence = ?")
            .sqliteStatement
        defer { sqlite3_reset(statement) }
        // Codes are read as floats, which a blob need not be aligned for.
        let codes = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(sequences.count * bytes, 1), alignment: 64)
        defer { codes.deallocate() }
        var found: [Int64] = []
        found.reserveCapacity(sequences.count)
        for sequence in sequences {
            sqlite3_reset(statement)
            sqlite3_bind_int64(statement, 1, sequence)
            let code = sqlite3_step(statement)
            if code == SQLITE_DONE { continue }
            guard code == SQLITE_ROW else {
                throw DatabaseError(
                    resultCode: ResultCode(rawValue: code), message: db.lastErrorMessage,
                    sql: "SELECT vector FROM vectors WHERE sequence = ?", arguments: [sequence])
            }
            let length = Int(sqlite3_column_bytes(statement, 0))
            guard length == bytes, let blob = sqlite3_column_blob(statement, 0) else {
                throw damaged(sequence, length)
            }
            (codes.baseAddress! + found.count * bytes).copyMemory(from: blob, byteCount: bytes)
            found.append(sequence)
        }
        return (found, codec.decode(UnsafeRawBufferPointer(codes), count: found.count))
    }

    private func damaged(_ sequence: Int64, _ length: Int) -> KuklaError {
        KuklaError(
            .badData,
            "The vector of operation \(sequence) has \(length) bytes where \(bytes) belong: the database is damaged. Restore a snapshot."
        )
    }
}
