import Foundation

/// What is wrong with a piece of JSON, and at which byte.
package struct JSONFault: Error {
    package let what: String
    package let offset: Int
}

/// Walks through one JSON text (RFC 8259) in place, without building a tree: the caller takes what it wants and
/// skips the rest. What is passed over is checked too, but for the escapes and the UTF-8 of strings.
package struct JSONScanner {
    private let bytes: UnsafePointer<UInt8>
    private let count: Int
    package private(set) var position = 0

    /// Scans `text`, which must outlive the scanner.
    package init(_ text: UnsafeRawBufferPointer) {
        // A pointer is needed even where there is no byte; it is never read.
        bytes = text.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? UnsafePointer(bitPattern: 1)!
        count = text.count
    }

    package func fault(_ what: String) -> JSONFault { JSONFault(what: what, offset: position) }

    /// The first byte of the next value or symbol; `nil` at the end.
    @inline(__always)
    package mutating func peek() -> UInt8? {
        while position < count {
            let byte = bytes[position]
            if byte != 0x20 && byte != 0x09 && byte != 0x0A && byte != 0x0D { return byte }
            position += 1
        }
        return nil
    }

    @inline(__always)
    private mutating func accept(_ symbol: UInt8) -> Bool {
        guard peek() == symbol else { return false }
        position += 1
        return true
    }

    /// Checks that nothing but white space is left.
    package mutating func finish() throws(JSONFault) {
        if peek() != nil { throw fault("something follows the JSON value") }
    }

    /// Visits the members of an object: `member` consumes the value of the key that it is given.
    @inline(__always)
    package mutating func object(
        _ member: (String, inout JSONScanner) throws(JSONFault) -> Void
    ) throws(JSONFault) {
        guard accept(UInt8(ascii: "{")) else { throw fault("an object is missing") }
        if accept(UInt8(ascii: "}")) { return }
        repeat {
            let key = try string()
            guard accept(UInt8(ascii: ":")) else { throw fault("':' is missing") }
            try member(key, &self)
        } while accept(UInt8(ascii: ","))
        guard accept(UInt8(ascii: "}")) else { throw fault("',' or '}' is missing") }
    }

    /// Visits the elements of an array: `element` consumes each.
    @inline(__always)
    package mutating func array(
        _ element: (inout JSONScanner) throws(JSONFault) -> Void
    ) throws(JSONFault) {
        guard accept(UInt8(ascii: "[")) else { throw fault("an array is missing") }
        if accept(UInt8(ascii: "]")) { return }
        repeat { try element(&self) } while accept(UInt8(ascii: ","))
        guard accept(UInt8(ascii: "]")) else { throw fault("',' or ']' is missing") }
    }

    /// What was scanned since `start`, as it is written.
    package func text(from start: Int) -> String {
        String(decoding: UnsafeBufferPointer(start: bytes + start, count: position - start), as: UTF8.self)
    }

    /// Steps over the next value, whatever it is.
    package mutating func skip(depth: Int = 0) throws(JSONFault) {
        switch peek() {
        case UInt8(ascii: "\""): _ = try stringExtent()
        case UInt8(ascii: "{"):
            guard depth < 256 else { throw fault("values are nested more than 256 deep") }
            try object { (_, scanner) throws(JSONFault) in try scanner.skip(depth: depth + 1) }
        case UInt8(ascii: "["):
            guard depth < 256 else { throw fault("values are nested more than 256 deep") }
            try array { (scanner) throws(JSONFault) in try scanner.skip(depth: depth + 1) }
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        case nil: throw fault("a value is missing")
        default: _ = try number()
        }
    }

    private mutating func word(_ word: StaticString) throws(JSONFault) {
        let length = word.utf8CodeUnitCount
        guard position + length <= count, memcmp(bytes + position, word.utf8Start, length) == 0 else {
            throw fault("a value is missing")
        }
        position += length
    }
}

// MARK: - Strings

