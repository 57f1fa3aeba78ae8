public import Foundation
public import KuklaNumerics

/// Rows of whole numbers: ground truth (ids of nearest neighbours), labels.
public struct IntegerMatrix: Sendable, Equatable {
    public let rows: Int
    public let columns: Int
    /// All numbers in row-major order.
    public private(set) var elements: [Int32]

    /// - Precondition: `elements.count == rows * columns`.
    public init(rows: Int, columns: Int, elements: [Int32]) {
        contract(
            elements.count == rows * columns,
            "IntegerMatrix: \(elements.count) elements for shape [\(rows), \(columns)]")
        self.rows = rows
        self.columns = columns
        self.elements = elements
    }

    public subscript(row: Int, column: Int) -> Int32 { elements[row * columns + column] }

    /// The numbers of one row, without a copy.
    public func row(_ index: Int) -> ArraySlice<Int32> {
        elements[(index * columns)..<((index + 1) * columns)]
    }

    /// Reads ivecs, bvecs, npy of whole numbers (one dimension becomes one column) or idx labels, plain or gzip.
    ///
    /// - Throws: `KuklaError` where the file does not hold whole numbers that fit 32 bits.
    public init(_ url: URL) throws(KuklaError) {
        let source = try ByteSource(url)
        switch try VectorFile.format(of: source, fileName: url.lastPathComponent) {
        case .ivecs: try self.init(texmex: TexmexRows(source, format: .ivecs))
        case .bvecs: try self.init(texmex: TexmexRows(source, format: .bvecs))
        case .npy:
            let header = try NPYHeader(reading: source)
            try header.checkExtent(name: source.name, size: source.size)
            try self.init(source, header.elementType, header.shape, isBigEndian: header.isBigEndian)
        case .idx:
            let header = try IDXHeader(reading: source)
            try self.init(source, header.elementType, header.shape, isBigEndian: true)
        default:
            throw KuklaError(
                .badData, "Cannot read whole numbers from \(source.name): it is not ivecs, bvecs, npy or idx."
            )
        }
    }

    /// Writes the rows as ivecs.
    ///
    /// - Throws: `KuklaError(.inputOutput)`.
    public func writeIvecs(to url: URL) throws(KuklaError) {
        let file = try AtomicFile(url)
        for row in 0..<rows {
            try file.write(valueOf: Int32(columns))
            for number in self.row(row) { try file.write(valueOf: number) }
        }
        try file.commit()
    }

    private init(texmex rows: TexmexRows) throws(KuklaError) {
        var elements: [Int32] = []
        let type = rows.format.elementType
        let width = type.byteCount
        while let block = try rows.next(maxRows: max(1, (4 << 20) / rows.bytesPerRow)) {
            for start in stride(from: 0, to: block.count, by: rows.bytesPerRow) {
                for offset in stride(from: start + 4, to: start + rows.bytesPerRow, by: width) {
                    elements.append(
                        width == 1
                            ? Int32(block[offset])
                            : block.loadUnaligned(fromByteOffset: offset, as: Int32.self))
                }
            }
        }
        self.init(rows: elements.count / rows.columns, columns: rows.columns, elements: elements)
    }

    private init(
        _ source: ByteSource, _ type: ElementType, _ shape: [Int], isBigEndian: Bool
    ) throws(KuklaError) {
        guard !type.isFloatingPoint else {
            throw KuklaError(
                .badData, "Cannot read whole numbers from \(source.name): its numbers are \(type.rawValue).")
        }
        let columns = shape.count == 2 ? shape[1] : 1
        guard (1...2).contains(shape.count), (1...maximumDimensions).contains(columns) else {
            throw KuklaError(
                .badData,
                "Cannot read rows of whole numbers from \(source.name): its shape is \(shape), not [rows, columns]."
            )
        }
        let rows = RowSource(source, count: shape[0], bytesPerRow: columns * type.byteCount)
        var elements: [Int32] = []
        var block: [Int64] = []
        let step = max(1, (1 << 20) / columns)
        while let (bytes, count) = try rows.nextBytes(maxRows: step) {
            block = [Int64](repeating: 0, count: count * columns)
            block.withUnsafeMutableBufferPointer { type.convert(bytes, isBigEndian: isBigEndian, to: $0) }
            for number in block {
                guard let narrow = Int32(exactly: number) else {
                    throw KuklaError(
                        .badData,
                        "Cannot read \(source.name): row \(elements.count / columns), column "
                            + "\(elements.count % columns) (both from 0) is \(number), which does not fit 32 bits."
                    )
                }
                elements.append(narrow)
            }
        }
        self.init(rows: shape[0], columns: columns, elements: elements)
    }
}
