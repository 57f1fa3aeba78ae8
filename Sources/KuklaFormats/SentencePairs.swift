public import Foundation
public import KuklaNumerics

/// Two sentences and how alike people find them.
public struct SentencePair: Sendable, Equatable {
    public var first: String
    public var second: String
    /// Larger is more alike; 0 to 5 in STS-B.
    public var score: Double

    public init(first: String, second: String, score: Double) {
        self.first = first
        self.second = second
        self.score = score
    }

    /// Reads an STS file: the STS benchmark's (TAB separated without quotes: genre, file, year, id, score, sentence1,
    /// sentence2, maybe more), or a TSV or CSV with a header that names sentence1, sentence2 and score, or one of
    /// just these three columns without a header; or JSON lines with these three keys. Plain or gzip.
    ///
    /// - Parameter range: the scores that are allowed.
    /// - Throws: `KuklaError` naming the line where a column is missing or the score is no number or outside `range`.
    public static func readAll(
        _ url: URL, scores range: ClosedRange<Double>? = nil
    ) throws(KuklaError) -> [SentencePair] {
        func check(_ score: Double, _ failure: (String) -> KuklaError) throws(KuklaError) {
            guard let range, !range.contains(score) else { return }
            throw failure(
                "the score \(score) is out of range, expected \(range.lowerBound) to \(range.upperBound)")
        }
        let source = try ByteSource(url)
        let start = try source.peek(1 << 16)
        if TextTuples.isJSON(url, start) {
            let lines = try LineReader(source)
            let pairs = try readAll(lines)
            for (pair, line) in pairs {
                try check(pair.score) {
                    KuklaError(.badData, "Cannot read \(lines.name), line \(line): \($0).")
                }
            }
            return try checked(pairs.map(\.pair), url)
        }
        let table = try DelimitedReader(source, dialect: dialect(start))
        var pairs: [SentencePair] = []
        var columns: (first: Int, second: Int, score: Int)?
        while try table.next() {
            if columns == nil {
                let names = try table.fields().map { $0.lowercased() }
                if let first = names.firstIndex(of: "sentence1"),
                    let second = names.firstIndex(of: "sentence2"),
                    let score = names.firstIndex(of: "score")
                {
                    columns = (first, second, score)
                    continue
                }
                guard names.count == 3 || names.count >= 7 else {
                    throw table.failure(
                        "it has \(names.count) columns; expected sentence1, sentence2, score or the STS benchmark's seven"
                    )
                }
                columns = names.count == 3 ? (0, 1, 2) : (5, 6, 4)
            }
            guard let columns, table.fieldCount > max(columns.first, columns.second, columns.score) else {
                throw table.failure("it has \(table.fieldCount) columns, too few")
            }
            let text = try table.field(columns.score)
            guard let score = Double(text), score.isFinite else {
                throw table.failure("the score \"\(text)\" is not a number")
            }
            try check(score, table.failure)
            pairs.append(
                SentencePair(
                    first: try table.field(columns.first), second: try table.field(columns.second),
                    score: score))
        }
        return try checked(pairs, url)
    }

    /// Whether a file's first record has a score, so that the file is meant for `readAll`, be it right or not: a header or a first
    /// object with `score`, a number in the third of three columns, or the STS benchmark's seven columns.
    ///
    /// - Throws: `KuklaError` where the file cannot be read.
    public static func hasScores(_ url: URL) throws(KuklaError) -> Bool {
        let source = try ByteSource(url)
        let start = try source.peek(1 << 16)
        if TextTuples.isJSON(url, start) {
            let lines = try LineReader(source)
            while let line = try lines.next() {
                var scanner = JSONScanner(line)
                guard let first = scanner.peek() else { continue }
                guard first == UInt8(ascii: "{") else { return false }
                var found = false
                do throws(JSONFault) {
                    try scanner.object { (key, scanner) throws(JSONFault) in
                        found = found || key == "score"
                        try scanner.skip()
                    }
                } catch {
                    throw lines.failure("\(error.what) (byte \(error.offset) of the line)")
                }
                return found
            }
            return false
        }
        let table = try DelimitedReader(source, dialect: dialect(start))
        guard try table.next() else { return false }
        let fields = try table.fields()
        return fields.contains { $0.lowercased() == "score" }
            || fields.count == 3 && Double(fields[2]) != nil
            || fields.count >= 7 && Double(fields[4]) != nil
    }

    /// The first line tells: whoever separates with commas has no tab before the first line's end.
    private static func dialect(_ start: some Collection<UInt8>) -> DelimitedReader.Dialect {
        start.prefix { $0 != 0x0A }.contains(0x09) ? .tsv : .csv
    }

    private static func checked(_ pairs: [SentencePair], _ url: URL) throws(KuklaError) -> [SentencePair] {
        guard !pairs.isEmpty else {
            throw KuklaError(.badData, "Cannot use \(url.path): it has no sentence pairs.")
        }
        return pairs
    }

    /// The objects of JSON lines, each with its line's number.
    private static func readAll(
        _ lines: LineReader
    ) throws(KuklaError) -> [(pair: SentencePair, line: Int)] {
        var pairs: [(pair: SentencePair, line: Int)] = []
        while let pair = try lines.nextJSON({ (scanner) throws(JSONFault) in
            var (first, second): (String?, String?)
            var score: Double?
            try scanner.object { (key, scanner) throws(JSONFault) in
                switch key {
                case "sentence1": first = try scanner.string()
                case "sentence2": second = try scanner.string()
                case "score": score = try scanner.number()
                default: try scanner.skip()
                }
            }
            guard let first, let second, let score else {
                throw scanner.fault("expected \"sentence1\", \"sentence2\" and \"score\" in the object")
            }
            return SentencePair(first: first, second: second, score: score)
        }) { pairs.append((pair, lines.lineNumber)) }
        return pairs
    }
}
