public import Foundation
public import KuklaNumerics

/// Texts that belong together, a row of a file each: a text and its like, and maybe texts that are unlike it.
public struct TextTuples: Sendable, Equatable {
    /// Every row has as many texts: the first, its like, then unlike ones.
    public var rows: [[String]]
    /// The task of each row, where JSON objects name one; empty where none does.
    public var tasks: [Task?] = []
    /// Texts of a row.
    public var width: Int { rows.first?.count ?? 0 }

    /// What a model that follows instructions is asked to do with a row.
    public struct Task: Sendable, Hashable {
        /// In words.
        public var words: String
        /// Whether the instruction stands before all texts of the row, not the first alone.
        public var isSymmetric: Bool

        public init(_ words: String, isSymmetric: Bool = false) {
            self.words = words
            self.isSymmetric = isSymmetric
        }
    }

    public init(rows: [[String]], tasks: [Task?] = []) {
        self.rows = rows
        self.tasks = tasks
    }

    /// Column names that say that a first line is a header.
    static let names: Set<String> = [
        "anchor", "positive", "negative", "query", "question", "answer", "passage", "sentence1", "sentence2",
        "sentence3",
        "text1", "text2", "text3", "sentence_a", "sentence_b", "first", "second", "premise", "hypothesis",
    ]

    /// Reads rows of two texts or more: TSV, CSV (with or without a header of known names), or JSON lines, each an array of
    /// texts or an object with `anchor` and `positive` (and `negative`, or an array `negatives`), `query` and `passage`, `sentence1`
    /// and `sentence2`, or `text1` and `text2`; `task` and `symmetric` make a `Task`. Plain or gzip. The name tells the form; without an extension the first byte and line do.
    ///
    /// - Throws: `KuklaError` naming file and line: fewer than two columns, another number of them than in the first row, an
    ///   empty text; a file without rows.
    public static func readAll(_ url: URL) throws(KuklaError) -> TextTuples {
        let source = try ByteSource(url)
        let start = try source.peek(1 << 16)
        var rows: [[String]] = []
        var tasks: [Task?] = []
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
            while let tuple = try lines.nextJSON({ (scanner) throws(JSONFault) in try scanner.tuple() }) {
                tasks.append(tuple.task)
                try add(tuple.texts, lines.failure)
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
        return TextTuples(rows: rows, tasks: tasks.contains { $0 != nil } ? tasks : [])
    }

    /// Writes JSON lines that `readAll` reads: `anchor`, `positive` and `negatives`, and the task where there is one.
    ///
    /// - Throws: `KuklaError`: `usage` for a name that does not end in .jsonl; `inputOutput`.
    public func write(to url: URL) throws(KuklaError) {
        try TextTuples.checkOutput(url)
        let file = try AtomicFile(url)
        for (index, row) in rows.enumerated() {
            var line = "{"
            if !tasks.isEmpty, let task = tasks[index] {
                line += "\"task\": \(jsonQuoted(task.words)), "
                if task.isSymmetric { line += "\"symmetric\": true, " }
            }
            line += "\"anchor\": \(jsonQuoted(row[0])), \"positive\": \(jsonQuoted(row[1]))"
            if row.count > 2 {
                line += ", \"negatives\": [\(row.dropFirst(2).map(jsonQuoted).joined(separator: ", "))]"
            }
            try file.write(line + "}\n")
        }
        try file.commit()
    }

    /// Throws unless `write(to:)` can write a file of that name.
    public static func checkOutput(_ url: URL) throws(KuklaError) {
        guard url.pathExtension.lowercased() == "jsonl" else {
            throw KuklaError(
                .usage,
                "Cannot write rows of texts to \(url.lastPathComponent): expected a name that ends in .jsonl."
            )
        }
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
    /// The texts of an array, or of an object's known keys in the order anchor, positive, negatives; and the object's task.
    fileprivate mutating func tuple() throws(JSONFault) -> (texts: [String], task: TextTuples.Task?) {
        if peek() == UInt8(ascii: "[") {
            var texts: [String] = []
            try array { (scanner) throws(JSONFault) in texts.append(try scanner.string()) }
            return (texts, nil)
        }
        var found: [String: String] = [:]
        var negatives: [String] = []
        var (words, isSymmetric): (String?, Bool) = (nil, false)
        try object { (key, scanner) throws(JSONFault) in
            if TextTuples.names.contains(key) {
                found[key] = try scanner.string()
            } else if key == "negatives" {
                try scanner.array { (scanner) throws(JSONFault) in negatives.append(try scanner.string()) }
            } else if key == "task" {
                words = try scanner.stringOrNull()
            } else if key == "symmetric" {
                isSymmetric = scanner.peek() == UInt8(ascii: "t")
                try scanner.skip()
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
            return (
                keys.compactMap { found[$0] } + negatives,
                words.map { TextTuples.Task($0, isSymmetric: isSymmetric) }
            )
        }
        throw fault(
            "expected \"anchor\" and \"positive\" (or sentence1 and sentence2, query and passage) in the object"
        )
    }
}
