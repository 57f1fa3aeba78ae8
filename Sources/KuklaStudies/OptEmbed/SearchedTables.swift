import KuklaFormats
import KuklaNumerics
import KuklaTables

/// Searched tables against the dense one, narrower ones and random widths, and what becomes of a field that says nothing.
struct SearchedTables {
    private let runs: SearchRuns

    init(_ runs: SearchRuns) { self.runs = runs }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let dense = try runs.train("dense")
        let schema = runs.set.tableSchema(width: SearchRuns.width)
        var table = StudyTable(
            "Test AUC in points, and bytes with the words that remap ids, as a share of the dense table",
            columns: ["table", "AUC", "bytes"])
        func add(_ name: String, _ outcome: SearchRuns.Outcome) {
            table.rows.append([
                .text(name), .number(outcome.auc.mean, decimals: 2),
                .number(outcome.bytes / Double(schema.denseByteCount), decimals: 3),
            ])
        }
        add("dense", dense)
        // Within the bytes that the bar asks for.
        let both = try runs.train(SearchRuns.word("both"), share: 0.7)
        add("rows and widths, at most 0.7", both)
        findings.bars.append(
            StudyBar(
                "points that the searched table loses to the dense one", dense.auc.mean - both.auc.mean,
                .atMost, 0.1, note: both.auc.note))
        findings.bars.append(
            StudyBar(
                "its bytes as a share of the dense table", both.bytes / Double(schema.denseByteCount),
                .atMost, 0.7))
        try addRivals(of: both, add, to: &findings)
        try addAblations(dense, add, to: &findings)
        findings.tables.append(table)
        findings.charts.append(Self.chart(of: table))
        try addPlanted(to: &findings)
    }

    // A uniform narrower table and random widths of the same bytes.
    private func addRivals(
        of both: SearchRuns.Outcome, _ add: (String, SearchRuns.Outcome) -> Void,
        to findings: inout StudyFindings
    ) throws(KuklaError) {
        let ids = runs.set.tableSchema(width: 1).idCount
        let width = max(1, Int(both.bytes) / (4 * ids))
        let narrow = try runs.train("dense", width: width)
        add("dense, d = \(width)", narrow)
        findings.bars.append(
            StudyBar(
                "points above a dense table of the same bytes", both.auc.mean - narrow.auc.mean, .atLeast,
                0.2, note: narrow.auc.note))
        let draws = (1...runs.bench.choose(quick: 1, full: 10)).map { UInt64(100 + $0) }
        let random = try runs.train(
            SearchRuns.word("random"), share: both.bytes / Double(4 * ids * SearchRuns.width), seeds: draws)
        add("rows, and random widths (\(draws.count) draws)", random)
        findings.bars.append(
            StudyBar(
                "points above the mean of random widths of the same bytes", both.auc.mean - random.auc.mean,
                .atLeast, 0.2, note: random.auc.note))
    }

    private func addAblations(
        _ dense: SearchRuns.Outcome, _ add: (String, SearchRuns.Outcome) -> Void,
        to findings: inout StudyFindings
    ) throws(KuklaError) {
        var outcomes: [String: SearchRuns.Outcome] = [:]
        for search in ["rows", "widths", "both"] {
            let outcome = try runs.train(SearchRuns.word(search))
            outcomes[search] = outcome
            add(search == "both" ? "rows and widths, no budget" : "\(search) only, no budget", outcome)
        }
        guard let both = outcomes["both"], let rows = outcomes["rows"], let widths = outcomes["widths"] else {
            return
        }
        findings.bars.append(
            StudyBar(
                "bytes of both searches over the fewest of one alone",
                both.bytes / min(rows.bytes, widths.bytes), .atMost, 1))
        findings.bars.append(
            StudyBar(
                "points that both lose without a budget", dense.auc.mean - both.auc.mean, .atMost, 0.1,
                note: both.auc.note))
    }

    // A column of random ids should keep little.
    private func addPlanted(to findings: inout StudyFindings) throws(KuklaError) {
        let set = try runs.withPlantedField()
        let dense = try runs.train("dense", on: set)
        let found = try runs.train(SearchRuns.word("both"), on: set, share: 0.7)
        let fields = set.tableSchema(width: 1).fields
        var table = StudyTable(
            "Kept share of each field's floats, with a column of 5,000 random ids",
            columns: ["field", "share"])
        for (field, share) in zip(fields, found.shares) {
            table.rows.append([.text(field.name), .number(share, decimals: 3)])
        }
        findings.tables.append(table)
        findings.charts.append(Self.fieldChart(of: table))
        let real = found.shares.dropLast()
        findings.bars.append(
            StudyBar(
                "kept share of the planted field, against half the mean of the real ones",
                found.shares[found.shares.count - 1],
                .atMost, real.reduce(0, +) / Double(2 * real.count)))
        findings.bars.append(
            StudyBar(
                "points that the searched table loses with the planted field",
                dense.auc.mean - found.auc.mean, .atMost, 0.1))
    }

    static func chart(of table: StudyTable) -> StudyChart {
        let names = zip(table.names, table.values("bytes")).map {
            "\($0): \(Int((100 * $1).rounded())) % of the bytes"
        }
        return StudyChart(
            "tables", title: "Test AUC of searched tables, and of others of their size",
            chart: DotPlot(
                rows: names, series: [.init(name: "AUC", values: table.values("AUC"))], xTitle: "AUC x 100"))
    }

    static func fieldChart(of table: StudyTable) -> StudyChart {
        StudyChart(
            "fields", title: table.title, chart: table.dotPlot([("share", "share")], xTitle: "share kept"))
    }
}
