public import Foundation
public import KuklaNumerics

/// What a file is: its format, and the shapes, types and sizes of what it holds.
public struct FileSummary: Sendable, Codable, Equatable {
    /// One array in a file.
    public struct Array: Sendable, Codable, Equatable {
        /// Its name, where the format has names.
        public var name: String?
        public var elementType: ElementType
        /// Rows first.
        public var shape: [Int]
        /// Bytes of the numbers, unpacked.
        public var sizeBytes: Int

        public init(name: String? = nil, elementType: ElementType, shape: [Int], sizeBytes: Int) {
            self.name = name
            self.elementType = elementType
            self.shape = shape
            self.sizeBytes = sizeBytes
        }
    }

    public var path: String
    /// "npy", "fvecs", "safetensors" and so on.
    public var format: String
    /// Whether it is packed with gzip.
    public var isCompressed: Bool
    /// Bytes on disk.
    public var sizeBytes: Int
    public var arrays: [Array]
    /// Further facts, by name: a format's own metadata, the count of texts.
    public var facts: [String: String]

    public init(
        path: String, format: String, isCompressed: Bool = false, sizeBytes: Int, arrays: [Array] = [],
        facts: [String: String] = [:]
    ) {
        self.path = path
        self.format = format
        self.isCompressed = isCompressed
        self.sizeBytes = sizeBytes
        self.arrays = arrays
        self.facts = facts
    }

    /// Looks into the file at `url`: headers only where the format has one, else all of it.
    ///
    /// - Throws: `KuklaError` where it is damaged or of no format that this module knows.
    public static func inspect(_ url: URL) throws(KuklaError) -> FileSummary {
        let source = try ByteSource(url)
        var summary = FileSummary(
            path: url.path, format: "", isCompressed: source.isCompressed, sizeBytes: source.sizeOnDisk ?? 0)
        let start = try source.peek(9)
        guard !start.isEmpty else {
            throw KuklaError(.badData, "Cannot tell what \(url.path) is: it is empty.")
        }
        let format = try VectorFile.format(of: source, fileName: url.lastPathComponent)
        if url.pathExtension.lowercased() == "safetensors"
            || (format == nil && source.size.map { SafetensorsHeader.matches(start, size: $0) } == true)
        {
            try summary.describe(SafetensorsFile(url))
            return summary
        }
        guard let format else {
            throw KuklaError(
                .unsupported,
                "Cannot tell what \(url.path) is: it is none of npy, fvecs, bvecs, ivecs, idx, safetensors, JSON lines."
            )
        }
        summary.format = format.rawValue
        switch format {
        case .npy:
            let header = try NPYHeader(reading: source)
            // Any order and rank may be looked at; only the extent has to be right.
            var plain = header
            plain.isFortranOrder = false
            try plain.checkExtent(name: source.name, size: source.size)
            summary.add(header.elementType, header.shape)
            if header.isFortranOrder { summary.facts["order"] = "Fortran" }
            if header.isBigEndian { summary.facts["byte order"] = "big-endian" }
        case .idx:
            let header = try IDXHeader(reading: source)
            summary.add(header.elementType, header.shape)
        case .fvecs, .bvecs, .ivecs:
            let texmex = TexmexFormat(rawValue: format.rawValue)!
            let reader = try TexmexReader(source, format: texmex)
            summary.add(texmex.elementType, [try reader.countRows(), reader.dimensions])
        case .jsonLines: try summary.describeLines(source)
        }
        return summary
    }

    private mutating func add(_ type: ElementType, _ shape: [Int], name: String? = nil) {
        // Sizes were checked against the file; of a gzip file they are a claim, so nothing may overflow.
        let bytes = shape.reduce(type.byteCount) { $0.multipliedReportingOverflow(by: $1).partialValue }
        arrays.append(Array(name: name, elementType: type, shape: shape, sizeBytes: bytes))
    }

    private mutating func describe(_ file: SafetensorsFile) {
        format = "safetensors"
        for tensor in file.tensors { add(tensor.elementType, tensor.shape, name: tensor.name) }
        facts = file.metadata
    }

    /// Counts the lines of JSON, as vectors where the first one has a vector.
    private mutating func describeLines(_ source: ByteSource) throws(KuklaError) {
        let lines = try LineReader(source)
        var count = 0
        var components: [Float] = []
        while let line = try lines.next() {
            var scanner = JSONScanner(line)
            guard scanner.peek() != nil else { continue }
            count += 1
            if count == 1 { components = JSONLinesVectorReader.vector(in: line, key: nil) ?? [] }
        }
        if components.isEmpty {
            facts["records"] = String(count)
        } else {
            add(.float32, [count, components.count])
        }
    }
}

extension VectorReader {
    /// How many rows are left, read to the end where the format does not say.
    func countRows() throws(KuklaError) -> Int {
        if let count { return count }
        var rows = 0
        while let block = try next(maxRows: 65_536) { rows += block.rows }
        return rows
    }
}
