import Foundation
import GRDB
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
                    throw KuklaError(
                        .badData,
                        "The vector of operation \(sequence) has \(data?.count ?? 0) bytes where \(bytes) belong: the database is damaged. Restore a snapshot."
                    )
                }
                all.append(data)
            }
            sequences.append(sequence)
        }
        return (sequences, decode(all))
    }
}