extension JSONScanner {
    /// The next value, a string.
    package mutating func string() throws(JSONFault) -> String {
        let (extent, hasEscapes) = try stringExtent()
        if hasEscapes { return try unescaped(extent) }
        let raw = UnsafeBufferPointer(start: bytes + extent.lowerBound, count: extent.count)
        guard let string = String(validating: raw, as: UTF8.self) else {
            throw fault("a string is not valid UTF-8")
        }
        return string
    }

    /// The bytes between the quotes of the next string, and whether there is a backslash among them.
    private mutating func stringExtent() throws(JSONFault) -> (Range<Int>, hasEscapes: Bool) {
        guard accept(UInt8(ascii: "\"")) else { throw fault("a string is missing") }
        let start = position
        var hasEscapes = false
        var i = start
        while i < count {
            let byte = bytes[i]
            if byte == UInt8(ascii: "\"") {
                position = i + 1
                return (start..<i, hasEscapes)
            }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                i += 1
            } else if byte < 0x20 {
                position = i
                throw fault("a control character stands bare in a string")
            }
            i += 1
        }
        position = count
        throw fault("a string does not end")
    }

    private func unescaped(_ extent: Range<Int>) throws(JSONFault) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(extent.count)
        var i = extent.lowerBound
        while i < extent.upperBound {
            var end = i
            while end < extent.upperBound && bytes[end] != UInt8(ascii: "\\") { end += 1 }
            out.append(contentsOf: UnsafeBufferPointer(start: bytes + i, count: end - i))
            i = end + 1
            guard end < extent.upperBound else { break }
            let escape = bytes[i]  // stringExtent saw a byte after every backslash
            i += 1
            switch escape {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(escape)
            case UInt8(ascii: "b"): out.append(0x08)
            case UInt8(ascii: "f"): out.append(0x0C)
            case UInt8(ascii: "n"): out.append(0x0A)
            case UInt8(ascii: "r"): out.append(0x0D)
            case UInt8(ascii: "t"): out.append(0x09)
            case UInt8(ascii: "u"): out.append(contentsOf: UTF8.encode(try scalar(&i, extent.upperBound))!)
            default: throw JSONFault(what: "a string has an unknown escape", offset: i - 1)
            }
        }
        guard let string = String(validating: out, as: UTF8.self) else {
            throw JSONFault(what: "a string is not valid UTF-8", offset: extent.lowerBound)
        }
        return string
    }

    /// The scalar of the `\u` escape whose digits start at `i`, with the second half of a surrogate pair.
    private func scalar(_ i: inout Int, _ end: Int) throws(JSONFault) -> Unicode.Scalar {
        let first = try hexadecimal(&i, end)
        if let scalar = Unicode.Scalar(first) { return scalar }
        if first < 0xDC00, i + 6 <= end, bytes[i] == UInt8(ascii: "\\"), bytes[i + 1] == UInt8(ascii: "u") {
            i += 2
            let second = try hexadecimal(&i, end)
            if (0xDC00...0xDFFF).contains(second),
                let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
            {
                return scalar
            }
        }
        throw JSONFault(what: "a string has half of a surrogate pair", offset: i)
    }

    private func hexadecimal(_ i: inout Int, _ end: Int) throws(JSONFault) -> UInt32 {
        guard i + 4 <= end else { throw JSONFault(what: "a \\u escape is cut", offset: i) }
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(bytes[i])).hexDigitValue, bytes[i] < 0x80 else {
                throw JSONFault(what: "a \\u escape is not hexadecimal", offset: i)
            }
            value = value << 4 | UInt32(digit)
            i += 1
        }
        return value
    }
}

// MARK: - Numbers

extension JSONScanner {
    /// The next value, a number, rounded to nearest.
    package mutating func number() throws(JSONFault) -> Double {
        let decimal = try decimal()
        if let exact = decimal.exactDouble { return exact }
        return slowDouble(decimal)
    }

    /// The next value, a number, rounded to double and then to float32, as numpy does.
    @inline(__always)
    package mutating func float() throws(JSONFault) -> Float {
        let decimal = try decimal()
        if let exact = decimal.exactDouble { return Float(exact) }
        // Within two units of the last place of the right double. Where float32's rounding cannot depend on
        // those, this is the right float32.
        if let near = decimal.nearDouble {
            let low = near.bitPattern & 0x1FFF_FFFF
            if low < 0x0FFF_FFF0 || low > 0x1000_0010, abs(near) > 1e-37, abs(near) < 1e38 {
                return Float(near)
            }
        }
        return Float(slowDouble(decimal))
    }

