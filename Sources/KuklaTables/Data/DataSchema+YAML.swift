public import Foundation
public import KuklaNumerics

extension DataSchema {
    /// Reads a schema file.
    ///
    /// - Throws: `KuklaError` (`missingFile`, `usage` with the line: no YAML, an unknown key and the nearest known one, a value
    ///   that makes no sense).
    public init(_ url: URL) throws(KuklaError) {
        guard FileManager.default.fileExists(atPath: url.path) else {
            throw KuklaError(.missingFile, "Cannot read the schema \(url.path): there is no such file.")
        }
        guard let data = FileManager.default.contents(atPath: url.path), data.count <= 1 << 22,
            let text = String(validating: data, as: UTF8.self)
        else {
            throw KuklaError(
                .usage, "Cannot read the schema \(url.path): expected YAML in UTF-8 of at most 4 MB.")
        }
        try self.init(yaml: text, name: url.path, folder: url.deletingLastPathComponent())
    }

    /// Reads a schema from YAML; files that it joins are looked for in `folder`.
    public init(yaml: String, name: String = "schema", folder: URL? = nil) throws(KuklaError) {
        let root = try SchemaNode(yaml: yaml, document: name)
        try root.allow([
            "label", "categorical", "numeric", "sequence", "history", "user", "time", "split", "missing",
            "min_count", "separator", "columns", "join",
        ])
        self.init(label: try DataSchema.label(try root.required("label")), categorical: [])
        if let node = root["categorical"] { categorical = try DataSchema.categories(node) }
        if let node = root["numeric"] { numeric = try DataSchema.numbers(node) }
        if let node = root["sequence"] { sequences = try DataSchema.sequences(node) }
        if let node = root["history"] { history = try DataSchema.history(node) }
        if let node = root["user"] { user = try node.text() }
        if let node = root["time"] { time = try node.text() }
        if let node = root["split"] { split = try DataSchema.split(node) }
        if let node = root["missing"] { missing = try node.texts() }
        if let node = root["min_count"] { minimumCount = try node.integer(1...1_000_000) }
        if let node = root["separator"] { separator = try DataSchema.separator(node) }
        if let node = root["columns"] { columns = try node.texts() }
        if let node = root["join"] { joins = try DataSchema.joins(node, folder: folder) }
        try check(root)
    }

    // What concerns several keys.
    private func check(_ root: SchemaNode) throws(KuklaError) {
        if categorical.isEmpty && numeric.isEmpty && sequences.isEmpty {
            throw root.fault("it names no column to predict from; expected 'categorical' or 'numeric'.")
        }
        var seen = Set<String>()
        for name in [label.column] + categorical.map(\.column) + numeric.map(\.column)
            + sequences.map(\.column) where !seen.insert(name).inserted
        {
            throw root.fault("the column '\(name)' stands there twice; a column is one thing.")
        }
        let known = categorical.map(\.column)
        for name in sequences.compactMap(\.field) + (history?.items ?? []) where !known.contains(name) {
            let near = EditDistance.likely(name, among: known).map { "; did you mean '\($0)'?" } ?? "."
            throw root.fault("'\(name)' is no categorical column of it\(near)")
        }
        if history != nil && user == nil {
            throw root.fault(
                "a 'history' is that of a user: say in 'user' which column tells whose row it is.")
        }
        if split.rule == .user && user == nil {
            throw root.fault("rows are split by user: say in 'user' which column tells whose row it is.")
        }
        if split.rule == .time && time == nil {
            throw root.fault("rows are split by time: say in 'time' which column tells when.")
        }
    }

    // MARK: Parts

    private static func label(_ node: SchemaNode) throws(KuklaError) -> LabelRule {
        guard node.isMapping else { return LabelRule(column: try node.text()) }
        try node.allow(["column", "positive", "negative"])
        return LabelRule(
            column: try node.required("column").text(),
            positive: try condition(node["positive"]), negative: try condition(node["negative"]))
    }

    private static func condition(_ node: SchemaNode?) throws(KuklaError) -> LabelRule.Condition? {
        guard let node else { return nil }
        return LabelRule.Condition(try node.text(isLiteral: true))
    }

    private static func categories(_ node: SchemaNode) throws(KuklaError) -> [Category] {
        var result: [Category] = []
        for item in try node.items() {
            guard item.isMapping else {
                result.append(Category(try item.text()))
                continue
            }
            try item.allow(["column", "buckets", "as"])
            var category = Category(try item.required("column").text())
            if let buckets = item["buckets"] { category.buckets = try buckets.integer(1...2_000_000_000) }
            if let kind = item["as"] {
                guard try kind.text() == "text" else {
                    throw kind.fault("'as' is \(kind.words); expected 'text'.")
                }
                category.isText = true
            }
            result.append(category)
        }
        return result
    }

