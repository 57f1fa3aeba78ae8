import Foundation
import KuklaNumerics

/// How a collection file `name.kukla` lies on disk; `docs/collection-format.md` says it byte by byte.
///
/// A header of 64 bytes, sections on 64-byte boundaries, and a table of 64 bytes for each section. All numbers are
/// little-endian. The header and the table have checksums of their own, each section one in the table.
enum CollectionFormat {
    /// A byte outside ASCII and a line end: a transfer in text mode breaks it at once.
    static let magic: [UInt8] = [0x89] + Array("KUKLA\r\n".utf8)
    static let version: UInt32 = 1
    static let endiannessMark: UInt32 = 0x0102_0304
    static let headerBytes = 64
    static let entryBytes = 64
    static let nameBytes = 24
    static let alignment = 64
    /// More sections than any version writes: a bound for what a damaged header may claim.
    static let maximumSections = 256
    /// Sections up to this size are checked when a file is opened, larger ones by `verify`.
    static let checkedAtOnce = 1 << 20

    /// The names of sections.
    enum Name {
        static let details = "details"
        static let plan = "plan"
        static let parameters = "parameters"
        static let codes = "codes"
        static let refineCodes = "refine-codes"
        static let graph = "graph"
        static let graphLinks = "graph-links"
        static let graphUpper = "graph-upper"
        static let graphIDs = "graph-ids"
        static let lists = "lists"
        static let listIDs = "list-ids"
        static let listCenters = "list-centers"
        static let numbers = "ids-number"
        static let idTexts = "ids-text"
        static let idOffsets = "ids-offset"
        static let texts = "texts"
        static let textOffsets = "texts-offset"
    }

    /// Whether the section `name` belongs to a graph, which only serves to search faster: the vectors are there without
    /// it.
    static func isGraph(_ name: String) -> Bool {
        [Name.graph, Name.graphLinks, Name.graphUpper, Name.graphIDs].contains(name)
    }

    /// The header's fields after magic, version and endianness mark: file length, table offset, section count,
    /// table checksum; then zeros, and at byte 60 the checksum of bytes 0..<60.
    struct Header {
        var fileBytes: Int
        var tableOffset: Int
        var sectionCount: Int
        var tableChecksum: UInt32

        var bytes: [UInt8] {
            var out = magic
            out.append(littleEndian: version)
            out.append(littleEndian: endiannessMark)
            out.append(littleEndian: UInt64(fileBytes))
            out.append(littleEndian: UInt64(tableOffset))
            out.append(littleEndian: UInt32(sectionCount))
            out.append(littleEndian: tableChecksum)
            out += [UInt8](repeating: 0, count: headerBytes - 4 - out.count)
            out.append(littleEndian: out.withUnsafeBytes { Checksum(of: $0) }.value)
            return out
        }
    }
}

/// One section of a collection file.
public struct CollectionSection: Hashable, Sendable {
    public let name: String
    /// Where it begins, in bytes from the start of the file.
    public let offset: Int
    /// Bytes that it holds.
    public let length: Int
    /// CRC-32C of its bytes, as the file states it.
    public let checksum: UInt32

    var tableEntry: [UInt8] {
        var out = Array(name.utf8)
        contract(out.count <= CollectionFormat.nameBytes, "section name '\(name)' is too long")
        out += [UInt8](repeating: 0, count: CollectionFormat.nameBytes - out.count)
        out.append(littleEndian: UInt64(offset))
        out.append(littleEndian: UInt64(length))
        out.append(littleEndian: checksum)
        return out + [UInt8](repeating: 0, count: CollectionFormat.entryBytes - out.count)
    }
}

extension [UInt8] {
    mutating func append(littleEndian number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
    }
}

extension UnsafeRawBufferPointer {
    /// The number at `offset`, which the caller has found to be inside.
    func littleEndian<Number: FixedWidthInteger>(_ type: Number.Type, at offset: Int) -> Number {
        Number(littleEndian: loadUnaligned(fromByteOffset: offset, as: type))
    }

    /// The name in the zero-padded field at `offset`, or nil where it is not printable ASCII.
    func name(at offset: Int, count: Int) -> String? {
        let field = self[offset..<offset + count]
        let used = field.prefix { $0 != 0 }
        guard !used.isEmpty, used.allSatisfy({ (0x21...0x7E).contains($0) }),
            field[(field.startIndex + used.count)...].allSatisfy({ $0 == 0 })
        else { return nil }
        return String(decoding: used, as: UTF8.self)
    }
}
