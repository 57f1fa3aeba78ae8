import Hummingbird
import HummingbirdCore
import KuklaFormats
import KuklaIndex
import KuklaNumerics
import KuklaStore
import NIOCore

/// The members of a request's JSON object, of which unknown ones are refused.
///
///     try RequestMembers.parse(body) { (key, scanner) throws(JSONFault) in
///         switch key {
///         case "k": count = try scanner.integer()
///         default: return false
///         }
///         return true
///     }
enum RequestMembers {
    /// Reads a body that is one JSON object; an empty one counts as `{}`.
    ///
    /// - Parameter member: consumes the value of the key; false where it knows no such key.
    /// - Throws: `APIFailure.invalidRequest` that names the member at fault.
    static func parse(
        _ body: ByteBuffer, _ member: (String, inout JSONScanner) throws(JSONFault) -> Bool
    ) throws(APIFailure) {
        guard body.readableBytes > 0 else { return }
        var unknown: [String] = []
        try parseObject(body) { (key, scanner) throws(JSONFault) in
            if try !member(key, &scanner) {
                unknown.append(key)
                try scanner.skip()
            }
        }
        guard let first = unknown.first else { return }
        throw APIFailure(
            .invalidRequest,
            "Unknown member\(unknown.count == 1 ? "" : "s") of the request: \(unknown.map { "'\($0.prefix(80))'" }.joined(separator: ", ")).",
            code: "unknown_parameter", parameter: first)
    }

    static func need<Value>(_ value: Value?, _ name: String) throws(APIFailure) -> Value {
        guard let value else {
            throw APIFailure(
                .invalidRequest, "The request has no '\(name)'.", code: "missing_parameter", parameter: name)
        }
        return value
    }

    /// The filter that JSON means; none where it is null or left out.
    static func filter(_ json: JSONValue?) throws(APIFailure) -> Filter? {
        guard let json, json != .null else { return nil }
        return try blaming("where", code: "invalid_filter") { () throws(KuklaError) in try Filter(json) }
    }

    /// What `body` returns; an error of it is the request's, at `parameter`.
    static func blaming<Result>(
        _ parameter: String, code: String = "invalid_value", _ body: () throws(KuklaError) -> Result
    ) throws(APIFailure) -> Result {
        do { return try body() } catch {
            throw APIFailure(.invalidRequest, error.message, code: code, parameter: parameter)
        }
    }
}

extension JSONScanner {
    /// The components of a vector.
    mutating func vector() throws(JSONFault) -> [Float] {
        var components: [Float] = []
        components.reserveCapacity(512)
        try array { (scanner) throws(JSONFault) in
            let number = try scanner.float()
            guard number.isFinite else { throw scanner.fault("a number is over float32's range") }
            components.append(number)
        }
        return components
    }

    /// The id of an item: a string or a whole number from 0.
    mutating func itemID() throws(JSONFault) -> ItemID {
        switch try value() {
        case .string(let text): return .text(text)
        case .integer(let number) where number >= 0: return .number(UInt64(number))
        default: throw fault("an id is a string or a whole number from 0 to \(Int64.max)")
        }
    }
}

/// The query of a request's path, of which unknown parameters are refused.
struct QueryParameters {
    private let values: FlatDictionary<Substring, Substring>

    init(_ request: Request, known: Set<String>) throws(APIFailure) {
        values = request.uri.queryParameters
        for (key, _) in values where !known.contains(String(key)) {
            throw APIFailure(
                .invalidRequest, "Unknown parameter '\(key.prefix(80))' in the query.",
                code: "unknown_parameter", parameter: String(key))
        }
    }

    func text(_ name: String) -> String? { values[name[...]].map(String.init) }

    func integer(
        _ name: String, in range: ClosedRange<Int>, otherwise: Int
    ) throws(APIFailure) -> Int {
        guard let text = text(name) else { return otherwise }
        guard let number = Int(text), range.contains(number) else {
            throw invalid(name, "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func flag(_ name: String) throws(APIFailure) -> Bool {
        switch text(name) {
        case nil, "false": return false
        case "true": return true
        default: throw invalid(name, "true or false")
        }
    }

    func filter() throws(APIFailure) -> Filter? {
        guard let text = text("where") else { return nil }
        return try RequestMembers.filter(
            RequestMembers.blaming("where", code: "invalid_filter") { () throws(KuklaError) in
                try JSONValue(parsing: text)
            })
    }

    func invalid(_ name: String, _ expected: String) -> APIFailure {
        APIFailure(
            .invalidRequest, "'\(name)' in the query is not \(expected).", code: "invalid_value",
            parameter: name)
    }
}
