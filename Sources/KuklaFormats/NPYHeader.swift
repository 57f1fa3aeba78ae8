import Foundation
package import KuklaNumerics

/// The first bytes of an npy file: what the array is and where its data start.
///
/// Format: numpy's `numpy.lib.format` documentation, versions 1.0, 2.0 and 3.0.
package struct NPYHeader: Equatable, Sendable {
    package var elementType: ElementType
    package var isBigEndian = false
    package var isFortranOrder = false
    package var shape: [Int]
    /// Bytes before the first number.
    package var dataOffset = 0

    package static let magic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]

    /// Bytes of all numbers.
    package var dataByteCount: Int { shape.reduce(elementType.byteCount, *) }

    /// Reads and consumes the header at the front of `source`.
    ///
    /// - Throws: `KuklaError` (`badData`, `unsupported`).
    package init(reading source: ByteSource) throws(KuklaError) {
        func bad(_ what: String) -> KuklaError {
            KuklaError(.badData, "Cannot read \(source.name) as npy: \(what).")
        }
        let start = try source.peek(12)
        guard start.count >= 10, start.prefix(6).elementsEqual(NPYHeader.magic) else {
            throw bad("it does not start with an npy header")
        }
        let version = start[6]
        let prefix = version == 1 ? 10 : 12
        guard (1...3).contains(version), start.count >= prefix else {
            throw bad("version \(version) of the format is unknown")
        }
        let length =
            version == 1
            ? Int(start.loadUnaligned(fromByteOffset: 8, as: UInt16.self))
            : Int(start.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        guard length <= 1 << 20 else { throw bad("its header claims \(length) bytes") }
        let whole = try source.peek(prefix + length)
        guard whole.count == prefix + length else {
            throw bad("the file ends within its header")
        }
        let text = String(decoding: whole[prefix...], as: UTF8.self)
        var parser = PythonDictionaryParser(text)
        let fields: PythonDictionaryParser.Fields
        do throws(PythonDictionaryParser.Fault) {
            fields = try parser.parse()
        } catch {
            throw bad("its header is damaged: \(error.what)")
        }
        let code = fields.descr.drop { "<>|=".contains($0) }
        let order = fields.descr.first
        guard let type = NPYHeader.codes[String(code)], fields.descr.count == code.count + 1 else {
            throw KuklaError(
                .unsupported,
                "Cannot read \(source.name): its numbers are of type '\(fields.descr)'; "
                    + "convert them to one of f2, f4, f8, i1, u1, i2, i4, i8.")
        }
        elementType = type
        isBigEndian = order == ">"
        isFortranOrder = fields.fortranOrder
        shape = fields.shape
        dataOffset = prefix + length
        var bytes = type.byteCount
        for size in shape {
            let (product, overflow) = bytes.multipliedReportingOverflow(by: size)
            guard !overflow else { throw bad("its header claims the absurd shape \(shape)") }
            bytes = product
        }
        source.consume(prefix + length)
    }

    package init(elementType: ElementType, shape: [Int]) {
        self.elementType = elementType
        self.shape = shape
    }

    /// The header as bytes of version 1.0, always 128 long: one can be replaced by another.
    package func serialized() -> [UInt8] {
        let code = NPYHeader.codes.first { $0.value == elementType }!.key
        let order = elementType.byteCount == 1 ? "|" : "<"
        let sizes = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
        var text = "{'descr': '\(order)\(code)', 'fortran_order': False, 'shape': (\(sizes)), }"
        text += String(repeating: " ", count: 128 - 10 - 1 - text.utf8.count) + "\n"
        return NPYHeader.magic + [1, 0, 118, 0] + text.utf8
    }

    private static let codes: [String: ElementType] = [
        "f2": .float16, "f4": .float32, "f8": .float64,
        "i1": .int8, "u1": .uint8, "i2": .int16, "i4": .int32, "i8": .int64,
    ]
}

/// Reads the one Python literal that npy headers hold: `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`.
struct PythonDictionaryParser {
    struct Fault: Error { let what: String }
    struct Fields {
        var descr: String
        var fortranOrder: Bool
        var shape: [Int]
    }

    private let text: [UInt8]
    private var position = 0

    init(_ text: String) { self.text = Array(text.utf8) }

    mutating func parse() throws(Fault) -> Fields {
        var descr: String?
        var fortranOrder: Bool?
        var shape: [Int]?
        try expect("{")
        while !accept("}") {
            let key = try string()
            try expect(":")
            switch key {
            case "descr" where descr == nil:
                skipSpaces()
                if peek == UInt8(ascii: "[") { throw Fault(what: "it holds records, not plain numbers") }
                descr = try string()
            case "fortran_order" where fortranOrder == nil: fortranOrder = try boolean()
            case "shape" where shape == nil: shape = try tuple()
            default: throw Fault(what: "the key '\(key)' is unknown or there twice")
            }
            if !accept(",") {
                try expect("}")
                break
            }
        }
        skipSpaces()
        guard position == text.count else { throw Fault(what: "text follows the dictionary") }
        guard let descr, let fortranOrder, let shape else {
            throw Fault(what: "one of descr, fortran_order and shape is missing")
        }
        return Fields(descr: descr, fortranOrder: fortranOrder, shape: shape)
    }

    private var peek: UInt8? { position < text.count ? text[position] : nil }

    private mutating func skipSpaces() {
        while let byte = peek, byte == 0x20 || (0x09...0x0D).contains(byte) { position += 1 }
    }

    private mutating func accept(_ symbol: Unicode.Scalar) -> Bool {
        skipSpaces()
        guard peek == UInt8(ascii: symbol) else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ symbol: Unicode.Scalar) throws(Fault) {
        guard accept(symbol) else { throw Fault(what: "'\(symbol)' is missing at byte \(position)") }
    }

    private mutating func string() throws(Fault) -> String {
        skipSpaces()
        guard let quote = peek, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
            throw Fault(what: "a string is missing at byte \(position)")
        }
        guard let end = text[(position + 1)...].firstIndex(of: quote) else {
            throw Fault(what: "a string does not end")
        }
        defer { position = end + 1 }
        return String(decoding: text[(position + 1)..<end], as: UTF8.self)
    }

    private mutating func boolean() throws(Fault) -> Bool {
        skipSpaces()
        for (word, value) in [("True", true), ("False", false)]
        where text[position...].starts(with: word.utf8) {
            position += word.utf8.count
            return value
        }
        throw Fault(what: "True or False is missing at byte \(position)")
    }

    private mutating func tuple() throws(Fault) -> [Int] {
        var sizes: [Int] = []
        try expect("(")
        while !accept(")") {
            sizes.append(try integer())
            guard sizes.count <= 32 else { throw Fault(what: "the shape has more than 32 dimensions") }
            if !accept(",") {
                try expect(")")
                break
            }
        }
        return sizes
    }

    private mutating func integer() throws(Fault) -> Int {
        skipSpaces()
        let start = position
        while let byte = peek, (0x30...0x39).contains(byte) { position += 1 }
        guard let value = Int(String(decoding: text[start..<position], as: UTF8.self)) else {
            throw Fault(what: "a size is missing or absurd at byte \(start)")
        }
        if peek == UInt8(ascii: "L") { position += 1 }  // Python 2 wrote long integers so
        return value
    }
}
