import Foundation
public import KuklaFormats

extension TableAdvice {
    /// The recommendation in a sentence or two.
    public var summary: String {
        guard let best = recommendation else {
            return
                "No table within \(Quantity.bytes(budget)) could be measured: the validation rows have one class only."
        }
        var text =
            "Take \(best.table) at width \(best.width): \(Quantity.bytes(best.bytes)) of \(Quantity.bytes(budget)), validation AUC "
            + "\(TableAdvice.words(best.validation))"
        if let reference {
            text +=
                "; a float row for each id takes \(Quantity.bytes(reference.bytes)) and has \(TableAdvice.words(reference.validation))"
        }
        text += "."
        if let smaller = smallerAsGood {
            text +=
                " Within the range of its seeds, and smaller: \(smaller.table) at width \(smaller.width), \(Quantity.bytes(smaller.bytes)), \(TableAdvice.words(smaller.validation))."
        }
        return text
    }

    /// The mean of the seeds, and their range.
    static func words(_ aucs: [Double]) -> String {
        guard !aucs.isEmpty else { return "undefined" }
        let mean = Quantity.fraction(aucs.reduce(0, +) / Double(aucs.count), decimals: 4)
        guard aucs.count > 1, let low = aucs.min(), let high = aucs.max() else { return mean }
        return "\(mean) (\(Quantity.fraction(low, decimals: 4))–\(Quantity.fraction(high, decimals: 4)))"
    }

    /// Which methods can meet the budget, and at what widths.
    public var feasibilityTable: TextTable {
        var words: [String] = []
        for row in feasibility where !words.contains(row.table.description) {
            words.append(row.table.description)
        }
        return TextTable(
            columns: [.init("table"), .init("widths within the budget"), .init("lowest floor", .right)],
            rows: words.map { word in
                let mine = feasibility.filter { $0.table.description == word }
                let widths = mine.filter { $0.floor <= budget }.map { "\($0.width)" }.joined(separator: ", ")
                return [
                    word, widths.isEmpty ? "none" : widths,
                    Quantity.bytes(mine.map(\.floor).min() ?? 0),
                ]
            })
    }

    /// The finalists, the best first.
    public var finalistTable: TextTable {
        TextTable(
            columns: [
                .init("table"), .init("width", .right), .init("bytes", .right), .init("validation AUC"),
                .init("test AUC"),
            ],
            rows: finalists.sorted { $0.meanValidation > $1.meanValidation }.map {
                [
                    $0.budget == nil ? "\($0.table) (no limit)" : "\($0.table)", "\($0.width)",
                    Quantity.bytes($0.bytes), TableAdvice.words($0.validation), TableAdvice.words($0.test),
                ]
            })
    }

    /// The page with chart and tables.
    public func page(title: String, commands: [String]) -> TablePage {
        var names: [String] = []
        for finalist in finalists where !names.contains(finalist.name) { names.append(finalist.name) }
        let lines = names.map { name in
            TablePage.Line(
                name: name,
                points: finalists.filter { $0.name == name }.map { (bytes: $0.bytes, aucs: $0.validation) })
        }
        func section(_ title: String, _ table: TextTable) -> TablePage.Section {
            .init(title: title, columns: table.columns.map(\.title), rows: table.rows)
        }
        return TablePage(
            title: title, summary: summary, lines: lines,
            sections: [
                section("Finalists", finalistTable), section("What can meet the budget", feasibilityTable),
                .init(
                    title: "Rounds", columns: ["table", "width", "rows", "bytes", "validation AUC"],
                    rows: trials.map {
                        [
                            $0.table, "\($0.width)", Quantity.count($0.rows), Quantity.bytes($0.bytes),
                            $0.validation.map { Quantity.fraction($0, decimals: 4) } ?? "undefined",
                        ]
                    }),
                .init(
                    title: "Ids", columns: ["field", "ids"],
                    rows: fields.map { [$0.name, Quantity.count($0.count)] }),
            ], commands: commands)
    }
}
