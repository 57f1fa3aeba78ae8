public import Foundation
public import KuklaNumerics

/// A text with what people said it is about.
public struct LabelledText: Sendable, Equatable {
    public var text: String
    /// Labels by aspect (`topic`, `source`); those without aspect under "".
    public var labels: [String: [String]]

    public init(text: String, labels: [String: [String]]) {
        self.text = text
        self.labels = labels
    }

    /// Reads JSON lines, each an object with `text` (and maybe `title`, which goes first) and `labels`: an object of aspects with a
    /// label or an array of them each, an array of labels, or one label (also under `label`); or TSV and CSV of text and labels
    /// (between `|`), with or without a header `text`, `label`. Plain or gzip.
    ///
    /// - Throws: `KuklaError` naming file and line: no text, no labels, another number of columns; a file without texts.
    public static func readAll(_ url: URL) throws(KuklaError) -> [LabelledText] {
        let source = try ByteSource(url)
        let start = try source.peek(1 << 16)
        var all: [LabelledText] = []
        func add(_ found: LabelledText, _ failure: (String) -> KuklaError) throws(KuklaError) {
            guard !found.text.allSatisfy(\.isWhitespace) else { throw failure("the text is empty") }
            guard found.labels.values.contains(where: { !$0.isEmpty }) else {
                throw failure("it has no label: expected \"labels\" beside the text")
            }
            all.append(found)
        }
        if TextTuples.isJSON(url, start) {
            let lines = try LineReader(source)
            while let found = try lines.nextJSON({ (scanner) throws(JSONFault) in
                try scanner.labelledText()
            }) { try add(found, lines.failure) }
        } else {
            let isTSV = start.prefix { $0 != 0x0A }.contains(0x09)
            let table = try DelimitedReader(source, dialect: isTSV ? .tsv : .csv)
            var isFirst = true
            while try table.next() {
                let fields = try table.fields()
                guard fields.count == 2 else {
                    throw table.failure(
                        "it has \(fields.count) columns; expected a text and its labels, separated by a tab (.tsv) or a comma (.csv)"
                    )
                }
                defer { isFirst = false }
                if isFirst, fields[0].lowercased() == "text", fields[1].lowercased().hasPrefix("label") {
                    continue
                }
                let labels = fields[1].split(separator: "|").map {
                    $0.trimmingCharacters(in: .whitespaces)
                }
                try add(LabelledText(text: fields[0], labels: ["": labels]), table.failure)
            }
        }
        guard !all.isEmpty else {
            throw KuklaError(.badData, "Cannot use \(url.path): it has no labelled texts.")
        }
        return all
    }
}

extension JSONScanner {
    fileprivate mutating func labelledText() throws(JSONFault) -> LabelledText {
        var text: String?
        var title: String?
        var labels: [String: [String]] = [:]
        try object { (key, scanner) throws(JSONFault) in
            switch key {
            case "text": text = try scanner.stringOrNull()
            case "title": title = try scanner.stringOrNull()
            case "label", "labels":
                if scanner.peek() == UInt8(ascii: "{") {
                    try scanner.object { (aspect, scanner) throws(JSONFault) in
                        labels[aspect] = try scanner.labels()
                    }
                } else {
                    labels[""] = try scanner.labels()
                }
            default: try scanner.skip()
            }
        }
        if let title, !title.isEmpty { text = text.map { $0.isEmpty ? title : "\(title) \($0)" } ?? title }
        guard let text else { throw fault("there is no \"text\" in the object") }
        return LabelledText(text: text, labels: labels)
    }

    /// A label, or an array of them; none for null.
    private mutating func labels() throws(JSONFault) -> [String] {
        guard peek() == UInt8(ascii: "[") else { return try identifier().map { [$0] } ?? [] }
        var all: [String] = []
        try array { (scanner) throws(JSONFault) in
            if let label = try scanner.identifier() { all.append(label) }
        }
        return all
    }
}
