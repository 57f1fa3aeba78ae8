import Foundation
import KuklaNumerics

/// The header of a safetensors file, checked against the bytes that are there.
struct SafetensorsHeader {
    struct Entry {
        var name: String
        var elementType: ElementType
        var shape: [Int]
        var begin: Int
        var end: Int
    }

    /// In the order of their bytes.
    private(set) var entries: [Entry] = []
    private(set) var metadata: [String: String] = [:]
    private(set) var dataOffset = 0

    /// The limit of the reference implementation.
    static let maximumByteCount = 100_000_000

    static let types: [String: ElementType] = [
        "F64": .float64, "F32": .float32, "F16": .float16, "BF16": .bfloat16,
        "I64": .int64, "I32": .int32, "I16": .int16, "I8": .int8, "U8": .uint8, "BOOL": .bool,
    ]

    /// Whether `start`, at least nine bytes, may be the front of a safetensors file of `size` bytes.
    static func matches(_ start: UnsafeRawBufferPointer, size: Int) -> Bool {
        guard start.count >= 9, start[8] == UInt8(ascii: "{") else { return false }
        return start.loadUnaligned(as: UInt64.self) <= UInt64(min(maximumByteCount, max(size - 8, 0)))
    }

    init(_ bytes: UnsafeRawBufferPointer, name: String) throws(KuklaError) {
        func bad(_ what: String) -> KuklaError {
            KuklaError(.badData, "Cannot read \(name) as safetensors: \(what).")
        }
        guard bytes.count >= 8 else {
            throw bad(bytes.isEmpty ? "it is empty" : "it ends within the length of its header")
        }
        let claimed = bytes.loadUnaligned(as: UInt64.self)
        guard claimed <= UInt64(SafetensorsHeader.maximumByteCount) else {
            throw bad("its header claims \(claimed) bytes")
        }
        let length = Int(claimed)
        guard length <= bytes.count - 8 else {
            throw bad("its header claims \(length) bytes, and the file has \(bytes.count - 8); it is cut")
        }
        dataOffset = 8 + length
        let text = UnsafeRawBufferPointer(rebasing: bytes[8..<dataOffset])
        guard text.first == UInt8(ascii: "{") else { throw bad("its header does not start with '{'") }
        var parsed: [RawEntry] = []
        do throws(JSONFault) {
            var scanner = JSONScanner(text)
            try parse(&scanner, into: &parsed)
        } catch {
            throw bad("its header is damaged: \(error.what) (byte \(8 + error.offset))")
        }
        var seen: Set<String> = []
        for entry in parsed {
            guard seen.insert(entry.name).inserted else {
                throw bad("the name \"\(entry.name)\" is there twice")
            }
            guard let type = SafetensorsHeader.types[entry.type] else {
                throw KuklaError(
                    .unsupported,
                    "Cannot read \(name): the tensor \"\(entry.name)\" is of type \(entry.type); known are "
                        + SafetensorsHeader.types.keys.sorted().joined(separator: ", ") + ".")
            }
            try entries.append(SafetensorsHeader.checked(entry, type, bad))
        }
        entries.sort { ($0.begin, $0.end) < ($1.begin, $1.end) }
        var end = 0
        for entry in entries {
            guard entry.begin == end else {
                throw bad(
                    "the tensor \"\(entry.name)\" starts at byte \(entry.begin) of the data where the one before "
                        + "ends at \(end)")
            }
            end = entry.end
        }
        let dataCount = bytes.count - dataOffset
        guard end == dataCount else {
            throw bad(
                "its tensors need \(end) bytes, and the file has \(dataCount) after the header; "
                    + (end > dataCount ? "it is cut" : "something else follows them"))
        }
    }

    private struct RawEntry {
        var name: String
        var type = ""
        var shape: [Int] = []
        var offsets: [Int] = []
    }

    private mutating func parse(
        _ scanner: inout JSONScanner, into parsed: inout [RawEntry]
    ) throws(JSONFault) {
        var metadata: [String: String]?
        try scanner.object { (key, scanner) throws(JSONFault) in
            if key == "__metadata__" {
                guard metadata == nil else { throw scanner.fault("__metadata__ is there twice") }
                var values: [String: String] = [:]
                try scanner.object { (key, scanner) throws(JSONFault) in
                    guard values.updateValue(try scanner.string(), forKey: key) == nil else {
                        throw scanner.fault("a key of __metadata__ is there twice")
                    }
                }
                metadata = values
                return
            }
            var entry = RawEntry(name: key)
            var fields: Set<String> = []
            try scanner.object { (field, scanner) throws(JSONFault) in
                guard fields.insert(field).inserted else {
                    throw scanner.fault("\"\(field)\" is there twice")
                }
                switch field {
                case "dtype": entry.type = try scanner.string()
                case "shape": entry.shape = try SafetensorsHeader.sizes(&scanner)
                case "data_offsets": entry.offsets = try SafetensorsHeader.sizes(&scanner)
                default: throw scanner.fault("\"\(field)\" is unknown")
                }
            }
            guard fields.count == 3, entry.offsets.count == 2 else {
                throw scanner.fault("\"\(key)\" needs dtype, shape and two data_offsets")
            }
            parsed.append(entry)
        }
        try scanner.finish()
        self.metadata = metadata ?? [:]
    }

    private static func sizes(_ scanner: inout JSONScanner) throws(JSONFault) -> [Int] {
        var sizes: [Int] = []
        try scanner.array { (scanner) throws(JSONFault) in
            let size = try scanner.integer()
            guard size >= 0, sizes.count < 32 else {
                throw scanner.fault("a size is negative, or one too many")
            }
            sizes.append(size)
        }
        return sizes
    }

    private static func checked(
        _ entry: RawEntry, _ type: ElementType, _ bad: (String) -> KuklaError
    ) throws(KuklaError) -> Entry {
        var bytes = type.byteCount
        for size in entry.shape {
            let (product, overflow) = bytes.multipliedReportingOverflow(by: size)
            guard !overflow else { throw bad("\"\(entry.name)\" claims the absurd shape \(entry.shape)") }
            bytes = product
        }
        let (begin, end) = (entry.offsets[0], entry.offsets[1])
        guard begin <= end, end - begin == bytes else {
            throw bad(
                "\"\(entry.name)\" of shape \(entry.shape) and type \(entry.type) needs \(bytes) bytes, and its "
                    + "offsets are \(begin) and \(end)")
        }
        return Entry(name: entry.name, elementType: type, shape: entry.shape, begin: begin, end: end)
    }
}
