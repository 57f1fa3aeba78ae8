package import KuklaFormats
public import KuklaNumerics

/// A JSON value (RFC 8259): what the metadata of an item consist of.
///
/// Whole numbers of up to 64 bits keep all their digits, other numbers are doubles. Of a key that stands twice the last one counts.
public indirect enum JSONValue: Hashable, Sendable {
    case null
    case boolean(Bool)
    case integer(Int64)
    case real(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// Reads one value.
    ///
    /// - Throws: `KuklaError.badData` with the byte at fault.
    public init(parsing text: String) throws(KuklaError) {
        var text = text
        var found: Result<JSONValue, JSONFault> = .success(.null)
        text.withUTF8 { bytes in
            var scanner = JSONScanner(UnsafeRawBufferPointer(bytes))
            do throws(JSONFault) {
                let value = try scanner.value()
                try scanner.finish()
                found = .success(value)
            } catch {
                found = .failure(error)
            }
        }
        switch found {
        case .success(let value): self = value
        case .failure(let fault):
            throw KuklaError(
                .badData, "Cannot read '\(text.prefix(80))' as JSON: \(fault.what) (byte \(fault.offset)).")
        }
    }

    /// The name of the value's kind, as messages say it.
    var kind: String {
        switch self {
        case .null: "null"
        case .boolean: "a boolean"
        case .integer, .real: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// Whether it is neither an array nor an object.
    var isScalar: Bool {
        switch self {
        case .array, .object: false
        default: true
        }
    }
}

extension JSONValue: CustomStringConvertible {
    /// The value as JSON on one line, keys in order, no escapes but those that must be: SQLite compares keys as they are written.
    public var description: String {
        switch self {
        case .null: "null"
        case .boolean(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .real(let value): "\(value)"
        case .string(let value): jsonQuoted(value)
        case .array(let values): "[" + values.map(\.description).joined(separator: ",") + "]"
        case .object(let members):
            "{"
                + members.sorted { $0.key < $1.key }.map { "\(jsonQuoted($0.key)):\($0.value)" }
                .joined(separator: ",") + "}"
        }
    }
}

extension JSONValue: Encodable {
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .boolean(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .real(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let values): try container.encode(values)
        case .object(let members): try container.encode(members)
        }
    }
}

extension JSONScanner {
    /// The next value, whatever it is.
    package mutating func value(depth: Int = 0) throws(JSONFault) -> JSONValue {
        guard depth < 64 else { throw fault("values are nested more than 64 deep") }
        switch peek() {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"):
            var members: [String: JSONValue] = [:]
            try object { (key, scanner) throws(JSONFault) in
                members[key] = try scanner.value(depth: depth + 1)
            }
            return .object(members)
        case UInt8(ascii: "["):
            var values: [JSONValue] = []
            try array { (scanner) throws(JSONFault) in values.append(try scanner.value(depth: depth + 1)) }
            return .array(values)
        case UInt8(ascii: "t"):
            try skip()
            return .boolean(true)
        case UInt8(ascii: "f"):
            try skip()
            return .boolean(false)
        case UInt8(ascii: "n"):
            try skip()
            return .null
        default:
            let start = position
            let number = try number()
            guard number.isFinite else { throw fault("a number is over the range of a double") }
            return Int64(text(from: start)).map { .integer($0) } ?? .real(number)
        }
    }
}
