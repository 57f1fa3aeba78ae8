public import KuklaNumerics

/// Where in an item's metadata a value lies: `year`, `source.host`.
///
/// Keys that hold a dot, a quote, a backslash or a control character cannot be named.
public struct MetadataPath: Hashable, Sendable, CustomStringConvertible {
    public let description: String

    /// - Throws: `KuklaError.usage` where a part is empty or cannot be named.
    public init(parsing text: String) throws(KuklaError) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let isUsable = parts.allSatisfy { part in
            !part.isEmpty
                && part.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0 != "\"" && $0 != "\\" }
        }
        guard isUsable, parts.count <= 32 else {
            throw KuklaError(
                .usage,
                "Cannot use '\(text.prefix(80))' as a path into metadata: expected keys with dots between them, such as 'source.host', without quotes, backslashes and control characters."
            )
        }
        description = text
    }

    /// The value there, `nil` where there is none.
    package func value(in metadata: [String: JSONValue]) -> JSONValue? {
        var value: JSONValue? = .object(metadata)
        for part in description.split(separator: ".") {
            guard case .object(let members) = value else { return nil }
            value = members[String(part)]
        }
        return value
    }

    /// The path in SQLite's words, as a literal: an index on an expression serves only queries that write the same.
    var literal: String {
        let path = "$" + description.split(separator: ".").map { ".\"\($0)\"" }.joined()
        return "'" + path.replacing("'", with: "''") + "'"
    }

    /// The value as an SQL expression.
    var extraction: String { "json_extract(metadata, \(literal))" }
    /// The name of the value's kind as an SQL expression; NULL where there is no value.
    var type: String { "json_type(metadata, \(literal))" }
    /// The name of the index on the value.
    var indexName: String { "\"metadata:\(description)\"" }
}
