public import Foundation
public import KuklaNumerics

/// One text of a collection.
public struct TextRecord: Sendable, Equatable {
    /// What the file calls it, where it says.
    public var id: String?
    public var text: String

    public init(id: String? = nil, text: String) {
        self.id = id
        self.text = text
    }
}

/// How texts lie in a file.
public enum TextFormat: String, Sendable, CaseIterable {
    /// Each line is a text, empty ones too.
    case lines
    /// Each line is a JSON object, or a JSON string.
    case jsonLines
    case tsv, csv
}

/// Where a `TextReader` finds its texts, as far as the file does not say.
public struct TextOptions: Sendable {
    /// `nil`: by extension (`.txt`, `.jsonl`, `.ndjson`, `.json`, `.tsv`, `.csv`, each also `.gz`), else JSON
    /// lines where the first byte is `{`, else lines.
    public var format: TextFormat?
    /// The JSON key or column (name, or number from 1) that holds the text. `nil`: JSON "text", after "title" and
    /// a space where that is there too (as BEIR does); the column named "text" or the like, or the last one.
    public var textColumn: String?
    /// The JSON key or column that holds the id. `nil`: "_id" or "id"; in a table of two columns without a header
    /// the first.
    public var idColumn: String?
    /// Whether the first record of a table names the columns. `nil`: it does where it has a name that we know.
    public var hasHeader: Bool?

    public init(
        format: TextFormat? = nil, textColumn: String? = nil, idColumn: String? = nil, hasHeader: Bool? = nil
    ) {
        self.format = format
        self.textColumn = textColumn
        self.idColumn = idColumn
        self.hasHeader = hasHeader
    }
}

/// Reads texts from front to back: plain lines, JSON lines, TSV or CSV; plain or gzip; a file or standard input.
public final class TextReader {
    /// What error messages call the file.
    public let name: String
    /// How the texts lie in it.
    public let format: TextFormat
    private let reader: any TextRecordSource

    /// Opens the file at `url`.
    ///
    /// - Throws: `KuklaError` where it is not there, or its columns are not those of `options`.
    public convenience init(_ url: URL, options: TextOptions = TextOptions()) throws(KuklaError) {
        try self.init(ByteSource(url), fileName: url.lastPathComponent, options: options)
    }

    /// Reads from `source`; `fileName` gives the extension, where there is one.
    public init(
        _ source: ByteSource, fileName: String = "", options: TextOptions = TextOptions()
    ) throws(KuklaError) {
        name = source.name
        if let format = options.format {
            self.format = format
        } else {
            format = try TextReader.format(of: source, fileName: fileName)
        }
        switch format {
        case .lines: reader = try LineTexts(LineReader(source))
        case .jsonLines: reader = try JSONTexts(LineReader(source), options)
        case .tsv: reader = try TableTexts(DelimitedReader(source, dialect: .tsv), options)
        case .csv: reader = try TableTexts(DelimitedReader(source, dialect: .csv), options)
        }
    }

    /// The next text; `nil` after the last.
    ///
    /// - Throws: `KuklaError` naming the line where it is broken.
    public func next() throws(KuklaError) -> TextRecord? { try reader.next() }

    /// All texts that are left.
    public func readAll() throws(KuklaError) -> [TextRecord] {
        var all: [TextRecord] = []
        while let record = try next() { all.append(record) }
        return all
    }

    private static func format(of source: ByteSource, fileName: String) throws(KuklaError) -> TextFormat {
        var name = fileName.lowercased()
        if name.hasSuffix(".gz") { name.removeLast(3) }
        switch (name as NSString).pathExtension {
        case "txt", "text": return .lines
        case "jsonl", "ndjson", "json": return .jsonLines
        case "tsv", "tab": return .tsv
        case "csv": return .csv
        default: return try source.peek(1).first == UInt8(ascii: "{") ? .jsonLines : .lines
        }
    }
}

/// What `TextReader` reads from; one for each way that texts lie in a file.
protocol TextRecordSource: AnyObject {
    func next() throws(KuklaError) -> TextRecord?
}

/// Texts that are lines.
private final class LineTexts: TextRecordSource {
    private let lines: LineReader

    init(_ lines: LineReader) { self.lines = lines }

    func next() throws(KuklaError) -> TextRecord? { try lines.nextString().map { TextRecord(text: $0) } }
}
