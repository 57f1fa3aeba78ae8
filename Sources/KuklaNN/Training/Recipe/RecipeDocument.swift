import Foundation
import KuklaNumerics
import Yams

/// A recipe's YAML as a tree of keys and values that remember their lines.
struct RecipeDocument {
    /// The file's name, for errors.
    let name: String
    let root: RecipeSection

    /// - Throws: `KuklaError` (`missingFile`, `usage` where the text is no YAML or no mapping).
    init(_ url: URL) throws(KuklaError) {
        guard FileManager.default.fileExists(atPath: url.path) else {
            throw KuklaError(.missingFile, "Cannot read the recipe \(url.path): there is no such file.")
        }
        guard let data = FileManager.default.contents(atPath: url.path) else {
            throw KuklaError(.inputOutput, "Cannot read the recipe \(url.path): the file cannot be opened.")
        }
        guard data.count <= 1 << 20, let text = String(validating: data, as: UTF8.self) else {
            throw KuklaError(
                .usage,
                "Cannot read the recipe \(url.path): expected YAML in UTF-8 of at most 1 MB, found "
                    + (data.count > 1 << 20 ? "\(data.count) bytes." : "bytes that are not UTF-8."))
        }
        try self.init(yaml: text, name: url.path)
    }

    init(yaml: String, name: String) throws(KuklaError) {
        self.name = name
        let node: Node?
        do { node = try compose(yaml: yaml) } catch { throw RecipeDocument.explained(error, name) }
        switch node {
        case nil: root = RecipeSection(document: name, path: "", line: 1, entries: [])
        case .some(let node) where node.isNull:
            root = RecipeSection(document: name, path: "", line: 1, entries: [])
        case .some(let node):
            root = try RecipeSection(node, document: name, path: "", line: 1)
        }
    }

    private static func explained(_ error: any Error, _ name: String) -> KuklaError {
        let reason: (line: Int?, words: String) =
            switch error as? YamlError {
            case .duplicatedKeysInMapping(let keys, let context):
                (context.mark.line, "the key '\(keys.first ?? "")' stands there twice; keep one of them")
            case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
                .composer(_, let problem, let mark, _):
                (mark.line, "expected YAML, but \(problem)")
            case .reader(let problem, _, _, _): (nil, "expected YAML, but \(problem)")
            default: (nil, "expected YAML, but \(error)")
            }
        let place = reason.line.map { ", line \($0)" } ?? ""
        return KuklaError(.usage, "Cannot read the recipe \(name)\(place): \(reason.words).")
    }
}

/// One mapping of a recipe.
struct RecipeSection {
    struct Entry {
        let key: String
        let line: Int
        let node: Node
    }

    let document: String
    /// Dotted, with a point at the end; empty at the top.
    let path: String
    let line: Int
    let entries: [Entry]

    init(document: String, path: String, line: Int, entries: [Entry]) {
        self.document = document
        self.path = path
        self.line = line
        self.entries = entries
    }

    init(_ node: Node, document: String, path: String, line: Int) throws(KuklaError) {
        guard case .mapping(let mapping) = node else {
            let place = path.isEmpty ? "the file" : "'\(path.dropLast())'"
            throw KuklaError(
                .usage,
                "Cannot read the recipe \(document), line \(node.mark?.line ?? line): \(place) is "
                    + "\(node.words); expected keys with values, such as 'batch_size: 32'.")
        }
        var entries: [Entry] = []
        for (key, value) in mapping {
            guard case .scalar(let scalar) = key else {
                throw KuklaError(
                    .usage,
                    "Cannot read the recipe \(document), line \(key.mark?.line ?? line): a key is "
                        + "\(key.words); expected a word.")
            }
            entries.append(Entry(key: scalar.string, line: key.mark?.line ?? line, node: value))
        }
        self.init(document: document, path: path, line: line, entries: entries)
    }

    subscript(key: String) -> Entry? { entries.first { $0.key == key } }

    func fault(line: Int, _ words: String) -> KuklaError {
        KuklaError(.usage, "Cannot read the recipe \(document), line \(line): \(words)")
    }
}

extension Node {
    /// Whether nothing stands behind the key, or `null`.
    var isNull: Bool {
        guard case .scalar(let scalar) = self, scalar.style == .plain || scalar.style == .any else {
            return false
        }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    /// How an error calls the value.
    var words: String {
        switch self {
        case .scalar(let scalar): isNull ? "empty" : "'\(scalar.string.prefix(60))'"
        case .mapping: "a group of keys"
        case .sequence: "a list"
        case .alias: "an alias"
        }
    }
}
