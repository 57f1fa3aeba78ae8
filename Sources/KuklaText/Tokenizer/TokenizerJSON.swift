import KuklaNumerics

/// A JSON value that keeps strings as bytes.
///
/// Foundation's readers make dictionaries with `String` keys, and two tokens that differ only in Unicode
/// normalisation are equal as `String`: a vocabulary would lose tokens. They also keep the last of two equal keys
/// without a word.
enum TokenizerJSON {
    case null
    case bool(Bool)
    case number(Double)
    case string([UInt8])
    case array([TokenizerJSON])
    case object([(key: [UInt8], value: TokenizerJSON)])

    /// Reads one JSON text. `name` is what errors call it.
    init(_ bytes: UnsafeBufferPointer<UInt8>, name: String) throws(KuklaError) {
        var reader = Reader(bytes: bytes, name: name)
        self = try reader.value(depth: 0)
        reader.skipSpace()
        if reader.position < bytes.count { throw reader.failure("the end of the file") }
    }

    /// The value of a member, or `nil` where it is missing, null, or this is no object.
    subscript(_ key: StaticString) -> TokenizerJSON? {
        guard case .object(let members) = self else { return nil }
        let wanted = UnsafeBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount)
        guard let found = members.first(where: { $0.key.elementsEqual(wanted) })?.value else { return nil }
        if case .null = found { return nil }
        return found
    }

    /// The kind of value, for messages.
    var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    private struct Reader {
        let bytes: UnsafeBufferPointer<UInt8>
        let name: String
        var position = 0

        func failure(_ expected: String) -> KuklaError {
            let found =
                position < bytes.count
                ? "byte 0x" + String(bytes[position], radix: 16) : "the end of the file"
            return KuklaError(
                .badData,
                "reading \(name) as JSON: expected \(expected) at byte \(position), found \(found); "
                    + "the file is damaged or not JSON: download the model again")
        }

        mutating func skipSpace() {
            while position < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[position]) { position += 1 }
        }

        mutating func take(_ byte: Character) -> Bool {
            skipSpace()
            guard position < bytes.count, bytes[position] == byte.asciiValue else { return false }
            position += 1
            return true
        }

        mutating func value(depth: Int) throws(KuklaError) -> TokenizerJSON {
            skipSpace()
            guard depth < 64, position < bytes.count else {
                throw failure("a value, nested at most 64 deep,")
            }
            switch bytes[position] {
            case UInt8(ascii: "{"): return try object(depth: depth)
            case UInt8(ascii: "["): return try array(depth: depth)
            case UInt8(ascii: "\""): return .string(try string())
            case UInt8(ascii: "t"): return try word("true", .bool(true))
            case UInt8(ascii: "f"): return try word("false", .bool(false))
            case UInt8(ascii: "n"): return try word("null", .null)
            default: return try number()
            }
        }

        mutating func word(_ text: StaticString, _ value: TokenizerJSON) throws(KuklaError) -> TokenizerJSON {
            let wanted = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
            guard bytes[position...].starts(with: wanted) else { throw failure("\(text)") }
            position += wanted.count
            return value
        }

        mutating func number() throws(KuklaError) -> TokenizerJSON {
            let start = position
            while position < bytes.count, "+-.eE0123456789".utf8.contains(bytes[position]) { position += 1 }
            let text = String(decoding: bytes[start..<position], as: UTF8.self)
            guard let value = Double(text), value.isFinite else {
                position = start
                throw failure("a value")
            }
            return .number(value)
        }

        mutating func array(depth: Int) throws(KuklaError) -> TokenizerJSON {
            position += 1
            var values: [TokenizerJSON] = []
            if take("]") { return .array(values) }
            repeat { values.append(try value(depth: depth + 1)) } while take(",")
            guard take("]") else { throw failure("',' or ']'") }
            return .array(values)
        }

        mutating func object(depth: Int) throws(KuklaError) -> TokenizerJSON {
            position += 1
            var members: [(key: [UInt8], value: TokenizerJSON)] = []
            if take("}") { return .object(members) }
            repeat {
                skipSpace()
                let key = try string()
                guard take(":") else { throw failure("':'") }
                members.append((key, try value(depth: depth + 1)))
            } while take(",")
            guard take("}") else { throw failure("',' or '}'") }
            return .object(members)
        }

        mutating func string() throws(KuklaError) -> [UInt8] {
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
                throw failure("a string")
            }
            position += 1
            var content: [UInt8] = []
            while position < bytes.count {
                let byte = bytes[position]
                if byte == UInt8(ascii: "\"") {
                    position += 1
                    return content
                }
                if byte < 0x20 { break }
                if byte == UInt8(ascii: "\\") {
                    try escape(into: &content)
                } else {
                    let (codePoint, count) = UTF8Decoding.codePoint(bytes, position)
                    if codePoint == 0xFFFD, count == 1 { throw failure("UTF-8") }
                    content.append(contentsOf: bytes[position..<position + count])
                    position += count
                }
            }
            throw failure("the end of the string")
        }

        mutating func escape(into content: inout [UInt8]) throws(KuklaError) {
            position += 1
            guard position < bytes.count else { throw failure("an escape") }
            let letter = bytes[position]
            if letter == UInt8(ascii: "u") {
                position += 1
                var codePoint = try hexadecimal()
                if codePoint & 0xFC00 == 0xD800, bytes[position...].starts(with: [0x5C, 0x75]) {
                    position += 2
                    let low = try hexadecimal()
                    guard low & 0xFC00 == 0xDC00 else { throw failure("a low surrogate before here") }
                    codePoint = 0x1_0000 + ((codePoint & 0x3FF) << 10 | low & 0x3FF)
                }
                guard let scalar = Unicode.Scalar(codePoint) else {
                    throw failure("a character, not half of a surrogate pair, before here")
                }
                return content.append(contentsOf: UTF8.encode(scalar).unsafelyUnwrapped)
            }
            let escapes: [UInt8: UInt8] = [
                0x22: 0x22, 0x5C: 0x5C, 0x2F: 0x2F, 0x62: 8, 0x66: 12, 0x6E: 10, 0x72: 13, 0x74: 9,
            ]
            guard let byte = escapes[letter] else { throw failure("an escape") }
            content.append(byte)
            position += 1
        }

        mutating func hexadecimal() throws(KuklaError) -> UInt32 {
            var value: UInt32 = 0
            for _ in 0..<4 {
                guard position < bytes.count,
                    let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue
                else { throw failure("a hexadecimal digit") }
                value = value << 4 | UInt32(digit)
                position += 1
            }
            return value
        }
    }
}
