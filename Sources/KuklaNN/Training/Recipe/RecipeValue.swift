import Foundation

/// What stands behind a key, as it is printed.
enum RecipeValue: Sendable, Equatable {
    case null
    case number(String)
    case text(String)
    case list([RecipeValue])
    case mapping([(key: String, value: RecipeValue)])

    static func == (a: RecipeValue, b: RecipeValue) -> Bool { a.yaml(indent: 0) == b.yaml(indent: 0) }

    /// The value as it stands behind `key:`, the line's end included.
    func yaml(indent: Int) -> String {
        switch self {
        case .null: return " null\n"
        case .number(let text): return " \(text)\n"
        case .text(let text): return " \(Self.quoted(text))\n"
        case .list(let values):
            let items = values.map { $0.yaml(indent: 0).trimmingCharacters(in: .whitespacesAndNewlines) }
            return " [\(items.joined(separator: ", "))]\n"
        case .mapping(let entries):
            if entries.isEmpty { return " {}\n" }
            return "\n" + Self.yaml(entries, indent: indent + 2)
        }
    }

    static func yaml(_ entries: [(key: String, value: RecipeValue)], indent: Int) -> String {
        entries.map {
            String(repeating: " ", count: indent) + $0.key + ":" + $0.value.yaml(indent: indent)
        }.joined()
    }

    /// All single values with their dotted keys, in order.
    static func flattened(
        _ entries: [(key: String, value: RecipeValue)], under path: String = ""
    ) -> [(key: String, text: String)] {
        entries.flatMap { entry -> [(key: String, text: String)] in
            let key = path + entry.key
            if case .mapping(let inner) = entry.value { return flattened(inner, under: key + ".") }
            return [(key, entry.value.yaml(indent: 0).trimmingCharacters(in: .whitespacesAndNewlines))]
        }
    }

    /// Bare where every reader of YAML takes it for the same text, in double quotes elsewhere.
    private static func quoted(_ text: String) -> String {
        let words: Set<String> = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        let isBare =
            text.utf8.first.map { isLetter($0) } == true && !words.contains(text.lowercased())
            && text.utf8.allSatisfy { isLetter($0) || (48...57).contains($0) || "_-./".utf8.contains($0) }
        if isBare { return text }
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": out += "\\\(scalar)"
            case "\n": out += "\\n"
            case "\t": out += "\\t"
            case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value):
                out += String(format: "\\x%02x", scalar.value)
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (97...122).contains(byte | 0x20) }
}
