import KuklaIndex
import KuklaNumerics

/// Whether the effort that is chosen for a wanted recall, on stored vectors, keeps it on queries that nobody has seen.
struct RecommendedEffort {
    let bench: StudyBench
    let corpora: [HeldOutVectors]

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let wanted = 0.95
        var table = StudyTable(
            "The effort chosen for a recall of \(wanted), on queries that it was not chosen by",
            columns: ["corpus", "effort", "recall when chosen", "recall on others"])
        var lowest = 1.0
        for corpus in corpora {
            var sums = [0.0, 0.0, 0.0]
            for seed in bench.seeds {
                var index = try corpus.graph(seed: seed, threads: bench.threads)
                let chosen = try index.chooseEffort(recall: wanted, seed: seed, threads: bench.threads)
                let found = try corpus.recall(of: index, effort: chosen.effort)
                for (place, value) in [Double(chosen.effort), chosen.recall, found].enumerated() {
                    sums[place] += value / Double(bench.seeds.count)
                }
            }
            lowest = min(lowest, sums[2])
            table.rows.append(
                [.text(corpus.name), .number(sums[0], decimals: 1)]
                    + sums[1...].map { .number($0, decimals: 4) })
        }
        findings.tables.append(table)
        findings.bars.append(
            StudyBar(
                "6. recall@10 of unseen queries at the effort chosen for 0.95", lowest, .atLeast, 0.94))
    }
}
