import KuklaNumerics
import Yams

/// A value in a schema's YAML that remembers its line.
struct SchemaNode {
    private let node: Node
    private let document: String
    private let line: Int

    private init(_ node: Node, document: String, line: Int) {
        self.node = node
        self.document = document
        self.line = node.mark?.line ?? line
    }

    /// - Throws: `KuklaError.usage` where the text is no YAML, or no mapping.
    init(yaml: String, document: String) throws(KuklaError) {
        let root: Node?
        do { root = try compose(yaml: yaml) } catch {
            let reason: (line: Int?, words: String) =
                switch error as? YamlError {
                case .duplicatedKeysInMapping(let keys, let context):
                    (context.mark.line, "the key '\(keys.first ?? "")' stands there twice; keep one of them")
                case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
                    .composer(_, let problem, let mark, _):
                    (mark.line, "expected YAML, but \(problem)")
                default: (nil, "expected YAML, but \(error)")
                }
            throw KuklaError(
                .usage,
                "Cannot read the schema \(document)\(reason.line.map { ", line \($0)" } ?? ""): \(reason.words)."
            )
        }
        guard let root, case .mapping = root else {
            throw KuklaError(
                .usage,
                "Cannot read the schema \(document): expected keys with values, such as 'label: clicked'.")
        }
        self.init(root, document: document, line: 1)
    }

    var isMapping: Bool { if case .mapping = node { true } else { false } }

    /// How an error calls the value.
    var words: String {
        switch node {
        case .scalar(let scalar): "'\(scalar.string.prefix(60))'"
        case .mapping: "a group of keys"
        case .sequence: "a list"
        case .alias: "an alias"
        }
    }

    func fault(_ words: String) -> KuklaError {
        KuklaError(.usage, "Cannot read the schema \(document), line \(line): \(words)")
    }

    /// The value of a key, nil where it is not there.
    subscript(key: String) -> SchemaNode? {
        guard case .mapping(let mapping) = node else { return nil }
        for (name, value) in mapping {
            if case .scalar(let scalar) = name, scalar.string == key {
                return SchemaNode(value, document: document, line: name.mark?.line ?? line)
            }
        }
        return nil
    }

    func required(_ key: String) throws(KuklaError) -> SchemaNode {
        guard let value = self[key] else { throw fault("the key '\(key)' is missing.") }
        return value
    }

    /// - Throws: an unknown key, with the nearest of `known`.
    func allow(_ known: [String]) throws(KuklaError) {
        for (key, value) in try pairs() where !known.contains(key) {
            throw value.fault(
                EditDistance.likely(key, among: known).map { "unknown key '\(key)'; did you mean '\($0)'?" }
                    ?? "unknown key '\(key)'; known here: \(known.joined(separator: ", ")).")
        }
    }

    /// Keys and values in the order of the file.
    func pairs() throws(KuklaError) -> [(key: String, value: SchemaNode)] {
        guard case .mapping(let mapping) = node else {
            throw fault("\(words) stands where keys with values are expected.")
        }
        var result: [(String, SchemaNode)] = []
        for (key, value) in mapping {
            guard case .scalar(let scalar) = key else { throw fault("a key is no word.") }
            result.append(
                (scalar.string, SchemaNode(value, document: document, line: key.mark?.line ?? line)))
        }
        return result
    }

    /// The values of a list; a single value is a list of one.
    func items() throws(KuklaError) -> [SchemaNode] {
        guard case .sequence(let sequence) = node else { return [self] }
        return sequence.map { SchemaNode($0, document: document, line: line) }
    }

    /// A word. `isLiteral` keeps blanks around it, and may be empty.
    func text(isLiteral: Bool = false) throws(KuklaError) -> String {
        guard case .scalar(let scalar) = node, isLiteral || !scalar.string.isEmpty else {
            throw fault("\(words) stands where a word is expected.")
        }
        return scalar.string
    }

    func texts() throws(KuklaError) -> [String] {
        var result: [String] = []
        for item in try items() { result.append(try item.text(isLiteral: true)) }
        return result
    }

    func integer(_ range: ClosedRange<Int>) throws(KuklaError) -> Int {
        guard let value = Int(try text()), range.contains(value) else {
            throw fault("\(words) stands where a whole number from \(range.lowerBound) is expected.")
        }
        return value
    }

    func number(_ range: ClosedRange<Double>) throws(KuklaError) -> Double {
        guard let value = Double(try text()), range.contains(value) else {
            throw fault(
                "\(words) stands where a number from \(range.lowerBound) to \(range.upperBound) is expected.")
        }
        return value
    }

    func choice<Value: RawRepresentable & CaseIterable>(
        _: Value.Type
    ) throws(KuklaError) -> Value where Value.RawValue == String {
        let word = try text()
        if let value = Value(rawValue: word) { return value }
        let known = Value.allCases.map(\.rawValue)
        throw fault(
            "\(words) stands where one of \(known.joined(separator: ", ")) is expected"
                + "\(EditDistance.likely(word, among: known).map { "; did you mean '\($0)'?" } ?? ".")")
    }
}
