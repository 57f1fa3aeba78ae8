import Foundation
import KuklaFormats
import KuklaNumerics

/// Reads a table line by line, in place: CSV, text with any separator, libFM and libFFM; each also as gzip.
///
/// Memory is that of one line, whatever the size of the file.
final class TableRowReader {
    /// What error messages call the file.
    let name: String
    /// Names of the columns, in their order.
    private(set) var columns: [String] = []
    /// The line of the current row, from 1.
    private(set) var lineNumber = 0
    /// Unpacked bytes read so far, and of how many where that is known: for progress.
    var position: Int { source.position }
    var size: Int? { source.size }

    private enum Lines {
        case records(DelimitedReader)
        case lines(LineReader, separator: [UInt8])
        case pairs(LineReader)
    }
    private let source: ByteSource
    private let lines: Lines
    private let row = TableRow()
    /// The first row of a file without header was read to learn its columns, and not yet given out.
    private var hasFirst = false

    /// Opens a table.
    ///
    /// - Parameter columns: names of the columns where the file has no header line.
    /// - Throws: `KuklaError` (`missingFile`, `inputOutput`, `badData`; `usage` where neither the name nor the schema tells the
    ///   separator).
    init(_ url: URL, separator: DataSchema.Separator?, columns: [String]?) throws(KuklaError) {
        name = url.path
        source = try ByteSource(url)
        let kind: DataSchema.Separator
        if let separator { kind = separator } else { kind = try TableRowReader.separator(of: url) }
        switch kind {
        case .csv: lines = .records(try DelimitedReader(source, dialect: .csv))
        case .text(let text): lines = .lines(try LineReader(source), separator: Array(text.utf8))
        case .libFM: lines = .pairs(try LineReader(source))
        }
        if let columns {
            self.columns = columns
            return
        }
        guard try read() else {
            throw KuklaError(.badData, "Cannot read \(name): it is empty; expected a table with rows.")
        }
        if case .pairs = lines {
            self.columns = row.columns
            hasFirst = true
        } else {
            for i in 0..<row.count { self.columns.append(try text(row.bytes(i))) }
        }
    }

    private static func separator(of url: URL) throws(KuklaError) -> DataSchema.Separator {
        let url = url.pathExtension.lowercased() == "gz" ? url.deletingPathExtension() : url
        switch url.pathExtension.lowercased() {
        case "csv": return .csv
        case "tsv", "tab": return .text("\t")
        case "libfm", "libffm", "ffm", "fm", "svm", "libsvm": return .libFM
        case let other:
            throw KuklaError(
                .usage,
                "Cannot tell how the columns of \(url.path) are separated: \".\(other)\" is none of csv, tsv and libfm; say it in the schema, such as separator: tab."
            )
        }
    }

    /// Gives the next row to `body`; false at the end. The row is valid inside `body` only.
    func next(_ body: (TableRow) throws(KuklaError) -> Void) throws(KuklaError) -> Bool {
        if hasFirst {
            hasFirst = false
        } else {
            guard try read() else { return false }
        }
        try body(row)
        return true
    }

    /// An error about the current row.
    func failure(_ what: String) -> KuklaError {
        KuklaError(.badData, "Cannot read \(name), line \(lineNumber): \(what).")
    }

    /// The bytes as a string.
    func text(_ bytes: UnsafeRawBufferPointer) throws(KuklaError) -> String {
        guard let text = String(validating: bytes.bindMemory(to: UInt8.self), as: UTF8.self) else {
            throw failure("the line is not valid UTF-8; convert the file to UTF-8")
        }
        return text
    }

    private func read() throws(KuklaError) -> Bool {
        switch lines {
        case .records(let reader):
            guard try reader.next() else { return false }
            lineNumber = reader.lineNumber
            reader.withRecord { row.set($0, ends: $1) }
            return true
        case .lines(let reader, let separator):
            while let line = try reader.next() {
                if line.isEmpty { continue }
                lineNumber = reader.lineNumber
                row.split(line, separator)
                return true
            }
            return false
        case .pairs(let reader):
            while let line = try reader.next() {
                if line.isEmpty { continue }
                lineNumber = reader.lineNumber
                row.parsePairs(line)
                if !columns.isEmpty { row.arrange(as: columns) }
                return true
            }
            return false
        }
    }
}

