import Foundation
import KuklaNumerics
import KuklaTensor

/// Makes examples of rows whose columns are given by name, as a model knows them.
///
/// All categorical and numeric columns must be there, missing values as `.missing`; a list that is left out is empty. What the schema
/// joins from files is looked up where a row does not have it. Label, user and time are no business of a score, and may be there.
struct RowEncoder: Sendable {
    private let schema: DataSchema
    private let vocabularies: [IDVocabulary]
    private let scales: [NumericScale]
    private let sides: [SideTable]
    /// The field of each list, and of the items of a history.
    private let listFields: [Int]
    private let historyFields: [Int]
    /// Columns that a row must have, and all that it may have.
    private let needed: [String]
    private let known: Set<String>

    /// - Parameter sides: the files that the schema joins and that are there.
    init(schema: DataSchema, vocabularies: [IDVocabulary], scales: [NumericScale], sides: [SideTable]) {
        self.schema = schema
        self.vocabularies = vocabularies
        self.scales = scales
        self.sides = sides
        (listFields, historyFields) = (schema.listFields, schema.historyFields)
        needed = schema.categorical.map(\.column) + schema.numeric.map(\.column)
        let others = [schema.label.column, schema.user, schema.time].compactMap(\.self)
        known = Set(
            needed + schema.sequences.map(\.column) + others + schema.joins.map(\.column)
                + sides.flatMap(\.columns))
    }

    /// Examples without labels.
    ///
    /// - Parameter history: events, oldest first, each with the columns of the schema's history; all rows share them.
    /// - Throws: `KuklaError(.usage)` that names the row, the column and the nearest one that there is.
    func batch(
        _ rows: ArraySlice<[String: ColumnValue]>, history: [[String: ColumnValue]]
    ) throws(KuklaError) -> ExampleBatch {
        var (ids, numbers) = ([Int32](), [Float]())
        var lists = schema.sequences.map { _ in (ids: [Int32](), offsets: [Int32(0)]) }
        for (place, row) in zip(rows.indices, rows) {
            let row = Row(columns: row, name: "row \(place)")
            try checkNames(of: row)
            for (field, category) in schema.categorical.enumerated() {
                ids.append(vocabularies[field].id(of: try text(category.column, of: row)))
            }
            for i in schema.numeric.indices { numbers.append(try number(i, of: row)) }
            for (i, sequence) in schema.sequences.enumerated() {
                for value in try values(sequence, of: row).suffix(sequence.last) {
                    lists[i].ids.append(vocabularies[listFields[i]].id(of: value))
                }
                lists[i].offsets.append(Int32(lists[i].ids.count))
            }
        }
        var ragged = zip(lists, listFields).map { list, field in
            ExampleBatch.RaggedIDs(fields: [field], ids: list.ids, offsets: list.offsets)
        }
        if let events = try events(history, rows: rows.count) { ragged.append(events) }
        return ExampleBatch(
            count: rows.count, ids: ids,
            numbers: schema.numeric.isEmpty
                ? nil : Tensor(shape: [rows.count, schema.numeric.count], elements: numbers),
            labels: .zeros([rows.count]), lists: ragged)
    }

    /// Columns by name, and what errors call them.
    private struct Row {
        let columns: [String: ColumnValue]
        let name: String
    }

    private func failure(_ row: Row, _ what: String) -> KuklaError {
        KuklaError(.usage, "Cannot score \(row.name): \(what).")
    }

    // MARK: - Names

    private func checkNames(of row: Row) throws(KuklaError) {
        guard let unknown = row.columns.keys.filter({ !known.contains($0) }).min() else { return }
        let near = EditDistance.likely(unknown, among: known.sorted()).map { "; did you mean \"\($0)\"?" }
        throw failure(
            row,
            "the model knows no column \"\(unknown.prefix(80))\"\(near ?? ".") It takes \(takes)")
    }

    /// The columns that a row may have, for sentences.
    private var takes: String {
        let lists = schema.sequences.map(\.column)
        return needed.joined(separator: ", ")
            + (lists.isEmpty ? "" : ", and the lists \(lists.joined(separator: ", "))")
    }

    private func value(_ column: String, of row: Row) throws(KuklaError) -> ColumnValue {
        if let value = row.columns[column] { return value }
        for side in sides {
            guard let place = side.columns.firstIndex(of: column), let key = row.columns[side.key] else {
                continue
            }
            guard case .text(var text) = key,
                let line = text.withUTF8({ side.find(UnsafeRawBufferPointer($0)) })
            else { throw failure(row, "its \"\(side.key)\" is not in \(side.name)") }
            return .text(String(decoding: side.bytes(line, place), as: UTF8.self))
        }
        throw failure(
            row,
            "it has no column \"\(column)\"; write null where the value is missing. The model takes \(takes)")
    }

    // MARK: - Values

    private func text(_ column: String, of row: Row) throws(KuklaError) -> String {
        switch try value(column, of: row) {
        case .missing: return schema.missing.first ?? ""
        case .text(let text): return text
        case .list: throw failure(row, "\"\(column)\" is a list, expected one value")
        }
    }

    private func number(_ i: Int, of row: Row) throws(KuklaError) -> Float {
        let column = schema.numeric[i].column
        var text = try text(column, of: row)
        guard !text.isEmpty, !schema.missing.contains(text) else { return 0 }
        guard let number = text.withUTF8({ DecimalText.number(UnsafeRawBufferPointer($0)) }) else {
            throw failure(
                row, "the numeric column \"\(column)\" is \"\(text.prefix(60))\", expected a number")
        }
        let value = Float(schema.numeric[i].transform.applied(to: number))
        return (value - scales[i].mean) / scales[i].deviation
    }

    private func values(_ sequence: DataSchema.Sequence, of row: Row) throws(KuklaError) -> [String] {
        switch row.columns[sequence.column] {
        case .list(let values): return values
        case .text(let text) where !schema.missing.contains(text):
            return text.components(separatedBy: sequence.separator).filter { !$0.isEmpty }
        default: return []
        }
    }

    private func events(
        _ history: [[String: ColumnValue]], rows: Int
    ) throws(KuklaError) -> ExampleBatch.RaggedIDs? {
        guard let rule = schema.history else {
            guard history.isEmpty else {
                throw KuklaError(
                    .usage,
                    "Cannot score: there is a history, and the model has none. It takes \(takes).")
            }
            return nil
        }
        let kept = history.suffix(rule.last)
        var ids: [Int32] = []
        for (place, columns) in zip(kept.indices, kept) {
            let event = Row(columns: columns, name: "event \(place) of the history")
            guard Set(columns.keys) == Set(rule.items) else {
                throw failure(
                    event,
                    "it has the columns \(columns.keys.sorted().joined(separator: ", ")), expected \(rule.items.joined(separator: ", "))"
                )
            }
            for (field, item) in zip(historyFields, rule.items) {
                ids.append(vocabularies[field].id(of: try text(item, of: event)))
            }
        }
        return ExampleBatch.RaggedIDs(
            fields: historyFields, ids: (0..<rows).flatMap { _ in ids },
            offsets: (0...rows).map { Int32($0 * kept.count) })
    }
}