    /// The next value, an integer that needs no more than 18 digits.
    package mutating func integer() throws(JSONFault) -> Int {
        let decimal = try decimal()
        guard decimal.exponent == 0, decimal.isShort, decimal.digits < 1_000_000_000_000_000_000 else {
            throw fault("a whole number is missing")
        }
        return decimal.isNegative ? -Int(decimal.digits) : Int(decimal.digits)
    }

    private struct Decimal {
        var isNegative = false
        var digits: UInt64 = 0
        var exponent = 0
        /// Whether `digits` holds all digits of the number.
        var isShort = true
        var extent: Range<Int>

        static let powers: [Double] = (0...22).map { exponent in
            (0..<exponent).reduce(1.0) { power, _ in power * 10 }
        }

        /// The value where one exact multiplication or division gives it (Clinger 1990, doi:10.1145/93542.93557).
        @inline(__always)
        var exactDouble: Double? {
            digits <= 1 << 53 ? nearDouble : nil
        }

        /// The value within two units of the last place, where one multiplication or division gives it.
        @inline(__always)
        var nearDouble: Double? {
            guard isShort, (-22...22).contains(exponent) else { return nil }
            let whole = Double(digits)
            let value = exponent < 0 ? whole / Decimal.powers[-exponent] : whole * Decimal.powers[exponent]
            return isNegative ? -value : value
        }
    }

    private func slowDouble(_ decimal: Decimal) -> Double {
        let text = UnsafeBufferPointer(start: bytes + decimal.extent.lowerBound, count: decimal.extent.count)
        // The grammar was checked, so this is a number to Swift too; over the range it becomes infinite.
        return Double(String(decoding: text, as: UTF8.self)) ?? .nan
    }

    @inline(__always)
    private mutating func decimal() throws(JSONFault) -> Decimal {
        guard let first = peek() else { throw fault("a number is missing") }
        var result = Decimal(extent: position..<position)
        let start = position
        var i = position
        if first == UInt8(ascii: "-") {
            result.isNegative = true
            i += 1
        }
        let wholeStart = i
        var significant = 0
        while i < count, case let digit = bytes[i] &- 0x30, digit < 10 {
            significant += result.digits > 0 || digit > 0 ? 1 : 0
            result.digits = result.digits &* 10 &+ UInt64(digit)
            i += 1
        }
        guard i > wholeStart else { throw fault("a number is missing (NaN and Infinity are no JSON)") }
        guard i - wholeStart == 1 || bytes[wholeStart] != 0x30 else { throw fault("a number starts with 0") }
        if i < count && bytes[i] == UInt8(ascii: ".") {
            i += 1
            let fractionStart = i
            while i < count, case let digit = bytes[i] &- 0x30, digit < 10 {
                significant += result.digits > 0 || digit > 0 ? 1 : 0
                result.digits = result.digits &* 10 &+ UInt64(digit)
                i += 1
            }
            guard i > fractionStart else { throw fault("digits are missing after the decimal point") }
            result.exponent = fractionStart - i
        }
        if i < count && bytes[i] | 0x20 == UInt8(ascii: "e") {
            i += 1
            var isNegative = false
            if i < count && (bytes[i] == UInt8(ascii: "-") || bytes[i] == UInt8(ascii: "+")) {
                isNegative = bytes[i] == UInt8(ascii: "-")
                i += 1
            }
            let exponentStart = i
            var exponent = 0
            while i < count, case let digit = bytes[i] &- 0x30, digit < 10 {
                exponent = min(exponent * 10 + Int(digit), 1_000_000)
                i += 1
            }
            guard i > exponentStart else { throw fault("digits are missing in an exponent") }
            result.exponent += isNegative ? -exponent : exponent
        }
        result.isShort = significant <= 19
        result.extent = start..<i
        position = i
        return result
    }
}
