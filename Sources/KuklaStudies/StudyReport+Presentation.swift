import Foundation
import KuklaFormats

extension StudyReport {
    private static let barColumns = ["bar", "measured", "wanted", "outcome", "note"]

    private var barRows: [[String]] {
        findings.bars.map { bar in
            [
                bar.requirement, String(format: "%.4g", bar.measured),
                "\(bar.relation.rawValue) \(String(format: "%.4g", bar.bound))", bar.outcome.rawValue,
                bar.note ?? "",
            ]
        }
    }

    private var barTable: TextTable {
        TextTable(
            columns: Self.barColumns.map { .init($0, $0 == "measured" ? .right : .left) }, rows: barRows)
    }

    /// The tables for a terminal.
    public func text() -> String {
        var parts = findings.tables.map { "\($0.title)\n\($0.words.text())" }
        parts.append(barTable.text())
        return (parts + findings.notes + [summary]).joined(separator: "\n") + "\n"
    }

    /// The page in Markdown.
    func page() -> String {
        var page = """
            # \(title)

            \(paper)

            **Claim.** \(claim)

            `kukla study \(name) \(scale == .full ? "--full" : "--quick")\(seedOption)\(texts.map { " --texts \($0)" } ?? "")` measured this: \(summary), seeds \(seeds.map(String.init).joined(separator: ", ")).

            ## Bars

            \(barTable.markdown())
            """
        if !findings.charts.isEmpty { page += "\n## Charts\n" }
        for chart in findings.charts {
            page += "\n![\(chart.title)](\(name)-\(chart.name).svg)\n\n*\(chart.title)*\n"
        }
        if !findings.tables.isEmpty { page += "\n## Figures\n" }
        for table in findings.tables {
            page += "\n\(table.title)\n\n\(table.words.markdown())"
        }
        if !findings.notes.isEmpty {
            page += "\n## Notes\n\n" + findings.notes.map { "- \($0)" }.joined(separator: "\n") + "\n"
        }
        return page
    }

    /// What the command was told about seeds.
    private var seedOption: String {
        seeds.count == StudyBench.usualSeeds(scale) ? "" : " --seeds \(seeds.count)"
    }
}
