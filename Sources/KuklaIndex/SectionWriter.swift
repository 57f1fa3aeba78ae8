import Foundation
import KuklaFormats
import KuklaNumerics

/// Writes the sections of a collection file one after another, and header and table at the end.
final class SectionWriter {
    private let file: AtomicFile
    private var sections: [CollectionSection] = []
    private var open: (name: String, offset: Int, checksum: Checksum)?

    init(_ url: URL) throws(KuklaError) {
        file = try AtomicFile(url)
        try pad(to: CollectionFormat.headerBytes)
    }

    func begin(_ name: String) throws(KuklaError) {
        contract(open == nil, "section '\(name)' begins inside another")
        try pad(
            to: (file.position + CollectionFormat.alignment - 1) / CollectionFormat.alignment
                * CollectionFormat.alignment)
        open = (name, file.position, Checksum())
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws(KuklaError) {
        open?.checksum.add(bytes)
        try file.write(bytes)
    }

    func end() {
        guard let (name, offset, checksum) = open else { return }
        sections.append(
            CollectionSection(
                name: name, offset: offset, length: file.position - offset, checksum: checksum.value))
        open = nil
    }

    func write(_ name: String, _ bytes: UnsafeRawBufferPointer) throws(KuklaError) {
        try begin(name)
        try append(bytes)
        end()
    }

    func write(_ name: String, _ bytes: [UInt8]) throws(KuklaError) {
        try begin(name)
        try bytes.withUnsafeBufferPointer { bytes throws(KuklaError) in
            try append(UnsafeRawBufferPointer(bytes))
        }
        end()
    }

    func write(_ name: String, _ spool: SpoolFile) throws(KuklaError) {
        try begin(name)
        try spool.read { bytes throws(KuklaError) in try append(bytes) }
        end()
    }

    /// Writes table and header and gives the file its name.
    func commit() throws(KuklaError) {
        contract(open == nil, "commit inside a section")
        try pad(
            to: (file.position + CollectionFormat.alignment - 1) / CollectionFormat.alignment
                * CollectionFormat.alignment)
        let tableOffset = file.position
        let table = sections.flatMap(\.tableEntry)
        try table.withUnsafeBufferPointer { bytes throws(KuklaError) in
            try file.write(UnsafeRawBufferPointer(bytes))
        }
        let header = CollectionFormat.Header(
            fileBytes: file.position, tableOffset: tableOffset, sectionCount: sections.count,
            tableChecksum: table.withUnsafeBytes { Checksum(of: $0) }.value)
        try header.bytes.withUnsafeBufferPointer { bytes throws(KuklaError) in
            try file.overwrite(UnsafeRawBufferPointer(bytes), at: 0)
        }
        try file.commit()
    }

    private func pad(to offset: Int) throws(KuklaError) {
        let zeros = [UInt8](repeating: 0, count: offset - file.position)
        try zeros.withUnsafeBufferPointer { bytes throws(KuklaError) in
            try file.write(UnsafeRawBufferPointer(bytes))
        }
    }
}