/// One row of a table: bytes of its columns, without blanks around them. Its memory is used again for the next row.
final class TableRow {
    private var line = UnsafeRawBufferPointer(start: nil, count: 0)
    private var ranges: [Range<Int>] = []
    /// Of libFM: the numbers behind the colons, and the names of the columns as they stand in the row.
    private var numbers: [Range<Int>] = []
    private(set) var columns: [String] = []

    var count: Int { ranges.count }

    /// The text of a column.
    func bytes(_ column: Int) -> UnsafeRawBufferPointer { slice(ranges[column]) }

    /// The text of a column that is to be a number: the number behind the colon in libFM.
    func numberBytes(_ column: Int) -> UnsafeRawBufferPointer {
        slice(numbers.isEmpty ? ranges[column] : numbers[column])
    }

    private func slice(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: line[range])
    }

    fileprivate func set(_ line: UnsafeRawBufferPointer, ends: [Int]) {
        self.line = line
        ranges.removeAll(keepingCapacity: true)
        var start = 0
        for end in ends {
            ranges.append(trimmed(start..<end))
            start = end
        }
    }

    fileprivate func split(_ line: UnsafeRawBufferPointer, _ separator: [UInt8]) {
        self.line = line
        ranges.removeAll(keepingCapacity: true)
        var start = 0
        var i = 0
        while i + separator.count <= line.count {
            if line[i] == separator[0],
                separator.count == 1 || line[i..<i + separator.count].elementsEqual(separator)
            {
                ranges.append(trimmed(start..<i))
                i += separator.count
                start = i
            } else {
                i += 1
            }
        }
        ranges.append(trimmed(start..<line.count))
    }

    /// `label index:value ...` or `label field:index:value ...`.
    fileprivate func parsePairs(_ line: UnsafeRawBufferPointer) {
        self.line = line
        ranges.removeAll(keepingCapacity: true)
        numbers.removeAll(keepingCapacity: true)
        columns.removeAll(keepingCapacity: true)
        var i = 0
        while i < line.count {
            while i < line.count, isBlank(line[i]) { i += 1 }
            guard i < line.count else { break }
            let start = i
            var colons: [Int] = []
            while i < line.count, !isBlank(line[i]) {
                if line[i] == UInt8(ascii: ":") { colons.append(i) }
                i += 1
            }
            if ranges.isEmpty {
                columns.append("label")
                ranges.append(start..<i)
                numbers.append(start..<i)
            } else {
                let isFieldAware = colons.count > 1
                columns.append(
                    isFieldAware
                        ? String(decoding: line[start..<colons[0]], as: UTF8.self) : "\(ranges.count)")
                ranges.append((isFieldAware ? colons[0] + 1 : start)..<(colons.last ?? i))
                numbers.append((colons.last.map { $0 + 1 } ?? start)..<i)
            }
        }
    }

    /// Puts the pairs of a libFFM row in the order of `known`; a field that the row lacks is empty.
    fileprivate func arrange(as known: [String]) {
        guard columns != known else { return }
        // Pairs in the wrong number stay as they are: the row is too short or too long.
        guard columns.count <= known.count, Set(columns).count == columns.count,
            columns.allSatisfy(known.contains)
        else { return }
        guard !columns.dropFirst().enumerated().allSatisfy({ $1 == "\($0 + 1)" }) else { return }
        let (pairs, values) = (ranges, numbers)
        ranges = known.map { name in columns.firstIndex(of: name).map { pairs[$0] } ?? 0..<0 }
        numbers = known.map { name in columns.firstIndex(of: name).map { values[$0] } ?? 0..<0 }
    }

    private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private func trimmed(_ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, line[start] == 0x20 { start += 1 }
        while end > start, line[end - 1] == 0x20 { end -= 1 }
        return start..<end
    }
}
