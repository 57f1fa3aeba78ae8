public import KuklaNumerics
import Yams

/// A group of a recipe's keys: a value with defaults that lists its fields once, for reading, printing and comparing.
///
/// ```swift
/// struct ContrastiveOptions: RecipePart {
///     var temperature: Float = 0.05
///     var isSymmetric = true
///     mutating func visit(_ fields: inout RecipeFields) throws(KuklaError) {
///         try fields.field("temperature", &temperature, .positive)
///         try fields.field("symmetric", &isSymmetric)
///     }
/// }
/// ```
public protocol RecipePart: Sendable {
    /// Shows every field to `fields`, each under its key in `snake_case`.
    mutating func visit(_ fields: inout RecipeFields) throws(KuklaError)
}

/// A method without settings of its own.
public struct NoOptions: RecipePart {
    public init() {}
    public mutating func visit(_ fields: inout RecipeFields) throws(KuklaError) {}
}

/// Walks over the fields of a recipe's part: sets them from a file, or collects them for printing.
public struct RecipeFields {
    private let section: RecipeSection?
    private var keys: [String] = []
    private(set) var entries: [(key: String, value: RecipeValue)] = []

    private init(section: RecipeSection?) { self.section = section }

    /// Sets the fields of `part` from a section of a file; what the section does not say stays.
    ///
    /// - Throws: `KuklaError.usage` with file and line: an unknown key (and the nearest known one), a value of the wrong
    ///   kind or out of its range.
    static func read(_ part: inout some RecipePart, from section: RecipeSection) throws(KuklaError) {
        var fields = RecipeFields(section: section)
        try part.visit(&fields)
        for entry in section.entries where !fields.keys.contains(entry.key) {
            let name = "unknown key '\(section.path)\(entry.key)'"
            let known = fields.keys.isEmpty ? "none" : fields.keys.joined(separator: ", ")
            throw section.fault(
                line: entry.line,
                EditDistance.likely(entry.key, among: fields.keys).map {
                    "\(name); did you mean '\(section.path)\($0)'?"
                } ?? "\(name); known here: \(known).")
        }
    }

    /// The keys of `part` with their values.
    static func entries(of part: some RecipePart) throws(KuklaError) -> [(key: String, value: RecipeValue)] {
        var part = part
        var fields = RecipeFields(section: nil)
        try part.visit(&fields)
        return fields.entries
    }

    /// A single value.
    public mutating func field<Value: RecipeScalar>(
        _ key: String, _ value: inout Value, _ range: RecipeRange = .any
    ) throws(KuklaError) {
        if let entry = enter(key) { value = try scalar(entry.node, key, entry.line, range) }
        entries.append((key, Self.value(of: value)))
    }

    /// A value that may be absent; `null` in the file takes it away.
    public mutating func field<Value: RecipeScalar>(
        _ key: String, _ value: inout Value?, _ range: RecipeRange = .any
    ) throws(KuklaError) {
        if let entry = enter(key) {
            value = entry.node.isNull ? nil : try scalar(entry.node, key, entry.line, range)
        }
        entries.append((key, value.map(Self.value) ?? .null))
    }

    /// A list; a single value in the file is a list of one.
    public mutating func field<Value: RecipeScalar>(
        _ key: String, _ values: inout [Value], _ range: RecipeRange = .any
    ) throws(KuklaError) {
        if let entry = enter(key) {
            var read: [Value] = []
            if case .sequence(let items) = entry.node {
                for item in items { read.append(try scalar(item, key, entry.line, range)) }
            } else if !entry.node.isNull {
                read.append(try scalar(entry.node, key, entry.line, range))
            }
            values = read
        }
        entries.append((key, .list(values.map(Self.value))))
    }

    /// A group of keys. A single word in the file, where `shorthand` names a field, sets that one:
    /// `optimizer: adamw`.
    public mutating func part(
        _ key: String, _ part: inout some RecipePart, shorthand: String? = nil
    ) throws(KuklaError) {
        if let section, let entry = enter(key) {
            try RecipeFields.read(&part, from: inner(section, entry, shorthand))
        }
        entries.append((key, .mapping(try RecipeFields.entries(of: part))))
    }

    /// A group of keys that may be absent; `initial` holds the defaults of a group that is there.
    public mutating func part<Part: RecipePart>(
        _ key: String, _ part: inout Part?, initial: Part, shorthand: String? = nil
    ) throws(KuklaError) {
        if let section, let entry = enter(key) {
            if entry.node.isNull {
                part = nil
            } else {
                var read = part ?? initial
                try RecipeFields.read(&read, from: inner(section, entry, shorthand))
                part = read
            }
        }
        if let part {
            entries.append((key, .mapping(try RecipeFields.entries(of: part))))
        } else {
            entries.append((key, .null))
        }
    }

    /// An error about the value of `key`, for rules that concern several fields.
    public func fault(_ key: String, _ words: String) -> KuklaError {
        guard let section else { return KuklaError(.usage, "The recipe is wrong: \(words)") }
        return section.fault(line: section[key]?.line ?? section.line, words)
    }

    /// Whether the file says something about `key`.
    public func has(_ key: String) -> Bool { section?[key].map { !$0.node.isNull } ?? false }

    private mutating func enter(_ key: String) -> RecipeSection.Entry? {
        contract(!keys.contains(key), "RecipeFields: the key \(key) is visited twice")
        keys.append(key)
        return section?[key]
    }

    private func inner(
        _ section: RecipeSection, _ entry: RecipeSection.Entry, _ shorthand: String?
    ) throws(KuklaError) -> RecipeSection {
        let path = "\(section.path)\(entry.key)."
        if let shorthand, case .scalar = entry.node, !entry.node.isNull {
            return RecipeSection(
                document: section.document, path: path, line: entry.line,
                entries: [.init(key: shorthand, line: entry.line, node: entry.node)])
        }
        return try RecipeSection(entry.node, document: section.document, path: path, line: entry.line)
    }

    private func scalar<Value: RecipeScalar>(
        _ node: Node, _ key: String, _ line: Int, _ range: RecipeRange
    ) throws(KuklaError) -> Value {
        let section = section ?? RecipeSection(document: "", path: "", line: 0, entries: [])
        let line = node.mark?.line ?? line
        func fault(_ expected: String) -> KuklaError {
            section.fault(line: line, "'\(section.path)\(key)' is \(node.words); expected \(expected).")
        }
        let range = Value.self == String.self || Value.self == Bool.self ? .any : range
        let expected = Value.recipeKind + (range.words.isEmpty ? "" : " \(range.words)")
        guard case .scalar(let scalar) = node, !node.isNull,
            // A quoted number is a text, and words may look like numbers.
            Value.self == String.self || Value.self is any RecipeChoice.Type || scalar.style == .plain
                || scalar.style == .any,
            let value = Value(recipeText: scalar.string)
        else { throw fault(expected) }
        if let number = value.recipeNumber, !range.contains(number) { throw fault(expected) }
        return value
    }

    private static func value<Value: RecipeScalar>(of value: Value) -> RecipeValue {
        value.recipeNumber != nil || Value.self == Bool.self
            ? .number(value.recipeText) : .text(value.recipeText)
    }
}
