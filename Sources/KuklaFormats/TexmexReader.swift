public import Foundation
public import KuklaNumerics

/// The three formats of the TEXMEX corpus: each row is an int32 count and then that many numbers.
///
/// Source: http://corpus-texmex.irisa.fr, "fvecs", "ivecs" and "bvecs". All little-endian.
public enum TexmexFormat: String, Sendable, CaseIterable {
    case fvecs, ivecs, bvecs

    /// The type of the numbers in a row.
    public var elementType: ElementType {
        switch self {
        case .fvecs: .float32
        case .ivecs: .int32
        case .bvecs: .uint8
        }
    }
}

/// Reads rows of an fvecs, bvecs or ivecs file as float32 vectors.
public final class TexmexReader: VectorReader {
    public var name: String { rows.name }
    public var dimensions: Int { rows.columns }
    public let count: Int?
    private let rows: TexmexRows

    /// Reads the length of the first row at the front of `source`.
    ///
    /// - Throws: `KuklaError` for an empty file or an absurd length.
    public init(_ source: ByteSource, format: TexmexFormat) throws(KuklaError) {
        rows = try TexmexRows(source, format: format)
        // A size that is no multiple of the first row's is a row of another length: reading comes to it.
        count = source.size.flatMap { [rows] in
            $0.isMultiple(of: rows.bytesPerRow) ? $0 / rows.bytesPerRow : nil
        }
    }

    public func next(maxRows: Int) throws(KuklaError) -> Matrix? {
        let maxRows = blockRows(maxRows, bytesPerRow: rows.bytesPerRow)
        guard let block = try rows.next(maxRows: maxRows) else { return nil }
        let type = rows.format.elementType
        let columns = rows.columns
        let width = rows.bytesPerRow
        return Matrix(rows: block.count / width, columns: columns) { out in
            for row in 0..<block.count / width {
                type.convert(
                    UnsafeRawBufferPointer(rebasing: block[(row * width + 4)..<((row + 1) * width)]),
                    to: UnsafeMutableBufferPointer(rebasing: out[(row * columns)..<((row + 1) * columns)]))
            }
        }
    }
}

/// Gives whole rows, length fields included, after checking that all lengths are the same.
final class TexmexRows {
    var name: String { source.name }
    let format: TexmexFormat
    let columns: Int
    let bytesPerRow: Int
    private let source: ByteSource
    private var done = 0
    private var scratch: UnsafeMutableRawBufferPointer = .allocate(byteCount: 0, alignment: 64)

    init(_ source: ByteSource, format: TexmexFormat) throws(KuklaError) {
        self.source = source
        self.format = format
        let start = try source.peek(4)
        guard start.count == 4 else {
            throw KuklaError(
                .badData,
                "Cannot read \(source.name) as \(format.rawValue): it is \(start.isEmpty ? "empty" : "cut").")
        }
        columns = Int(start.loadUnaligned(as: Int32.self))
        guard (1...maximumDimensions).contains(columns) else {
            throw KuklaError(
                .badData,
                "Cannot read \(source.name) as \(format.rawValue): row 0 claims \(columns) components.")
        }
        bytesPerRow = 4 + columns * format.elementType.byteCount
    }

    deinit { scratch.deallocate() }

    /// The bytes of the next rows, valid until the next call; `nil` after the last row.
    func next(maxRows: Int) throws(KuklaError) -> UnsafeRawBufferPointer? {
        // Room for what is there: the size of a plain file bounds what a block can hold.
        var rows = maxRows
        if let size = source.size { rows = min(rows, (size - source.position) / bytesPerRow + 1) }
        if scratch.count < rows * bytesPerRow {
            scratch.deallocate()
            scratch = .allocate(byteCount: rows * bytesPerRow, alignment: 64)
        }
        let got = try source.read(
            into: UnsafeMutableRawBufferPointer(rebasing: scratch[..<(rows * bytesPerRow)]))
        let bytes = UnsafeRawBufferPointer(rebasing: scratch[..<got])
        var offset = 0
        while offset + 4 <= got {
            let claimed = bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self)
            guard claimed == columns else {
                throw KuklaError(
                    .badData,
                    "Cannot read \(name): row \(done + offset / bytesPerRow) (from 0) claims \(claimed) components "
                        + "where row 0 has \(columns); all rows must be of one length.")
            }
            offset += bytesPerRow
        }
        guard got.isMultiple(of: bytesPerRow) else {
            throw KuklaError(
                .badData,
                "Cannot read \(name): the data end within row \(done + got / bytesPerRow) (from 0); the file is cut."
            )
        }
        done += got / bytesPerRow
        return got == 0 ? nil : bytes
    }
}

/// Writes vectors as fvecs, row by row.
public final class FvecsWriter: VectorWriter {
    public let dimensions: Int
    public private(set) var count = 0
    private let file: AtomicFile

    /// Starts a file that will be `url`.
    ///
    /// - Throws: `KuklaError(.inputOutput)`.
    public init(_ url: URL, dimensions: Int) throws(KuklaError) {
        contract(dimensions > 0, "FvecsWriter: \(dimensions) dimensions")
        self.dimensions = dimensions
        file = try AtomicFile(url)
    }

    public func append(_ vectors: Matrix) throws(KuklaError) {
        contract(
            vectors.columns == dimensions,
            "FvecsWriter: \(vectors.columns) columns for \(dimensions) dimensions")
        for row in 0..<vectors.rows {
            try file.write(valueOf: Int32(dimensions))
            try vectors.withUnsafeRow(row) { (components) throws(KuklaError) in
                try file.write(UnsafeRawBufferPointer(components))
            }
        }
        count += vectors.rows
    }

    public func commit() throws(KuklaError) { try file.commit() }
}
