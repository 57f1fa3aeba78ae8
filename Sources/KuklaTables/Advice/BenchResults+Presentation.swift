import Foundation
public import KuklaFormats

extension BenchResults {
    /// A row for each table and budget: AUC over the seeds, and how many points it lies below the uncompressed table.
    public var table: TextTable {
        let reference = summaries.first { $0.budget == nil }
        var rows: [[String]] = summaries.map { summary in
            [
                summary.table,
                summary.budget.map { Quantity.fraction(100 * $0, decimals: 1) + "%" } ?? "none",
                Quantity.bytes(summary.bytes), Quantity.fraction(summary.mean, decimals: 4),
                summary.aucs.count > 1 ? Quantity.fraction(summary.deviation, decimals: 4) : "",
                reference.map { Quantity.fraction(100 * (summary.mean - $0.mean), decimals: 2) } ?? "",
                "\(summary.aucs.count)",
            ]
        }
        var failed: Set<String> = []
        for row in self.rows where row.failure != nil {
            let budget = row.budget.map { Quantity.fraction(100 * $0, decimals: 1) + "%" } ?? "none"
            guard failed.insert("\(row.table) \(budget)").inserted else { continue }
            rows.append([row.table, budget, "below its floor", "", "", "", ""])
        }
        return TextTable(
            columns: [
                .init("table"), .init("budget", .right), .init("bytes", .right), .init("AUC", .right),
                .init("deviation", .right), .init("points", .right), .init("seeds", .right),
            ], rows: rows)
    }

    /// The page with chart and table.
    public func page(title: String, commands: [String]) -> TablePage {
        var names: [String] = []
        for summary in summaries where !names.contains(summary.table) { names.append(summary.table) }
        let lines = names.map { name in
            TablePage.Line(
                name: name,
                points: summaries.filter { $0.table == name }.map { (bytes: $0.bytes, aucs: $0.aucs) })
        }
        let best = Dictionary(grouping: summaries.filter { $0.budget != nil }) { $0.budget ?? 0 }
            .sorted { $0.key > $1.key }
            .compactMap { budget, all -> String? in
                guard let best = all.max(by: { $0.mean < $1.mean }) else { return nil }
                return
                    "at \(Quantity.fraction(100 * budget, decimals: 1))% \(best.table) (AUC \(Quantity.fraction(best.mean, decimals: 4)))"
            }
        let table = table
        return TablePage(
            title: title,
            summary: best.isEmpty ? "" : "The best table on the test rows: \(best.joined(separator: ", ")).",
            lines: lines,
            sections: [
                .init(title: "All results", columns: table.columns.map(\.title), rows: table.rows)
            ], commands: commands)
    }
}