    // `{clicks: log1p}`, or a list of columns or of `{column: clicks, transform: log1p}`.
    private static func numbers(_ node: SchemaNode) throws(KuklaError) -> [Number] {
        var result: [Number] = []
        if node.isMapping {
            for (column, value) in try node.pairs() {
                result.append(Number(column, try value.choice(NumericTransform.self)))
            }
            return result
        }
        for item in try node.items() {
            guard item.isMapping else {
                result.append(Number(try item.text()))
                continue
            }
            try item.allow(["column", "transform"])
            var number = Number(try item.required("column").text())
            if let part = item["transform"] { number.transform = try part.choice(NumericTransform.self) }
            result.append(number)
        }
        return result
    }

    // `{watched: {of: movie}}`, `{watched: movie}`, or a list of columns or of `{column: watched, of: movie}`.
    private static func sequences(_ node: SchemaNode) throws(KuklaError) -> [Sequence] {
        var result: [Sequence] = []
        if node.isMapping {
            for (column, value) in try node.pairs() { result.append(try sequence(column, value)) }
            return result
        }
        for item in try node.items() {
            result.append(
                item.isMapping
                    ? try sequence(try item.required("column").text(), item) : Sequence(try item.text()))
        }
        return result
    }

    private static func sequence(_ column: String, _ node: SchemaNode) throws(KuklaError) -> Sequence {
        var sequence = Sequence(column)
        guard node.isMapping else {
            sequence.field = try node.text()
            return sequence
        }
        try node.allow(["column", "of", "separator", "last"])
        if let part = node["of"] { sequence.field = try part.text() }
        if let part = node["separator"] { sequence.separator = try part.text(isLiteral: true) }
        if let part = node["last"] { sequence.last = try part.integer(1...1_000_000) }
        if sequence.separator.isEmpty { throw node.fault("an empty separator parts nothing.") }
        return sequence
    }

    private static func history(_ node: SchemaNode) throws(KuklaError) -> History {
        guard node.isMapping else { return History(items: try node.texts()) }
        try node.allow(["items", "last", "keep"])
        var history = History(items: try node.required("items").texts())
        if let last = node["last"] { history.last = try last.integer(1...1_000_000) }
        if let keep = node["keep"] {
            switch try keep.text() {
            case "positive": history.keepsPositivesOnly = true
            case "all": break
            default: throw keep.fault("'keep' is \(keep.words); expected 'all' or 'positive'.")
            }
        }
        return history
    }

    private static func split(_ node: SchemaNode) throws(KuklaError) -> Split {
        guard node.isMapping else { return Split(try node.choice(Split.Rule.self)) }
        try node.allow(["by", "seed", "validation", "test"])
        var split = Split()
        if let part = node["by"] { split.rule = try part.choice(Split.Rule.self) }
        if let part = node["seed"] { split.seed = UInt64(try part.integer(0...Int.max)) }
        if let part = node["validation"] { split.validation = try part.number(0...0.9) }
        if let part = node["test"] { split.test = try part.number(0...0.9) }
        if split.validation + split.test >= 1 {
            throw node.fault("validation and test take all rows; nothing is left to train on.")
        }
        return split
    }

    private static func separator(_ node: SchemaNode) throws(KuklaError) -> Separator {
        switch try node.text(isLiteral: true) {
        case ",", "csv", "comma": .csv
        case "\t", "\\t", "tab", "tsv": .text("\t")
        case "libfm", "libffm": .libFM
        case "": throw node.fault("an empty separator parts nothing.")
        case let text: .text(text)
        }
    }

    private static func joins(_ node: SchemaNode, folder: URL?) throws(KuklaError) -> [Join] {
        var result: [Join] = []
        for item in node.isMapping ? [node] : try node.items() {
            try item.allow(["file", "on", "separator", "columns"])
            let path = try item.required("file").text()
            let isRelative = !path.hasPrefix("/")
            var join = Join(
                file: isRelative ? folder?.appending(path: path).path ?? path : path,
                on: try item.required("on").text())
            if let part = item["separator"] { join.separator = try separator(part) }
            if let part = item["columns"] { join.columns = try part.texts() }
            result.append(join)
        }
        return result
    }
}
