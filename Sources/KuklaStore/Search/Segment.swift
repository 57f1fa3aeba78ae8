import Foundation
import KuklaCodecs
import KuklaIndex
import KuklaNumerics

/// What the database says of the file that is its index.
struct SegmentRecord: Codable, Hashable, Sendable {
    /// The name of the file in `segments`.
    let file: String
    /// The index holds the items of all operations up to this.
    let through: Int64
    /// Rows in the file.
    let count: Int
    /// Vectors that its codecs were trained on.
    let trainedOn: Int
    /// Over the checksums of all sections: the file that was written, and no other.
    let checksum: UInt32
}

/// The index of a collection: an immutable file, made from the database and never trusted beyond its checksums.
///
/// Its items are named by the operations that wrote them, in rising order.
struct Segment: Sendable {
    static let folderName = "segments"
    /// Vectors as they are, all compared.
    static let exactConfiguration = IndexConfiguration(codec: .init(quantizer: .float32))

    let record: SegmentRecord
    let file: CollectionFile
    /// Whether all bytes of the file were read and are those that were written.
    var isChecked: Bool

    var index: any CodedIndex { file.index }
    /// Whether its codes are the vectors themselves, all of which a search compares.
    var isExact: Bool { index.configuration == Self.exactConfiguration }
    /// Whether the scores that it gives are those of the vectors in the database.
    var hasExactScores: Bool { isExact && isChecked }

    /// Opens the file that `record` names, and checks its structure, the numbers of its items, and that it is the file that was
    /// written. All other bytes are checked here where they are at most `limit`; else `check` is still to be called.
    ///
    /// - Throws: `KuklaError` that names the file, where it is not there, damaged or another one.
    init(
        _ record: SegmentRecord, in folder: URL, _ settings: CollectionSettings, checkingUpTo limit: Int
    ) throws(KuklaError) {
        self.record = record
        file = try Self.opened(folder.appending(path: record.file))
        isChecked = false
        guard Self.checksum(of: file) == record.checksum, file.rows.count == record.count,
            index.dimensions == settings.dimensions, index.metric == settings.metric
        else {
            throw KuklaError(
                .badData, "\(file.url.path) is whole, but not the index that the database knows.")
        }
        // Which item is which: what is wrong here would be wrong in every answer.
        for section in file.sections where section.name == Self.numbers {
            guard file.isIntact(section) else { throw damaged(section) }
        }
        if file.sections.reduce(0, { $0 + $1.length }) <= limit {
            try check { false }
            isChecked = true
        }
    }

    /// The section of the operations that wrote the items.
    private static let numbers = "ids-number"

    /// Reads all bytes and compares their checksums with those that were written. They are read by offset: looked at in the
    /// mapped file they would all count as memory of this process.
    ///
    /// - Throws: `KuklaError`: `badData` that names the first damaged section; `cancelled` where `isStopped`.
    func check(isStopped: () -> Bool) throws(KuklaError) {
        let open = try OpenFile(file.url)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { buffer.deallocate() }
        for section in file.sections {
            var (sum, done) = (Checksum(), 0)
            while done < section.length {
                guard !isStopped() else {
                    throw KuklaError(.cancelled, "\(file.url.path) was closed while it was checked.")
                }
                let part = UnsafeMutableRawBufferPointer(
                    rebasing: buffer[..<min(buffer.count, section.length - done)])
                try open.read(part, at: section.offset + done)
                sum.add(UnsafeRawBufferPointer(part))
                done += part.count
            }
            guard sum.value == section.checksum else { throw damaged(section) }
        }
    }

    private func damaged(_ section: CollectionSection) -> KuklaError {
        KuklaError(
            .badData,
            "The section '\(section.name)' of \(file.url.path) is damaged: its checksum is another than the file states."
        )
    }

    /// What was written under a name: the file, checked, and what the database is to say of it.
    init(written url: URL, through: Int64, trainedOn: Int) throws(KuklaError) {
        file = try Self.opened(url)
        try file.verify()
        isChecked = true
        record = SegmentRecord(
            file: url.lastPathComponent, through: through, count: file.rows.count, trainedOn: trainedOn,
            checksum: Self.checksum(of: file))
    }

    private static func opened(_ url: URL) throws(KuklaError) -> CollectionFile {
        do { return try CollectionFile(url) } catch let error as KuklaError { throw error } catch {
            throw KuklaError(.badData, "Cannot use \(url.path).", cause: error)
        }
    }

    private static func checksum(of file: CollectionFile) -> UInt32 {
        var sum = Checksum()
        for section in file.sections {
            let line = "\(section.name) \(section.length) \(section.checksum)\n"
            Array(line.utf8).withUnsafeBytes { sum.add($0) }
        }
        return sum.value
    }

    /// The operation that wrote the item in `row`.
    ///
    /// - Throws: `KuklaError.badData` where the file is damaged.
    func sequence(of row: Int) throws(KuklaError) -> Int64 {
        guard case .number(let number) = try file.id(of: row) else {
            throw KuklaError(
                .badData, "\(file.url.path) names its items by texts: it is no index of a store.")
        }
        return Int64(clamping: number)
    }

    /// The rows of these operations, which rise.
    func rows(of sequences: [Int64]) throws(KuklaError) -> RowSet {
        try sequences.rows(among: record.count) { row throws(KuklaError) in try sequence(of: row) }
    }

    /// The row of each of these operations that wrote an item of the index.
    func places(of sequences: [Int64]) throws(KuklaError) -> [Int64: Int] {
        var places: [Int64: Int] = [:]
        for wanted in sequences {
            var (low, high) = (0, record.count)
            while low < high {
                let middle = (low + high) / 2
                if try sequence(of: middle) < wanted { low = middle + 1 } else { high = middle }
            }
            if low < record.count, try sequence(of: low) == wanted { places[wanted] = low }
        }
        return places
    }
}
