public import Foundation
public import KuklaNumerics

/// Opens vectors of any format that we read, plain or gzip.
public enum VectorFile {
    /// The formats that hold vectors.
    public enum Format: String, Sendable, CaseIterable {
        case npy, fvecs, bvecs, ivecs, idx
        case jsonLines = "JSON lines"
    }

    /// A reader for the file at `url`: npy and idx by their first bytes, the others by extension (`.fvecs`,
    /// `.bvecs`, `.ivecs`, `.jsonl`, `.ndjson`, `.json`, each also with `.gz`).
    ///
    /// - Parameter checksFinite: whether NaN and infinite components are an error.
    /// - Throws: `KuklaError` where the file is not there, of no known format, or not what its format says.
    public static func open(_ url: URL, checksFinite: Bool = true) throws(KuklaError) -> any VectorReader {
        try open(ByteSource(url), fileName: url.lastPathComponent, checksFinite: checksFinite)
    }

    /// As `open(_:checksFinite:)`, for standard input too: `fileName` gives the extension, where there is one.
    public static func open(
        _ source: ByteSource, fileName: String = "", checksFinite: Bool = true
    ) throws(KuklaError) -> any VectorReader {
        let reader: any VectorReader
        switch try format(of: source, fileName: fileName) {
        case .npy: reader = try NPYReader(source)
        case .idx: reader = try IDXReader(source)
        case .fvecs: reader = try TexmexReader(source, format: .fvecs)
        case .bvecs: reader = try TexmexReader(source, format: .bvecs)
        case .ivecs: reader = try TexmexReader(source, format: .ivecs)
        case .jsonLines: reader = try JSONLinesVectorReader(source)
        case nil:
            let isEmpty = try source.peek(1).isEmpty
            throw KuklaError(
                .badData,
                "Cannot read vectors from \(source.name): "
                    + (isEmpty
                        ? "it is empty."
                        : "it is not npy, idx, fvecs, bvecs, ivecs or JSON lines (by content and extension).")
            )
        }
        return checksFinite ? FiniteVectorReader(reader) : reader
    }

    /// All vectors of the file at `url` in one matrix; a plain little-endian f4 npy is mapped, not copied.
    public static func readAll(_ url: URL, checksFinite: Bool = true) throws(KuklaError) -> Matrix {
        if let mapped = try mapped(url) {
            if checksFinite { try mapped.checkFinite(name: url.path) }
            return mapped
        }
        let reader = try open(url, checksFinite: checksFinite)
        guard let count = reader.count else { return try reader.readAll() }
        return try Matrix(rows: count, columns: reader.dimensions) { (all) throws(KuklaError) in
            var done = 0
            while let block = try reader.next(maxRows: 8192) {
                block.withUnsafeBufferPointer {
                    _ = UnsafeMutableBufferPointer(rebasing: all[done...]).update(fromContentsOf: $0)
                    done += $0.count
                }
            }
            contract(done == all.count, "VectorFile: \(done) components read of \(all.count)")
        }
    }

    /// The matrix in a plain little-endian f4 npy file, in place; `nil` for any other file.
    private static func mapped(_ url: URL) throws(KuklaError) -> Matrix? {
        let source = try ByteSource(url)
        guard let size = source.size, try source.peek(6).elementsEqual(NPYHeader.magic) else { return nil }
        let header = try NPYHeader(reading: source)
        guard header.elementType == .float32, !header.isBigEndian, header.dataOffset.isMultiple(of: 4) else {
            return nil
        }
        try header.checkRows(name: source.name, size: size)
        let file = try MappedFile(url)
        guard file.bytes.count == size else {
            throw KuklaError(.badData, "Cannot read \(url.path): it changed while it was read.")
        }
        let floats = UnsafeRawBufferPointer(rebasing: file.bytes[header.dataOffset...])
            .assumingMemoryBound(to: Float.self)
        return Matrix(rows: header.shape[0], columns: header.shape[1], borrowing: floats, from: file)
    }

    /// The format of what `source` gives, or `nil`.
    static func format(of source: ByteSource, fileName: String) throws(KuklaError) -> Format? {
        let start = try source.peek(8)
        if start.prefix(6).elementsEqual(NPYHeader.magic) { return .npy }
        var name = fileName.lowercased()
        if name.hasSuffix(".gz") { name.removeLast(3) }
        switch (name as NSString).pathExtension {
        case "npy": return .npy
        case "fvecs": return .fvecs
        case "bvecs": return .bvecs
        case "ivecs": return .ivecs
        case "idx": return .idx
        case "jsonl", "ndjson", "json": return .jsonLines
        default: break
        }
        if IDXHeader.matches(start) { return .idx }
        let first = start.first { $0 > 0x20 }
        return first == UInt8(ascii: "{") || first == UInt8(ascii: "[") ? .jsonLines : nil
    }
}
