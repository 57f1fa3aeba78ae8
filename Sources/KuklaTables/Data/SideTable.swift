import Foundation
import KuklaFormats
import KuklaNumerics

/// A small file that is looked up by one column: what is known about a user, a film.
///
/// All of it is in memory. A value that stands twice has the columns of its first line. A class, because every row refers to it.
final class SideTable: Sendable {
    let name: String
    /// The columns beside the key.
    let columns: [String]
    let key: String
    private let keys: ValueTable
    private let cells: ValueTable
    /// For each key, the cell of each column.
    private let rows: [Int32]

    /// - Throws: `KuklaError` where the file cannot be read, has no such key, or a row is cut.
    init(_ join: DataSchema.Join) throws(KuklaError) {
        let reader = try TableRowReader(
            URL(fileURLWithPath: join.file), separator: join.separator, columns: join.columns)
        let place = try reader.columns.place(of: join.column, in: reader.name)
        let others = reader.columns.indices.filter { $0 != place }
        name = reader.name
        key = join.column
        columns = others.map { reader.columns[$0] }
        var (keys, cells, rows) = (ValueTable(), ValueTable(), [Int32]())
        let width = reader.columns.count
        while try reader.next({ row throws(KuklaError) in
            guard row.count == width else {
                throw reader.failure("\(row.count) columns, expected \(width)")
            }
            let value = row.bytes(place)
            guard Int(keys.insert(value, hash: ValueHash.hash(value))) * others.count == rows.count else {
                return
            }
            for other in others {
                let cell = row.bytes(other)
                rows.append(cells.insert(cell, hash: ValueHash.hash(cell)))
            }
        }) {}
        (self.keys, self.cells, self.rows) = (keys, cells, rows)
    }

    /// The line of a key.
    func find(_ key: UnsafeRawBufferPointer) -> Int? {
        keys.find(key, hash: ValueHash.hash(key)).map(Int.init)
    }

    /// The text of a column of a line.
    func bytes(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer {
        cells.value(Int(rows[row * columns.count + column]))
    }
}

extension [String] {
    /// Where the column of that name stands.
    ///
    /// - Throws: `KuklaError(.badData)` with the nearest name there is.
    func place(of column: String, in file: String) throws(KuklaError) -> Int {
        if let place = firstIndex(of: column) { return place }
        let near = EditDistance.likely(column, among: self).map { "; did you mean \"\($0)\"?" } ?? "."
        throw KuklaError(
            .badData,
            "Cannot find the column \"\(column)\" in \(file), which has \(prefix(40).joined(separator: ", "))\(near)"
        )
    }
}
