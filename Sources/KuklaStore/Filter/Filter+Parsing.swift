public import KuklaNumerics

extension Filter {
    private static let comparisons = [
        "$eq", "$ne", "$in", "$nin", "$gt", "$gte", "$lt", "$lte", "$exists", "$contains",
    ]
    private static let connectives = ["$and", "$or", "$not"]

    /// Reads a filter from JSON, in the words that other stores know too.
    ///
    /// An object whose members must all hold. A path with a scalar asks for equality, with an object for what its operators say:
    /// `$eq`, `$ne`, `$in`, `$nin`, `$gt`, `$gte`, `$lt`, `$lte`, `$exists` (true or false), `$contains` (an element of an array).
    /// `$and` and `$or` take arrays of filters, `$not` a filter.
    ///
    ///     {"lang": "en", "year": {"$gte": 2020, "$lt": 2025}, "$or": [{"tags": {"$contains": "new"}}, {"seen": {"$exists": false}}]}
    ///
    /// - Throws: `KuklaError`: `badData` where it is no JSON, `usage` where it is no filter, naming the word at fault.
    public init(parsing text: String) throws(KuklaError) {
        try self.init(JSONValue(parsing: text))
    }

    /// As `init(parsing:)`, of JSON that was read.
    public init(_ json: JSONValue) throws(KuklaError) {
        self = try Self.filter(json, depth: 0)
        try check()
    }

    private static func filter(_ json: JSONValue, depth: Int) throws(KuklaError) -> Filter {
        guard case .object(let members) = json else {
            throw KuklaError(
                .usage,
                "Cannot filter by \(json.kind): expected an object such as {\"year\": {\"$gte\": 2020}}.")
        }
        var conditions: [Filter] = []
        // In a fixed order, so that equal filters are equal values.
        for (key, value) in members.sorted(by: { $0.key < $1.key }) {
            switch key {
            case "$and": conditions.append(.all(try filters(value, of: key, depth: depth)))
            case "$or": conditions.append(.any(try filters(value, of: key, depth: depth)))
            case "$not": conditions.append(.not(try filter(value, depth: depth + 1)))
            case _ where key.hasPrefix("$"): throw unknown(key, among: connectives)
            default: conditions.append(try condition(MetadataPath(parsing: key), value))
            }
        }
        return conditions.count == 1 ? conditions[0] : .all(conditions)
    }

    private static func filters(
        _ json: JSONValue, of key: String, depth: Int
    ) throws(KuklaError) -> [Filter] {
        guard case .array(let elements) = json else {
            throw KuklaError(
                .usage, "Cannot filter by '\(key)' with \(json.kind): expected an array of filters.")
        }
        var all: [Filter] = []
        for element in elements { all.append(try filter(element, depth: depth + 1)) }
        return all
    }

    private static func condition(_ path: MetadataPath, _ json: JSONValue) throws(KuklaError) -> Filter {
        guard case .object(let operators) = json else { return .equals(path, json) }
        guard !operators.isEmpty else {
            throw KuklaError(
                .usage, "Cannot compare '\(path)' with {}: expected an operator, such as {\"$exists\": true}."
            )
        }
        var conditions: [Filter] = []
        var lower: Bound?
        var upper: Bound?
        for (name, value) in operators.sorted(by: { $0.key < $1.key }) {
            switch name {
            case "$eq": conditions.append(.equals(path, value))
            case "$ne": conditions.append(.not(.equals(path, value)))
            case "$in": conditions.append(.isIn(path, try values(value, of: name)))
            case "$nin": conditions.append(.not(.isIn(path, try values(value, of: name))))
            case "$contains": conditions.append(.contains(path, value))
            case "$exists":
                guard case .boolean(let isThere) = value else {
                    throw KuklaError(
                        .usage, "'$exists' of '\(path)' takes true or false, not \(value.kind).")
                }
                conditions.append(isThere ? .exists(path) : .not(.exists(path)))
            case "$gt", "$gte":
                try refuseSecond(lower, name, path)
                lower = Bound(value, isIncluded: name == "$gte")
            case "$lt", "$lte":
                try refuseSecond(upper, name, path)
                upper = Bound(value, isIncluded: name == "$lte")
            default: throw unknown(name, among: comparisons)
            }
        }
        if lower != nil || upper != nil { conditions.append(.range(path, lower: lower, upper: upper)) }
        return conditions.count == 1 ? conditions[0] : .all(conditions)
    }

    private static func refuseSecond(
        _ bound: Bound?, _ name: String, _ path: MetadataPath
    ) throws(KuklaError) {
        guard bound == nil else {
            throw KuklaError(
                .usage, "'\(name)' of '\(path)' says the same end of a range twice: keep one of the two.")
        }
    }

    private static func values(_ json: JSONValue, of name: String) throws(KuklaError) -> [JSONValue] {
        guard case .array(let values) = json else {
            throw KuklaError(.usage, "'\(name)' takes an array of values, not \(json.kind).")
        }
        return values
    }

    private static func unknown(_ word: String, among known: [String]) -> KuklaError {
        let nearest = EditDistance.likely(word, among: known).map { " Did you mean '\($0)'?" } ?? ""
        return KuklaError(
            .usage,
            "Cannot filter by '\(word)': expected \(known.joined(separator: ", ")).\(nearest)")
    }
}
