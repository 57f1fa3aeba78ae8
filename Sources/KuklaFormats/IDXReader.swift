public import KuklaNumerics

/// The first bytes of an idx file (MNIST): two zero bytes, a type, a number of dimensions, and sizes as
/// big-endian int32.
///
/// Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database", section "File formats".
package struct IDXHeader: Equatable, Sendable {
    package let elementType: ElementType
    package let shape: [Int]
    package let dataOffset: Int

    /// Reads and consumes the header at the front of `source`.
    ///
    /// - Throws: `KuklaError` where it is none, or its extent is not that of the file.
    package init(reading source: ByteSource) throws(KuklaError) {
        func bad(_ what: String) -> KuklaError {
            KuklaError(.badData, "Cannot read \(source.name) as idx: \(what).")
        }
        let magic = try source.peek(4)
        guard magic.count == 4, magic[0] == 0, magic[1] == 0 else {
            throw bad("it does not start with an idx header")
        }
        guard let type = IDXHeader.types[magic[2]], (1...8).contains(magic[3]) else {
            throw bad("type \(magic[2]) with \(magic[3]) dimensions is unknown")
        }
        elementType = type
        let rank = Int(magic[3])
        dataOffset = 4 + 4 * rank
        let sizes = try source.peek(dataOffset)
        guard sizes.count == dataOffset else { throw bad("the file ends within its header") }
        shape = (0..<rank).map {
            Int(UInt32(bigEndian: sizes.loadUnaligned(fromByteOffset: 4 + 4 * $0, as: UInt32.self)))
        }
        source.consume(dataOffset)
        var bytes = type.byteCount
        for size in shape {
            let (product, overflow) = bytes.multipliedReportingOverflow(by: size)
            guard !overflow, product < Int.max / 2 else {
                throw bad("its header claims the absurd shape \(shape)")
            }
            bytes = product
        }
        if let size = source.size, size != dataOffset + bytes {
            throw bad(
                "shape \(shape) needs \(bytes) bytes after the header, and the file has \(size - dataOffset)")
        }
    }

    /// Whether `bytes` may be the front of an idx file.
    static func matches(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count >= 4 && bytes[0] == 0 && bytes[1] == 0 && types[bytes[2]] != nil
            && (1...8).contains(bytes[3])
    }

    private static let types: [UInt8: ElementType] = [
        0x08: .uint8, 0x09: .int8, 0x0B: .int16, 0x0C: .int32, 0x0D: .float32, 0x0E: .float64,
    ]
}

/// Reads an idx file of two or more dimensions as float32 vectors: pictures become rows of pixels.
public final class IDXReader: VectorReader {
    public var name: String { rows.name }
    public let dimensions: Int
    public let count: Int?
    private let elementType: ElementType
    private let rows: RowSource

    /// Reads the header at the front of `source`.
    ///
    /// - Throws: `KuklaError` where the file holds labels (one dimension), or less or more than it says.
    public init(_ source: ByteSource) throws(KuklaError) {
        let header = try IDXHeader(reading: source)
        guard header.shape.count >= 2 else {
            throw KuklaError(
                .badData,
                "Cannot read vectors from \(source.name): it holds one number for each of \(header.shape[0]) items "
                    + "(labels), not vectors.")
        }
        dimensions = header.shape.dropFirst().reduce(1) { min($0, maximumDimensions + 1) * min($1, 1 << 32) }
        guard (1...maximumDimensions).contains(dimensions) else {
            throw KuklaError(
                .badData,
                "Cannot read vectors from \(source.name): its shape \(header.shape) is no shape of vectors.")
        }
        count = source.size == nil ? nil : header.shape[0]
        elementType = header.elementType
        rows = RowSource(
            source, count: header.shape[0], bytesPerRow: dimensions * header.elementType.byteCount)
    }

    public func next(maxRows: Int) throws(KuklaError) -> Matrix? {
        let maxRows = blockRows(maxRows, bytesPerRow: dimensions * Swift.max(4, elementType.byteCount))
        guard let bytes = try rows.nextBytes(maxRows: maxRows) else { return nil }
        return Matrix(rows: bytes.rows, columns: dimensions) {
            elementType.convert(bytes.bytes, isBigEndian: true, to: $0)
        }
    }
}
