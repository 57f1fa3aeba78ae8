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

    var index: any CodedIndex { file.index }
    /// Whether its scores are those of the vectors themselves.
    var isExact: Bool { index.configuration == Self.exactConfiguration }

    /// Opens and checks the file that `record` names.
    ///
    /// - Throws: `KuklaError` that names the file, where it is not there, damaged or another one.
    /// - Complexity: reads the whole file once.
    init(_ record: SegmentRecord, in folder: URL, _ settings: CollectionSettings) throws(KuklaError) {
        self.record = record
        file = try Self.verified(folder.appending(path: record.file))
        guard Self.checksum(of: file) == record.checksum, file.rows.count == record.count,
            index.dimensions == settings.dimensions, index.metric == settings.metric
        else {
            throw KuklaError(
                .badData, "\(file.url.path) is whole, but not the index that the database knows.")
        }
    }

    /// What was written under a name: the file, checked, and what the database is to say of it.
    init(written url: URL, through: Int64, trainedOn: Int) throws(KuklaError) {
        file = try Self.verified(url)
        record = SegmentRecord(
            file: url.lastPathComponent, through: through, count: file.rows.count, trainedOn: trainedOn,
            checksum: Self.checksum(of: file))
    }

    private static func verified(_ url: URL) throws(KuklaError) -> CollectionFile {
        do {
            let file = try CollectionFile(url)
            try file.verify()
            return file
        } catch let error as KuklaError { throw error } catch {
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
}
