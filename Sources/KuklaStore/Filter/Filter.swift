import KuklaNumerics

/// A condition on an item's metadata.
///
/// Every condition holds or does not: where a path leads nowhere, comparisons do not hold, and `not` of them does. Values of
/// different kinds are never equal (`1`, `"1"` and `true` are three values); 1 and 1.0 are the same number.
public indirect enum Filter: Hashable, Sendable {
    /// The value is this scalar.
    case equals(MetadataPath, JSONValue)
    /// The value is one of these scalars.
    case isIn(MetadataPath, [JSONValue])
    /// The value is a number, or a string, within bounds of its kind. Strings compare by their UTF-8 bytes.
    case range(MetadataPath, lower: Bound?, upper: Bound?)
    /// There is a value; it may be null.
    case exists(MetadataPath)
    /// The value is an array with this scalar among its elements.
    case contains(MetadataPath, JSONValue)
    /// All of these hold; so does none of none.
    case all([Filter])
    /// At least one of these holds.
    case any([Filter])
    case not(Filter)

    /// One end of a range: a number or a string.
    public struct Bound: Hashable, Sendable {
        public let value: JSONValue
        public let isIncluded: Bool

        public init(_ value: JSONValue, isIncluded: Bool = true) {
            self.value = value
            self.isIncluded = isIncluded
        }
    }
}

extension Filter {
    /// Throws where a value is of a kind that cannot be compared so, and where there are more conditions than SQLite takes.
    func check() throws(KuklaError) {
        var conditions = 0
        try check(depth: 0, &conditions)
    }

    private func check(depth: Int, _ conditions: inout Int) throws(KuklaError) {
        conditions += 1
        guard depth < 64, conditions <= 400 else {
            throw KuklaError(
                .usage,
                "Cannot filter by more than 400 conditions or 64 levels of them: name values with {\"$in\": [...]}, or index an attribute that says what they say together."
            )
        }
        switch self {
        case .exists: break
        case .equals(let path, let value), .contains(let path, let value):
            try Self.checkScalar(value, path)
        case .isIn(let path, let values):
            guard values.count <= 10_000 else {
                throw KuklaError(
                    .usage, "Cannot compare '\(path)' with \(values.count) values: expected at most 10000.")
            }
            for value in values { try Self.checkScalar(value, path) }
        case .range(let path, let lower, let upper):
            let kinds = Set([lower, upper].compactMap(\.self).map(\.value.kind))
            guard kinds.count <= 1, kinds.isSubset(of: ["a number", "a string"]) else {
                throw KuklaError(
                    .usage,
                    "Cannot compare '\(path)' with a range of \(kinds.sorted().joined(separator: " and ")): expected bounds that are numbers, or strings."
                )
            }
        case .all(let filters), .any(let filters):
            for filter in filters { try filter.check(depth: depth + 1, &conditions) }
        case .not(let filter): try filter.check(depth: depth + 1, &conditions)
        }
    }

    private static func checkScalar(_ value: JSONValue, _ path: MetadataPath) throws(KuklaError) {
        guard value.isScalar else {
            throw KuklaError(
                .usage,
                "Cannot compare '\(path)' with \(value.kind): expected a string, a number, a boolean or null. For one of several values write {\"\(path)\": {\"$in\": [...]}}."
            )
        }
    }
}
