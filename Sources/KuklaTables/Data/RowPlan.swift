import KuklaNumerics

/// Where each column of a schema stands: in the table, or in a file that it joins.
///
/// A class, because every row refers to it.
final class RowPlan: Sendable {
    /// A column's place: in the table where `side` is nil.
    struct Place: Sendable {
        var side: Int?
        var column: Int
    }

    let width: Int
    let sides: [(table: SideTable, key: Int)]
    /// nil where the file has no label, or no user or time, and none is needed.
    let label, user, time: Place?
    let categorical, numeric, sequences: [Place]

    /// - Parameter isForUse: whether rows are only to be scored: label, user and time may then be absent.
    /// - Throws: `KuklaError(.badData)` for a column that no file has, with the nearest name.
    init(
        _ schema: DataSchema, columns: [String], file: String, sides tables: [SideTable], isForUse: Bool
    ) throws(KuklaError) {
        width = columns.count
        var sides: [(table: SideTable, key: Int)] = []
        for table in tables { sides.append((table, try columns.place(of: table.key, in: file))) }
        self.sides = sides
        let known = columns + tables.flatMap(\.columns)
        func find(_ name: String) throws(KuklaError) -> Place {
            if let place = columns.firstIndex(of: name) { return Place(side: nil, column: place) }
            for (i, table) in tables.enumerated() {
                if let place = table.columns.firstIndex(of: name) { return Place(side: i, column: place) }
            }
            _ = try known.place(of: name, in: ([file] + tables.map(\.name)).joined(separator: " and "))
            return Place(side: nil, column: 0)
        }
        func findAll(_ names: [String]) throws(KuklaError) -> [Place] {
            var places: [Place] = []
            for name in names { places.append(try find(name)) }
            return places
        }
        func optional(_ name: String?) throws(KuklaError) -> Place? {
            guard let name, !isForUse || known.contains(name) else { return nil }
            return try find(name)
        }
        categorical = try findAll(schema.categorical.map(\.column))
        numeric = try findAll(schema.numeric.map(\.column))
        sequences = try findAll(schema.sequences.map(\.column))
        label = try optional(schema.label.column)
        // A history cannot be made without.
        if let name = schema.user, schema.history != nil {
            user = try find(name)
        } else {
            user = try optional(schema.user)
        }
        time = try optional(schema.time)
    }
}

/// A row with what is joined to it.
struct JoinedRow {
    let plan: RowPlan
    let row: TableRow
    /// The line of each side table.
    var lines: [Int]

    func bytes(_ place: RowPlan.Place) -> UnsafeRawBufferPointer {
        guard let side = place.side else { return row.bytes(place.column) }
        return plan.sides[side].table.bytes(lines[side], place.column)
    }

    func numberBytes(_ place: RowPlan.Place) -> UnsafeRawBufferPointer {
        place.side == nil ? row.numberBytes(place.column) : bytes(place)
    }
}
