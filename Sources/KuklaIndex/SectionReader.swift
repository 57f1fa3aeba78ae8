import Foundation
import KuklaCodecs
import KuklaNumerics

/// Finds and checks the sections of a mapped collection file. Nothing that the file claims is believed before it was
/// compared with the file's real size.
struct SectionReader {
    private let file: MappedFile
    /// The same file, for reads by offset.
    private let open: OpenFile
    let sections: [CollectionSection]
    let ignoresGraph: Bool

    init(_ file: MappedFile, of open: OpenFile, ignoresGraph: Bool = false) throws(KuklaError) {
        self.file = file
        self.open = open
        self.ignoresGraph = ignoresGraph
        sections = try Self.table(file)
        for section in sections where section.length <= CollectionFormat.checkedAtOnce {
            if ignoresGraph, CollectionFormat.isGraph(section.name) { continue }
            let found = Checksum(of: Self.slice(file, section.offset, section.length)).value
            guard found == section.checksum else {
                throw Self.damaged(file.url, section.name, "its checksum is another than the file states")
            }
        }
    }

    /// The bytes of the section `name`, if there is one.
    func bytes(of name: String) -> UnsafeRawBufferPointer? {
        sections.first { $0.name == name }.map { Self.slice(file, $0.offset, $0.length) }
    }

    func required(_ name: String) throws(KuklaError) -> UnsafeRawBufferPointer {
        guard let bytes = bytes(of: name) else { throw damaged(name, "it is missing") }
        return bytes
    }

    func damaged(_ section: String, _ what: String) -> KuklaError { Self.damaged(file.url, section, what) }

    static func damaged(_ url: URL, _ section: String, _ what: String) -> KuklaError {
        let remedy =
            CollectionFormat.isGraph(section) && section != CollectionFormat.Name.graphIDs
            ? "The vectors are not part of it: `kukla index doctor --repair` builds the graph anew from them."
            : "Build the collection again or restore a copy."
        return KuklaError(
            .badData, "Cannot read \(url.path): section '\(section)' is damaged: \(what). \(remedy)")
    }

    // MARK: - Header and table

