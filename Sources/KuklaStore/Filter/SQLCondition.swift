import GRDB

/// A condition in SQL with the values of its placeholders.
struct SQLCondition {
    let sql: String
    let arguments: [any DatabaseValueConvertible]

    init(_ sql: String, _ arguments: [any DatabaseValueConvertible] = []) {
        self.sql = sql
        self.arguments = arguments
    }

    func wrapped(_ sql: (String) -> String) -> SQLCondition { SQLCondition(sql(self.sql), arguments) }

    static func joined(_ conditions: [SQLCondition], by word: String, ofNone: String) -> SQLCondition {
        guard !conditions.isEmpty else { return SQLCondition(ofNone) }
        return SQLCondition(
            "(" + conditions.map(\.sql).joined(separator: " \(word) ") + ")",
            conditions.flatMap(\.arguments))
    }
}

extension Filter {
    /// The filter over a row of `items`.
    var condition: SQLCondition {
        switch self {
        case .equals(let path, let value): Self.isOne(of: [value], path)
        case .isIn(let path, let values): Self.isOne(of: values, path)
        case .exists(let path): SQLCondition("\(path.type) IS NOT NULL")
        case .contains(let path, let value):
            SQLCondition(
                "(\(path.type) = 'array' AND EXISTS (SELECT 1 FROM json_each(metadata, \(path.literal)) AS element WHERE \(value.elementTest)))",
                [value.argument].compactMap(\.self))
        case .range(let path, let lower, let upper):
            Self.isWithin(lower, upper, path)
        case .all(let filters): .joined(filters.map(\.condition), by: "AND", ofNone: "1")
        case .any(let filters): .joined(filters.map(\.condition), by: "OR", ofNone: "0")
        case .not(let filter):
            // NULL, which a comparison with nothing gives, is not true.
            filter.condition.wrapped { "(\($0)) IS NOT TRUE" }
        }
    }

    private static func isOne(of values: [JSONValue], _ path: MetadataPath) -> SQLCondition {
        let types = ["null", "true", "false"].filter { name in values.contains { $0.typeNames == [name] } }
        var conditions: [SQLCondition] = []
        if !types.isEmpty {
            conditions.append(
                SQLCondition("\(path.type) IN (\(types.map { "'\($0)'" }.joined(separator: ", ")))"))
        }
        for names in [["text"], ["integer", "real"]] {
            let arguments = values.filter { $0.typeNames == names }.compactMap(\.argument)
            guard !arguments.isEmpty else { continue }
            // The extracted value finds an index; its type tells '["a"]' from the array ["a"].
            let marks = arguments.map { _ in "?" }.joined(separator: ", ")
            conditions.append(
                SQLCondition(
                    "(\(path.extraction) IN (\(marks)) AND \(path.type) IN (\(Self.quoted(names))))",
                    arguments))
        }
        return .joined(conditions, by: "OR", ofNone: "0")
    }

    private static func isWithin(_ lower: Bound?, _ upper: Bound?, _ path: MetadataPath) -> SQLCondition {
        var conditions: [SQLCondition] = []
        for (bound, sign) in [(lower, ">"), (upper, "<")] {
            guard let bound, let argument = bound.value.argument else { continue }
            conditions.append(
                SQLCondition("\(path.extraction) \(sign)\(bound.isIncluded ? "=" : "") ?", [argument]))
        }
        let names = (lower ?? upper)?.value.typeNames ?? ["text", "integer", "real"]
        conditions.append(SQLCondition("\(path.type) IN (\(quoted(names)))"))
        return .joined(conditions, by: "AND", ofNone: "1")
    }

    fileprivate static func quoted(_ names: [String]) -> String {
        names.map { "'\($0)'" }.joined(separator: ", ")
    }
}

extension JSONValue {
    /// SQLite's names of the kinds that this scalar may be equal to.
    fileprivate var typeNames: [String] {
        switch self {
        case .null: ["null"]
        case .boolean(let value): [value ? "true" : "false"]
        case .integer, .real: ["integer", "real"]
        case .string: ["text"]
        case .array: ["array"]
        case .object: ["object"]
        }
    }

    /// What stands for a string or a number in a comparison.
    fileprivate var argument: (any DatabaseValueConvertible)? {
        switch self {
        case .integer(let value): value
        case .real(let value): value
        case .string(let value): value
        default: nil
        }
    }

    /// Whether an element of an array is this scalar.
    fileprivate var elementTest: String {
        "element.type IN (\(Filter.quoted(typeNames)))" + (argument == nil ? "" : " AND element.value = ?")
    }
}
