public import Foundation
public import KuklaNumerics

/// Texts that belong together, a row of a file each: a text and its like, and maybe texts that are unlike it.
public struct TextTuples: Sendable, Equatable {
    /// Every row has as many texts: the first, its like, then unlike ones.
    public var rows: [[String]]
    /// Texts of a row.
    public var width: Int { rows.first?.count ?? 0 }

    public init(rows: [[String]]) { self.rows = rows }

    /// Column names that say that a first line is a header.
    static let names: Set<String> = [
        "anchor", "positive", "negative", "query", "question", "answer", "passage", "sentence1", "sentence2",
        "sentence3",
        "text1", "text2", "text3", "sentence_a", "sentence_b", "first", "second", "premise", "hypothesis",
    ]

    /// Reads rows of two texts or more: TSV, CSV (with or without a header of known names), or JSON lines, each an array of
    /// texts or an object with `anchor` and `positive` (and `negative`), `query` and `passage`, `sentence1` and `sentence2`,
    /// or `text1` and `text2`. Plain or gzip. The name tells the form; without an extension the first byte and line do.
    ///
    /// - Throws: `KuklaError` naming file and line: fewer than two columns, another number of them than in the first row, an
    ///   empty text; a file without rows.
    public static func readAll(_ url: URL) throws(KuklaError) -> TextTuples {
        let source = try ByteSource(url)
        let start = try source.peek(1 << 16)
        var rows: [[String]] = []
        func add(_ texts: [String], _ failure: (String) -> KuklaError) throws(KuklaError) {
            guard texts.count >= 2 else {
                throw failure(
                    "it has one column; expected two texts that belong together, separated by a tab (.tsv) or a comma (.csv)"
                )
            }
            if let first = rows.first, first.count != texts.count {
                throw failure("it has \(texts.count) columns, and the rows before \(first.count)")
            }
            if let empty = texts.firstIndex(where: { $0.allSatisfy(\.isWhitespace) }) {
                throw failure("the text of column \(empty + 1) is empty")
            }
            rows.append(texts)
        }
        if TextTuples.isJSON(url, start) {
            let lines = try LineReader(source)
            while let line = try lines.next() {
                var scanner = JSONScanner(line)
                guard scanner.peek() != nil else { continue }
                let texts: [String]
                do throws(JSONFault) {
                    texts = try scanner.tuple()
                    try scanner.finish()
                } catch {
                    throw lines.failure("\(error.what) (byte \(error.offset) of the line)")
                }
                try add(texts, lines.failure)
            }
        } else {
            let isTSV = start.prefix { $0 != 0x0A }.contains(0x09)
            let table = try DelimitedReader(source, dialect: isTSV ? .tsv : .csv)
            var isFirst = true
            while try table.next() {
                let fields = try table.fields()
                defer { isFirst = false }
                if isFirst, fields.allSatisfy({ names.contains($0.lowercased()) }) { continue }
                try add(fields, table.failure)
            }
        }
        guard !rows.isEmpty else {
            throw KuklaError(.badData, "Cannot use \(url.path): it has no pairs of texts.")
        }
        return TextTuples(rows: rows)
    }

    /// Whether a file holds JSON lines, by its name or, where that does not say, by its first byte.
    static func isJSON(_ url: URL, _ start: some Collection<UInt8>) -> Bool {
        var name = url.lastPathComponent.lowercased()
        if name.hasSuffix(".gz") { name.removeLast(3) }
        switch (name as NSString).pathExtension {
        case "jsonl", "ndjson", "json": return true
        case "tsv", "csv", "tab", "txt": return false
        default: return start.first == UInt8(ascii: "{") || start.first == UInt8(ascii: "[")
        }
    }
}

extension JSONScanner {
    /// The texts of an array, or of an object's known keys in the order anchor, positive, negatives.
    fileprivate mutating func tuple() throws(JSONFault) -> [String] {
        if peek() == UInt8(ascii: "[") {
            var texts: [String] = []
            try array { (scanner) throws(JSONFault) in texts.append(try scanner.string()) }
            return texts
        }
        var found: [String: String] = [:]
        try object { (key, scanner) throws(JSONFault) in
            if TextTuples.names.contains(key) {
                found[key] = try scanner.string()
            } else {
                try scanner.skip()
            }
        }
        for keys in [
            ["anchor", "positive", "negative"], ["query", "positive", "negative"],
            ["query", "passage", "negative"],
            ["question", "answer"], ["sentence1", "sentence2", "sentence3"], ["text1", "text2", "text3"],
            ["sentence_a", "sentence_b"], ["first", "second"], ["premise", "hypothesis"],
        ] where found[keys[0]] != nil && found[keys[1]] != nil {
            return keys.compactMap { found[$0] }
        }
        throw fault(
            "expected \"anchor\" and \"positive\" (or sentence1 and sentence2, query and passage) in the object"
        )
    }
}
