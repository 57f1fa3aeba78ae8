import KuklaFormats
import KuklaNumerics

/// Shared rows against separate ones at the same bytes.
struct SharedRows {
    private let runs: MultiplexedRuns

    init(_ runs: MultiplexedRuns) { self.runs = runs }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let collisionless = try runs.train("dense", share: 1)
        var table = StudyTable(
            "Test AUC in points, and the mean squared norm of rows",
            columns: [
                "size", "rows", "separate", "shared", "gain", "a row for each id", "squared norm, shared",
            ])
        var (separate, shared, norms) = ([SeededAUC](), [SeededAUC](), [Double]())
        let sizes: [(share: Double, gain: Double)] = [(1, 1), (0.5, 2.5), (0.1, 3.5)]
        for (share, _) in sizes {
            let apart = try runs.train("hash:keep=2,ids=mixed", share: share)
            let together = try runs.train("unified", share: share)
            separate.append(apart.auc)
            shared.append(together.auc)
            norms.append(together.squaredNorm)
            table.rows.append([
                .number(share, decimals: 1), .count(Int(share * Double(runs.rows))),
                .number(apart.auc.mean, decimals: 2),
                .number(together.auc.mean, decimals: 2),
                .number(together.auc.mean - apart.auc.mean, decimals: 2),
                share == 1 ? .number(collisionless.auc.mean, decimals: 2) : "",
                .number(together.squaredNorm, decimals: 3),
            ])
        }
        findings.tables.append(table)
        findings.charts.append(Self.chart(of: table))
        for (i, (share, gain)) in sizes.enumerated() {
            findings.bars.append(
                StudyBar(
                    "points that shared rows gain over separate ones at \(share) of the full size",
                    shared[i].mean - separate[i].mean, .atLeast, gain,
                    note: "Shared: \(shared[i].note); separate: \(separate[i].note)."))
        }
        // At the full size separate rows are a row for each id: only smaller sizes have an order.
        for (i, (share, _)) in sizes.enumerated() {
            let least = min(shared[i].mean - separate[i].mean, collisionless.auc.mean - shared[i].mean)
            findings.bars.append(
                StudyBar(
                    "smaller of the steps from separate to shared rows to a row for each id at \(share)",
                    least, .atLeast, 0))
        }
        findings.bars.append(
            StudyBar(
                "points of shared rows at 0.5 above separate ones at 1.0", shared[1].mean - separate[0].mean,
                .atLeast, 0))
        if let deviation = (shared + separate).compactMap(\.deviation).max() {
            findings.bars.append(StudyBar("largest deviation over seeds, in points", deviation, .atMost, 0.2))
        }
        findings.bars.append(
            StudyBar("squared norm of shared rows at 0.1, over that at 1.0", norms[2] / norms[0], .atLeast, 4)
        )
    }

    static func chart(of table: StudyTable) -> StudyChart {
        StudyChart(
            "sizes", title: "Test AUC by the size of the table",
            chart: table.lineChart(
                ["separate", "shared", "a row for each id"], over: "size",
                xTitle: "size, share of a row for each id", yTitle: "AUC x 100", xScale: .log2))
    }
}
