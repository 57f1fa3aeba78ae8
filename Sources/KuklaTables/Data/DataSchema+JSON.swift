import Foundation
import KuklaNumerics

extension DataSchema {
    /// The schema as JSON of the same keys, which is YAML too: how it is saved with a model.
    public var json: String {
        let data = try? JSONSerialization.data(
            withJSONObject: tree, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        return data.map { String(decoding: $0, as: UTF8.self) + "\n" } ?? "{}"
    }

    private var tree: [String: Any] {
        var label: [String: Any] = ["column": label.column]
        label["positive"] = self.label.positive?.description
        label["negative"] = self.label.negative?.description
        var tree: [String: Any] = [
            "label": label, "missing": missing, "min_count": minimumCount,
            "split": [
                "by": split.rule.rawValue, "seed": Int(split.seed), "validation": split.validation,
                "test": split.test,
            ] as [String: Any],
        ]
        if !categorical.isEmpty {
            tree["categorical"] = categorical.map { category in
                var value: [String: Any] = ["column": category.column]
                value["buckets"] = category.buckets
                if category.isText { value["as"] = "text" }
                return value
            }
        }
        // Lists, because JSON's keys have no order and that of the columns is that of a network's inputs.
        if !numeric.isEmpty {
            tree["numeric"] = numeric.map { ["column": $0.column, "transform": $0.transform.rawValue] }
        }
        if !sequences.isEmpty {
            tree["sequence"] = sequences.map { sequence in
                var value: [String: Any] = [
                    "column": sequence.column, "separator": sequence.separator, "last": sequence.last,
                ]
                value["of"] = sequence.field
                return value
            }
        }
        if let history {
            tree["history"] =
                [
                    "items": history.items, "last": history.last,
                    "keep": history.keepsPositivesOnly ? "positive" : "all",
                ] as [String: Any]
        }
        tree["user"] = user
        tree["time"] = time
        tree["separator"] = separator?.word
        tree["columns"] = columns
        if !joins.isEmpty {
            tree["join"] = joins.map { join in
                var value: [String: Any] = ["file": join.file, "on": join.column]
                value["separator"] = join.separator?.word
                value["columns"] = join.columns
                return value
            }
        }
        return tree
    }
}

extension DataSchema.Separator {
    /// How a schema says it.
    var word: String {
        switch self {
        case .csv: "csv"
        case .text("\t"): "tab"
        case .text(let text): text
        case .libFM: "libfm"
        }
    }
}
