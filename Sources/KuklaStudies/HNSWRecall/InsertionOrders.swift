import Foundation
import KuklaEvaluation
import KuklaIndex
import KuklaNumerics

/// Recall by the order in which vectors enter the graph: by local dimension, falling and rising, and at random.
struct InsertionOrders {
    let bench: StudyBench
    let corpora: [HeldOutVectors]

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let efforts = [10, 40]
        // Levels are drawn anew for each; the difference of two orders is small beside what they change.
        let levelSeeds = bench.seeds.flatMap { seed in
            (0..<UInt64(bench.choose(quick: 2, full: 4))).map { seed + 100 * $0 }
        }
        var table = StudyTable(
            "Recall@10 by the order of insertion, mean of \(levelSeeds.count) level seeds",
            columns: ["corpus"]
                + efforts.flatMap { ["descending, ef \($0)", "ascending, ef \($0)", "random, ef \($0)"] })
        var differences: [Double] = []
        var byCorpus: [String] = []
        bench.progress.begin(
            "Insertion orders", total: corpora.count * levelSeeds.count * 3, unit: "graphs")
        defer { bench.progress.end() }
        for corpus in corpora {
            let dimensions = try LocalDimension.estimate(
                corpus.base, metric: corpus.metric, threads: bench.threads)
            let ascending = dimensions.indices.sorted { (dimensions[$0], $0) < (dimensions[$1], $1) }
            var sums = efforts.map { _ in [0.0, 0.0, 0.0] }
            for seed in levelSeeds {
                let orders: [InsertionOrder] = [
                    .custom(ascending.reversed()), .custom(ascending), .random(seed: seed),
                ]
                var atTen: [Double] = []
                for (place, order) in orders.enumerated() {
                    let index = try corpus.graph(order: order, seed: seed, threads: bench.threads)
                    for (row, effort) in efforts.enumerated() {
                        let recall = try corpus.recall(of: index, effort: effort)
                        sums[row][place] += recall
                        if row == 0 { atTen.append(recall) }
                    }
                    bench.progress.advance(by: 1)
                }
                differences.append(100 * (atTen[0] - atTen[1]))
            }
            let own = differences.suffix(levelSeeds.count)
            byCorpus.append(
                "\(corpus.name) \(String(format: "%.2f", own.reduce(0, +) / Double(own.count)))")
            table.rows.append(
                [.text(corpus.name)]
                    + sums.flatMap { $0.map { .number($0 / Double(levelSeeds.count), decimals: 4) } })
        }
        findings.tables.append(table)
        let interval = ConfidenceInterval.ofMean(differences)
        let mean = differences.reduce(0, +) / Double(differences.count)
        findings.bars.append(
            StudyBar(
                "3. recall@10 (ef 10), descending less ascending local dimension, points", mean, .atLeast, 1
            ))
        findings.bars.append(
            StudyBar(
                "3. lower end of that difference's 95% interval, points", interval.lowerBound, .atLeast, 0))
    }
}
