import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaWeights

/// Bar 2: the place that was found for two models, among places set by hand.
struct PositionGrid {
    let bench: StudyBench
    let tasks: [MergeTask]
    let training: TaskTraining

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let two = Array(tasks.prefix(2))
        let seed = bench.seeds[0]
        var parents: [URL] = []
        for task in two { parents.append(try training(task.name, [task], seed: seed).folder) }
        let merge = try ModelMerge(base: training.base, models: parents)
        func mean() throws(KuklaError) -> Double {
            try training.judge(merge.model, two).reduce(0, +) / Double(two.count)
        }
        let ratios = bench.choose(quick: [0.25, 4], full: (0..<9).map { exp2(Double($0 - 4) * 0.75) })
        let lambdas = bench.choose(quick: [0.5, 1], full: [0.5, 0.75, 1, 1.25, 1.5])
        var grid: [[Double]] = []
        bench.progress.begin("Grid", total: ratios.count * lambdas.count, unit: "merges")
        for lambda in lambdas {
            var row: [Double] = []
            for ratio in ratios {
                var settings = MergeSettings()
                settings.weights = [ratio, 1]
                settings.lambda = lambda
                _ = try merge(.slerp, settings, threads: bench.threads)
                row.append(try mean())
                bench.progress.advance(by: 1)
            }
            grid.append(row)
        }
        bench.progress.end()
        var found: [(name: String, mean: Double, place: String)] = []
        for (name, probes) in [
            ("training pairs", two.map { $0.probe(MergeTask.probed(bench)) }),
            ("pairs that no parent was trained on", two.map(\.heldOut)),
        ] {
            let report = try merge(
                .selfPositioning, MergeTask.settings(bench, seed: seed), probes: probes,
                threads: bench.threads)
            let ratio = report.models[0].weight / report.models[1].weight
            found.append(
                (
                    name, try mean(),
                    String(format: "ratio %.2f, lambda %.2f", ratio, report.lambda ?? .nan)
                ))
        }
        let all = grid.joined().sorted()
        let (best, median) = (all[all.count - 1], all[all.count / 2])
        let held = String(
            format: "; with pairs that no parent was trained on %.2f (%@)", found[1].mean, found[1].place)
        findings.bars += [
            StudyBar(
                "2. best of a grid of \(all.count) above self positioning, \(two.map(\.name).joined(separator: " and ")), points",
                best - found[0].mean, .atMost, 0.3,
                note: String(
                    format: "one seed; found %.2f (%@), best %.2f", found[0].mean, found[0].place, best)
                    + held
            ),
            StudyBar(
                "2. self positioning above the grid's median, points", found[0].mean - median, .atLeast, 0.01,
                note: String(format: "median %.2f; one seed", median)),
        ]
        let names = ratios.map { String(format: "%.2f", $0) }
        var table = StudyTable(
            "Mean of \(two.map(\.name).joined(separator: " and ")) by lambda and the ratio of their weights",
            columns: ["lambda"] + names)
        for (lambda, row) in zip(lambdas, grid) {
            table.rows.append(
                [.number(lambda, decimals: 2)] + row.map { .number($0, decimals: 2) })
        }
        findings.tables.append(table)
        findings.charts.append(
            StudyChart(
                "grid", title: table.title,
                chart: LineChart(
                    series: zip(lambdas, grid).map { lambda, row in
                        .init(name: String(format: "lambda %.2f", lambda), points: Array(zip(ratios, row)))
                    }
                        + [
                            .init(
                                name: "self positioning",
                                points: [ratios[0], ratios[ratios.count - 1]].map { ($0, found[0].mean) },
                                mark: .paleLine)
                        ],
                    xTitle: "weight of \(two[0].name) to that of \(two[1].name)", yTitle: "mean, times 100",
                    xScale: .log2, showsPoints: true)))
    }
}
