import KuklaNumerics

/// Texts in JSON lines; empty lines are skipped.
final class JSONTexts: TextRecordSource {
    private let lines: LineReader
    private let textKey: String?
    private let idKey: String?

    init(_ lines: LineReader, _ options: TextOptions) {
        self.lines = lines
        textKey = options.textColumn
        idKey = options.idColumn
    }

    func next() throws(KuklaError) -> TextRecord? {
        try lines.nextJSON { (scanner) throws(JSONFault) in
            guard scanner.peek() == UInt8(ascii: "\"") else { return try object(&scanner) }
            return TextRecord(text: try scanner.string())
        }
    }

    private func object(_ scanner: inout JSONScanner) throws(JSONFault) -> TextRecord {
        var text: String?
        var title: String?
        var id: String?
        try scanner.object { (key, scanner) throws(JSONFault) in
            if key == textKey ?? "text" {
                text = try scanner.stringOrNull()
            } else if textKey == nil && key == "title" {
                title = try scanner.stringOrNull()
            } else if idKey.map({ $0 == key }) ?? (key == "_id" || (key == "id" && id == nil)) {
                id = try scanner.identifier()
            } else {
                try scanner.skip()
            }
        }
        if let title, !title.isEmpty { text = text.map { $0.isEmpty ? title : "\(title) \($0)" } ?? title }
        guard let text else {
            throw scanner.fault(
                "there is no \"\(textKey ?? "text")\" in the object; name the field that holds it")
        }
        if let idKey, id == nil { throw scanner.fault("there is no \"\(idKey)\" in the object") }
        return TextRecord(id: id, text: text)
    }
}

extension JSONScanner {
    /// The next value, a string; `nil` for null.
    package mutating func stringOrNull() throws(JSONFault) -> String? {
        if peek() == UInt8(ascii: "n") {
            try skip()
            return nil
        }
        return try string()
    }

    /// The next value, a string, or a number as it is written; `nil` for null.
    mutating func identifier() throws(JSONFault) -> String? {
        switch peek() {
        case UInt8(ascii: "\""), UInt8(ascii: "n"): return try stringOrNull()
        default:
            let start = position
            _ = try number()
            return text(from: start)
        }
    }
}