    private static func slice(_ file: MappedFile, _ offset: Int, _ length: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: file.bytes[offset..<offset + length])
    }

    private static func broken(_ file: MappedFile, _ what: String) -> KuklaError {
        KuklaError(
            .badData,
            "Cannot read \(file.url.path): \(what). Build the collection again or restore a copy.")
    }

    private static func table(_ file: MappedFile) throws(KuklaError) -> [CollectionSection] {
        let bytes = file.bytes
        guard CollectionFile.isCollection(bytes) else {
            throw KuklaError(
                .badData,
                "Cannot read \(file.url.path): it is not a collection file, which begins with 89 4B 55 4B 4C 41. Make one by 'kukla index'."
            )
        }
        guard bytes.count >= CollectionFormat.headerBytes else {
            throw broken(file, "it ends within the header, at byte \(bytes.count)")
        }
        let header = slice(file, 0, CollectionFormat.headerBytes)
        try checkVersion(header, of: file)
        guard
            header.littleEndian(UInt32.self, at: 60)
                == Checksum(of: UnsafeRawBufferPointer(rebasing: header[..<60])).value
        else { throw broken(file, "the checksum of its header is another than it states") }
        let stated = header.littleEndian(UInt64.self, at: 16)
        guard stated == UInt64(bytes.count) else {
            throw broken(file, "it has \(bytes.count) bytes and its header says \(stated)")
        }
        let count = Int(header.littleEndian(UInt32.self, at: 32))
        guard let offset = Int(exactly: header.littleEndian(UInt64.self, at: 24)),
            count <= CollectionFormat.maximumSections, offset % CollectionFormat.alignment == 0,
            offset >= CollectionFormat.headerBytes, offset <= bytes.count,
            bytes.count - offset == count * CollectionFormat.entryBytes
        else { throw broken(file, "its table of sections does not lie at the end of the file") }
        let table = slice(file, offset, count * CollectionFormat.entryBytes)
        guard header.littleEndian(UInt32.self, at: 36) == Checksum(of: table).value else {
            throw broken(file, "the checksum of its table of sections is another than the header states")
        }
        return try entries(table, end: offset, of: file)
    }

    private static func checkVersion(_ header: UnsafeRawBufferPointer, of file: MappedFile) throws(KuklaError)
    {
        let mark = header.littleEndian(UInt32.self, at: 12)
        guard mark != CollectionFormat.endiannessMark.byteSwapped else {
            throw KuklaError(
                .unsupported,
                "Cannot read \(file.url.path): it was written on a big-endian machine. Build the collection again on this one."
            )
        }
        let version = header.littleEndian(UInt32.self, at: 8)
        guard version != CollectionFormat.version else {
            guard mark == CollectionFormat.endiannessMark else {
                throw broken(file, "its endianness mark is damaged")
            }
            return
        }
        throw KuklaError(
            .unsupported,
            "Cannot read \(file.url.path): it has format version \(version), and this program reads version \(CollectionFormat.version). "
                + (version > CollectionFormat.version
                    ? "Use a newer kukla." : "Build the collection again by 'kukla index'."))
    }

    private static func entries(
        _ table: UnsafeRawBufferPointer, end: Int, of file: MappedFile
    ) throws(KuklaError) -> [CollectionSection] {
        var sections: [CollectionSection] = []
        for entry in 0..<table.count / CollectionFormat.entryBytes {
            let start = entry * CollectionFormat.entryBytes
            guard let name = table.name(at: start, count: CollectionFormat.nameBytes),
                !sections.contains(where: { $0.name == name })
            else { throw broken(file, "section \(entry) has no name of its own") }
            guard let offset = Int(exactly: table.littleEndian(UInt64.self, at: start + 24)),
                let length = Int(exactly: table.littleEndian(UInt64.self, at: start + 32)),
                offset % CollectionFormat.alignment == 0, offset >= CollectionFormat.headerBytes,
                offset <= end,
                length <= end - offset
            else { throw broken(file, "section '\(name)' lies outside the file") }
            sections.append(
                CollectionSection(
                    name: name, offset: offset, length: length,
                    checksum: table.littleEndian(UInt32.self, at: start + 40)))
        }
        var previous = CollectionFormat.headerBytes
        for section in sections.sorted(by: { ($0.offset, $0.length) < ($1.offset, $1.length) }) {
            guard section.offset >= previous else {
                throw broken(file, "section '\(section.name)' overlaps another")
            }
            previous = section.offset + section.length
        }
        return sections
    }
}

// MARK: - What the sections hold

extension SectionReader {
    func details() throws -> CollectionDetails {
        let name = CollectionFormat.Name.details
        let json = Data(try required(name))
        let details: CollectionDetails
        do { details = try JSONDecoder().decode(CollectionDetails.self, from: json) } catch {
            throw KuklaError(
                .badData, damaged(name, "it is not the JSON that this version expects").message, cause: error)
        }
        // Bounds that no real collection reaches; products of them cannot overflow.
        guard (1...1 << 20).contains(details.dimensions) else {
            throw damaged(name, "it claims \(details.dimensions) dimensions")
        }
        guard (0...1 << 40).contains(details.count) else {
            throw damaged(name, "it claims \(details.count) vectors")
        }
        return details
    }

