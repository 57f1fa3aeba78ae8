public import KuklaNumerics

/// Reads the rows of a two-dimensional npy array as float32 vectors.
///
/// Versions 1 to 3; f2, f4, f8, i1, u1, i2, i4, i8 of both byte orders; C order.
public final class NPYReader: VectorReader {
    public var name: String { rows.name }
    public let dimensions: Int
    public let count: Int?

    private let header: NPYHeader
    private let rows: RowSource

    /// Reads the header at the front of `source`.
    ///
    /// - Throws: `KuklaError` where the array is not two-dimensional, is in Fortran order, or does not fill the
    ///   rest of the file.
    public init(_ source: ByteSource) throws(KuklaError) {
        header = try NPYHeader(reading: source)
        try header.checkRows(name: source.name, size: source.size)
        dimensions = header.shape[1]
        count = source.size == nil ? nil : header.shape[0]
        rows = RowSource(
            source, count: header.shape[0], bytesPerRow: dimensions * header.elementType.byteCount)
    }

    public func next(maxRows: Int) throws(KuklaError) -> Matrix? {
        let maxRows = blockRows(maxRows, bytesPerRow: dimensions * Swift.max(4, header.elementType.byteCount))
        let type = header.elementType
        if type == .float32 && !header.isBigEndian {
            return try rows.nextFloats(maxRows: maxRows, columns: dimensions)
        }
        guard let bytes = try rows.nextBytes(maxRows: maxRows) else { return nil }
        return Matrix(rows: bytes.rows, columns: dimensions) {
            type.convert(bytes.bytes, isBigEndian: header.isBigEndian, to: $0)
        }
    }
}

extension NPYHeader {
    /// Throws where the array is not rows of vectors or its extent is not that of the file.
    func checkRows(name: String, size: Int?) throws(KuklaError) {
        guard shape.count == 2 else {
            throw KuklaError(
                .badData,
                "Cannot read vectors from \(name): its shape is \(shape), but vectors need two dimensions, "
                    + "[rows, components].")
        }
        try checkExtent(name: name, size: size)
        guard (1...maximumDimensions).contains(shape[1]) else {
            throw KuklaError(
                .badData, "Cannot read vectors from \(name): its shape \(shape) is no shape of vectors.")
        }
    }

    /// Throws where the array is in Fortran order or its extent is not that of the file.
    func checkExtent(name: String, size: Int?) throws(KuklaError) {
        guard !isFortranOrder || shape.count < 2 else {
            throw KuklaError(
                .unsupported,
                "Cannot read \(name): the array is in Fortran (column) order; "
                    + "save numpy.ascontiguousarray(array) instead.")
        }
        guard let size else { return }
        let (expected, overflow) = dataOffset.addingReportingOverflow(dataByteCount)
        guard !overflow, expected == size else {
            throw KuklaError(
                .badData,
                "Cannot read \(name) as npy: shape \(shape) of \(elementType.rawValue) needs \(dataByteCount) "
                    + "bytes after the header, and the file has \(size - dataOffset); "
                    + (size < expected ? "it is cut." : "something else follows the array."))
        }
    }
}
