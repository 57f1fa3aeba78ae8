public import Foundation
public import KuklaNumerics

/// The records of a text in SMART's format, in which the old test collections (Cranfield, CISI) are handed on.
///
/// A line `.I n` begins a record, and a line of a dot and a letter a field, whose lines follow: `.T` the title, `.W` the text;
/// others are left out. The file may be gzip.
public struct SMARTReader: Sendable {
    public struct Record: Sendable, Hashable {
        public let id: String
        /// Lines joined by blanks; empty where there is none.
        public fileprivate(set) var title = ""
        public fileprivate(set) var text = ""
    }

    public let records: [Record]

    /// - Throws: `KuklaError` (`missingFile`, `inputOutput`); `badData` naming the line where text stands before the first
    ///   record, or a record has no id.
    public init(_ url: URL) throws(KuklaError) {
        let reader = try LineReader(url)
        var records: [Record] = []
        var field: Character?
        while let line = try reader.nextString() {
            if line.hasPrefix(".I") {
                let id = line.dropFirst(2).trimmingPrefix(while: \.isWhitespace)
                guard !id.isEmpty else { throw reader.failure("the record has no id after '.I'") }
                records.append(Record(id: String(id)))
                field = nil
                continue
            }
            guard !records.isEmpty else { throw reader.failure("expected '.I' and an id, found '\(line)'") }
            if line.first == ".", line.count == 2, let name = line.last, name.isUppercase {
                field = name
                continue
            }
            func append(to text: inout String) {
                let words = line.split(whereSeparator: \.isWhitespace).joined(separator: " ")
                text += (text.isEmpty || words.isEmpty ? "" : " ") + words
            }
            switch field {
            case "T": append(to: &records[records.count - 1].title)
            case "W": append(to: &records[records.count - 1].text)
            default: break
            }
        }
        self.records = records
    }
}