    /// The index, with its codes and links in place.
    func index(_ details: CollectionDetails) throws -> any CodedIndex {
        let name = CollectionFormat.Name.parameters
        guard let parameters = ParameterSection.decode(try required(name), owner: file) else {
            throw damaged(name, "it is no list of matrices")
        }
        if let other = parameters.keys.first(where: { !$0.hasPrefix("codec.") && !$0.hasPrefix("refine.") }) {
            throw damaged(name, "'\(other)' belongs to no codec")
        }
        func restored(
            _ configuration: CodecConfiguration, prefix: String, metric: Metric
        ) throws(KuklaError) -> any VectorCodec {
            let own = parameters.filter { $0.key.hasPrefix(prefix) }
            do {
                return try configuration.restore(
                    metric: metric, dimensions: details.dimensions,
                    parameters: Dictionary(
                        uniqueKeysWithValues: own.map { (String($0.key.dropFirst(prefix.count)), $0.value) }))
            } catch  where error.code == .usage {
                // A request that makes no sense, had a person made it; in a file it is damage.
                throw KuklaError(.badData, damaged(name, "it fits no codec").message, cause: error)
            }
        }
        var codec = try restored(
            details.factory.codec, prefix: "codec.", metric: codecMetric(details))
        if case .graph = details.factory.structure { codec = try codec.pickable(for: "\(details.factory)") }
        let refinement = try details.factory.refinement.map {
            try FlatIndex.Refinement(
                checking: restored($0.codec, prefix: "refine.", metric: details.metric), $0)
        }
        let codecs = Codecs(codec: codec, refinement: refinement)
        switch details.factory.structure {
        case .flat: return try flat(details, codecs)
        case .graph(let graph):
            let flat = try flat(details, codecs)
            return ignoresGraph ? flat : try self.graph(graph, over: flat)
        case .lists(let lists): return try self.lists(lists, details: details, codecs: codecs)
        }
    }

    private func codecMetric(_ details: CollectionDetails) throws(KuklaError) -> Metric {
        do { return try details.factory.codecMetric(details.metric) } catch {
            throw KuklaError(
                .badData, damaged(CollectionFormat.Name.details, "no index is made so").message, cause: error)
        }
    }

    /// The codecs that a file's parameters describe.
    struct Codecs {
        let codec: any VectorCodec
        let refinement: FlatIndex.Refinement?
    }

    private func flat(_ details: CollectionDetails, _ codecs: Codecs) throws(KuklaError) -> FlatIndex {
        FlatIndex(
            codec: codecs.codec, refinement: codecs.refinement, count: details.count,
            codes: try codes(CollectionFormat.Name.codes, codecs.codec.layout, count: details.count),
            refineCodes: try fineCodes(codecs.refinement, count: details.count))
    }

    func fineCodes(_ refinement: FlatIndex.Refinement?, count: Int) throws(KuklaError) -> FineCodes {
        guard let refinement else { return FineCodes() }
        let name = CollectionFormat.Name.refineCodes
        let codes = try codes(name, refinement.codec.layout, count: count)
        guard refinement.isTiered, let section = sections.first(where: { $0.name == name }) else {
            return FineCodes(codes)
        }
        return FineCodes(codes, in: open, offset: section.offset)
    }

    func codes(_ name: String, _ layout: CodeLayout, count: Int) throws(KuklaError) -> CodeBuffer {
        let bytes = try required(name)
        let (needed, overflow) = layout.blockCount(of: count).multipliedReportingOverflow(
            by: layout.bytesPerBlock)
        guard !overflow, bytes.count == needed else {
            throw damaged(name, "it has \(bytes.count) bytes, which are not the codes of \(count) vectors")
        }
        return CodeBuffer(borrowing: bytes, from: file)
    }

    /// The bytes of the section `name`, of which there must be `count`.
    func buffer(_ name: String, count: Int) throws(KuklaError) -> CodeBuffer {
        let bytes = try required(name)
        guard bytes.count == count else {
            throw damaged(name, "it has \(bytes.count) bytes, expected \(count)")
        }
        return CodeBuffer(borrowing: bytes, from: file)
    }

    /// The table of texts `name`, if the file has it.
    func strings(_ name: String, _ offsetName: String, count: Int) throws(KuklaError) -> StringTable? {
        guard let texts = bytes(of: name) else { return nil }
        let offsets = try required(offsetName)
        guard offsets.count == (count + 1) * 8 else {
            throw damaged(offsetName, "it does not hold \(count + 1) numbers")
        }
        return StringTable(name: name, texts: texts, offsets: offsets)
    }
}
