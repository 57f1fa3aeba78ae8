public import Foundation
import KuklaCodecs
public import KuklaNumerics

/// A collection on disk, open for searching: an index, the names of its items, and their texts where it has them.
///
/// The file is mapped into memory and its codes are used in place: opening reads the header, the table and small
/// sections, and checks their checksums; the checksums of large sections are checked by `verify`. The finer codes of a
/// tiered index are not used in place but read by offset. Of a file that is replaced (by rename) the old one is still searched.
public final class CollectionFile: Sendable {
    public let url: URL
    public let details: CollectionDetails
    public let index: any CodedIndex
    /// The sections in the order of the table.
    public let sections: [CollectionSection]
    /// The JSON that says why this configuration was chosen, if the file holds it.
    public let plan: Data?
    private let file: MappedFile
    /// Rows that have names: those of removed vectors too.
    let rowCount: Int
    private let ids: IDs
    private let texts: StringTable?
    /// The rows that a search can find; `nil` where all can be.
    private let liveRows: RowSet?

    private enum IDs {
        case rowNumbers
        case numbers(UnsafeNumbers)
        case texts(StringTable)
    }

    /// Opens the collection file `url`.
    ///
    /// - Parameter ignoresGraph: opens the codes that a graph lies over as a flat index and does not look at the graph: a
    ///   way to the vectors of a file of which only that is damaged.
    /// - Throws: `KuklaError`: `missingFile`, `inputOutput`; `badData` where the file is damaged or no collection,
    ///   naming the section; `unsupported` where another version wrote it.
    public init(_ url: URL, ignoresGraph: Bool = false) throws {
        let open = try OpenFile(url)
        let file = try MappedFile(open)
        let reader = try SectionReader(file, of: open, ignoresGraph: ignoresGraph)
        self.url = url
        self.file = file
        sections = reader.sections
        let details = try reader.details()
        self.details = details
        var index = try reader.index(details)
        if let effort = details.effort, !ignoresGraph {
            guard let searched = try? index.searched(withEffort: effort) else {
                throw reader.damaged(
                    CollectionFormat.Name.details,
                    "'\(details.factory)' is not searched with an effort of \(effort)")
            }
            index = searched
        }
        self.index = index
        // Without the graph nobody says how many ids were given: those who have names have one each.
        func entries(_ name: String, _ ends: Int) -> Int? {
            reader.bytes(of: name).map { $0.count / 8 - ends }
        }
        let named =
            entries(CollectionFormat.Name.numbers, 0) ?? entries(CollectionFormat.Name.idOffsets, 1)
            ?? entries(CollectionFormat.Name.textOffsets, 1)
        rowCount = ignoresGraph ? max(named ?? 0, index.idBound) : index.idBound
        plan = reader.bytes(of: CollectionFormat.Name.plan).map { Data($0) }
        let count = rowCount
        if let bytes = reader.bytes(of: CollectionFormat.Name.numbers) {
            guard bytes.count == count * 8 else {
                throw reader.damaged(CollectionFormat.Name.numbers, "it does not hold \(count) numbers")
            }
            ids = .numbers(UnsafeNumbers(bytes: bytes))
        } else if let table = try reader.strings(
            CollectionFormat.Name.idTexts, CollectionFormat.Name.idOffsets, count: count)
        {
            ids = .texts(table)
        } else {
            ids = .rowNumbers
        }
        texts = try reader.strings(
            CollectionFormat.Name.texts, CollectionFormat.Name.textOffsets, count: count)
        if index.count < count, !ignoresGraph {
            var live = RowSet(capacity: count)
            for place in 0..<index.count { live.insert(index.id(at: place)) }
            liveRows = live
        } else {
            liveRows = nil
        }
    }

    /// Whether `bytes`, the beginning of a file, are those of a collection file.
    public static func isCollection(_ bytes: some Collection<UInt8>) -> Bool {
        bytes.prefix(CollectionFormat.magic.count).elementsEqual(CollectionFormat.magic)
    }

    /// Whether the items have texts.
    public var hasTexts: Bool { texts != nil }

    /// Whether the items have names; else the rows are named by their numbers.
    public var hasNames: Bool { if case .rowNumbers = ids { false } else { true } }

    /// Rows there were so far: all of them, removed ones too where a graph gave them ids.
    public var rows: Range<Int> { 0..<rowCount }

    /// Whether the item in `row` is there: in a graph it may have been removed.
    func holds(_ row: Int) -> Bool { liveRows?.contains(row) ?? true }

    /// The rows of the items of these names, as far as they are there.
    ///
    /// - Throws: `KuklaError.badData` where the table of names is damaged.
    /// - Complexity: reads all names.
    public func rows(of names: some Sequence<ItemID>) throws(KuklaError) -> RowSet {
        let wanted = Set(names)
        var found = RowSet(capacity: rowCount)
        for row in 0..<rowCount where holds(row) {
            if wanted.contains(try id(of: row)) { found.insert(row) }
        }
        return found
    }

