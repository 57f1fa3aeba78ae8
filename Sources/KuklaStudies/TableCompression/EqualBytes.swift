import KuklaFormats
import KuklaNumerics
import KuklaTables

/// AUC of all methods at the same bytes.
struct EqualBytes {
    private let runs: CompressionRuns

    init(_ runs: CompressionRuns) { self.runs = runs }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let dense = try runs.dense()
        var table = StudyTable(
            "Test AUC in points at a share of the dense table's bytes (\(runs.schema.denseByteCount)); seconds of training",
            columns: ["table", "budget", "bytes", "AUC", "loss", "seconds"],
            rows: [
                [
                    "dense", "-", .count(dense.bytes), .number(dense.auc.mean, decimals: 2), "-",
                    .number(dense.seconds, decimals: 0),
                ]
            ])
        let halves = try losses(share: 0.5, &table)
        let tenths = try losses(share: 0.1, &table)
        findings.tables.append(table)
        findings.charts.append(Self.chart(of: table))

        let over = halves.over + tenths.over
        findings.bars.append(
            StudyBar("tables whose saved bytes exceed their budget", Double(over), .atMost, 0))
        try addHalves(halves.losses, to: &findings)
        try addTenths(tenths.losses, to: &findings)
    }

    /// What each table loses at each share; at the top what loses least at the first.
    static func chart(of table: StudyTable) -> StudyChart {
        let (names, losses) = (table.names, table.values("loss"))
        let shares = table.rows.map { $0[1].description }
        func loss(_ name: String, _ share: String) -> Double {
            names.indices.first { names[$0] == name && shares[$0] == share }.map { losses[$0] } ?? .nan
        }
        // The dense table, the first row, is what all are held against.
        let halves = names.indices.filter { shares[$0] == "0.5" }
            .sorted { losses[$0] < losses[$1] }.map { names[$0] }
        return StudyChart(
            "losses", title: "Points of test AUC that each table loses to the dense one",
            chart: DotPlot(
                rows: halves,
                series: [("half the bytes", "0.5"), ("a tenth", "0.1")].map { name, share in
                    .init(name: name, values: halves.map { loss($0, share) })
                }, xTitle: "points of AUC lost"))
    }

    private func losses(
        share: Double, _ table: inout StudyTable
    ) throws(KuklaError) -> (losses: [String: Double], over: Int) {
        var (losses, over) = ([String: Double](), 0)
        let budget = runs.schema.budget(share: share)
        let baselines = ["hash", "hash:ids=mixed", "dpq", "pep", "unified"]
        let others = runs.bench.choose(
            quick: ["qr", "robe", "int8"], full: CompressionRuns.methods + ["int16"])
        for word in runs.bench.choose(quick: ["hash:ids=mixed"], full: baselines) + others {
            let configuration = try runs.configuration(of: word)
            guard let outcome = try runs.outcome(configuration, share: share) else {
                let floor = try TableConfiguration(parsing: word).floor(for: runs.schema)
                table.rows.append(
                    [
                        .text(configuration), .text("\(share)"), .text("floor \(floor)"), .text("-"),
                        .text("-"),
                        .text("-"),
                    ])
                continue
            }
            let loss = try runs.loss(outcome)
            losses[word] = loss
            if outcome.bytes > budget { over += 1 }
            table.rows.append([
                .text(configuration), .text("\(share)"), .count(outcome.bytes),
                .number(outcome.auc.mean, decimals: 2),
                .number(loss, decimals: 2), .number(outcome.seconds, decimals: 0),
            ])
        }
        return (losses, over)
    }

    private func addHalves(_ losses: [String: Double], to findings: inout StudyFindings) throws(KuklaError) {
        let note = try runs.dense().auc.note
        findings.bars.append(
            StudyBar(
                "points of AUC that naive hashing loses to the dense table at half its bytes",
                losses["hash:ids=mixed"] ?? .nan, .atLeast, 2, note: note))
        if runs.bench.scale == .full {
            let few = CompressionRuns.methods.count { (losses[$0] ?? .infinity) <= 0.5 }
            findings.bars.append(
                StudyBar(
                    "of the 14 methods those that lose at most 0.5 points at half", Double(few), .atLeast, 8,
                    note: note))
            findings.bars.append(
                StudyBar("points that INT16 loses", losses["int16"] ?? .nan, .atMost, 0.1, note: note))
        }
        findings.bars.append(
            StudyBar("points that INT8 loses", losses["int8"] ?? .nan, .atMost, 0.3, note: note))
    }

    private func addTenths(_ losses: [String: Double], to findings: inout StudyFindings) throws(KuklaError) {
        let naive = losses["hash:ids=mixed"] ?? .nan
        let known = CompressionRuns.methods.compactMap { word in losses[word].map { (word, $0) } }
        findings.bars.append(
            StudyBar(
                "points that naive hashing loses at a tenth", naive, .atLeast, 6,
                note: try runs.dense().auc.note))
        guard let best = known.min(by: { $0.1 < $1.1 }) else { return }
        findings.bars.append(
            StudyBar(
                "points that the best of the 14 loses at a tenth, against 40% of what naive hashing loses",
                best.1,
                .atMost, 0.4 * naive, note: "The best is \(best.0)."))
    }
}