    /// The name of the item in `row`.
    ///
    /// - Throws: `KuklaError.badData` where the table of names is damaged.
    /// - Precondition: `row` is in `0..<index.idBound`.
    public func id(of row: Int) throws(KuklaError) -> ItemID {
        contract(row >= 0 && row < rowCount, "row \(row) of \(rowCount)")
        switch ids {
        case .rowNumbers: return .number(UInt64(row))
        case .numbers(let numbers): return .number(numbers[row])
        case .texts(let table): return .text(try table.string(row, in: url))
        }
    }

    /// The text of the item in `row`, or `nil` where the collection has no texts.
    ///
    /// - Throws: `KuklaError.badData` where the table of texts is damaged.
    /// - Precondition: `row` is in `0..<index.idBound`.
    public func text(of row: Int) throws(KuklaError) -> String? {
        contract(row >= 0 && row < rowCount, "row \(row) of \(rowCount)")
        return try texts?.string(row, in: url)
    }

    /// The bytes of the section `name`, which live as long as this object; `nil` where there is none.
    func bytes(of name: String) -> UnsafeRawBufferPointer? {
        sections.first { $0.name == name }.map { bytes(of: $0) }
    }

    /// Whether the bytes of `section` have the checksum that the file states.
    public func isIntact(_ section: CollectionSection) -> Bool {
        Checksum(of: bytes(of: section)).value == section.checksum
    }

    private func bytes(of section: CollectionSection) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: file.bytes[section.offset..<section.offset + section.length])
    }

    /// Checks the checksums of all sections, and that every name and text can be read.
    ///
    /// - Throws: `KuklaError.badData` that names the first damaged section.
    /// - Complexity: reads the whole file once.
    public func verify(progress: any ProgressReporter = SilentProgress()) throws(KuklaError) {
        progress.begin("Verifying", total: sections.reduce(0) { $0 + $1.length }, unit: "bytes")
        defer { progress.end() }
        for section in sections {
            guard isIntact(section) else {
                throw SectionReader.damaged(
                    url, section.name, "its checksum is another than the file states")
            }
            progress.advance(by: section.length)
        }
        if let (section, what) = (index as? any SectionedIndex)?.problem() {
            throw SectionReader.damaged(url, section, what)
        }
        if case .rowNumbers = ids, texts == nil { return }
        for row in 0..<rowCount {
            _ = try id(of: row)
            _ = try text(of: row)
        }
    }
}

extension CollectionFile {
    /// One item that a search found.
    public struct Hit: Hashable, Sendable {
        public let id: ItemID
        public let text: String?
        public let match: Match
    }

    /// As the index's search, with the names and texts of what was found.
    ///
    /// - Parameter effort: in place of the file's own (`ApproximateIndex.effort`).
    public func search(
        _ queries: Matrix, count k: Int, effort: Int? = nil, allowing allowed: RowSet? = nil,
        threads: Int = defaultThreadCount
    ) throws(KuklaError) -> [[Hit]] {
        var searched = index
        if let effort { searched = try index.searched(withEffort: effort) }
        return try hits(searched.search(queries, count: k, allowing: allowed, threads: threads))
    }

    /// Names and texts of what a search of the index found.
    public func hits(_ found: [[Match]]) throws(KuklaError) -> [[Hit]] {
        var lists: [[Hit]] = []
        for matches in found {
            var hits: [Hit] = []
            for match in matches {
                hits.append(Hit(id: try id(of: match.id), text: try text(of: match.id), match: match))
            }
            lists.append(hits)
        }
        return lists
    }
}

/// Unsigned 64-bit numbers in mapped memory, which `CollectionFile` keeps alive.
private struct UnsafeNumbers: @unchecked Sendable {  // read-only memory
    let bytes: UnsafeRawBufferPointer

    subscript(index: Int) -> UInt64 { bytes.littleEndian(UInt64.self, at: index * 8) }
}

/// Texts in mapped memory and where each ends.
struct StringTable: @unchecked Sendable {  // read-only memory, which `CollectionFile` keeps alive
    let name: String
    let texts: UnsafeRawBufferPointer
    let offsets: UnsafeRawBufferPointer

    /// Text `index`; checked here and not at once for all, so that opening a large file costs nothing.
    func string(_ index: Int, in url: URL) throws(KuklaError) -> String {
        let start = offsets.littleEndian(UInt64.self, at: index * 8)
        let end = offsets.littleEndian(UInt64.self, at: index * 8 + 8)
        guard start <= end, end <= UInt64(texts.count) else {
            throw SectionReader.damaged(url, name, "entry \(index) lies outside")
        }
        guard let text = String(validating: texts[Int(start)..<Int(end)], as: UTF8.self) else {
            throw SectionReader.damaged(url, name, "entry \(index) is not UTF-8")
        }
        return text
    }
}
