import KuklaNumerics

/// Whether learned steps make up for a step that was set ten times too long.
struct LearnedSteps {
    private let runs: CompressionRuns

    init(_ runs: CompressionRuns) { self.runs = runs }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let dense = try runs.dense()
        let step = try runs.integerStep()
        let long = "\(10 * (Double(step) ?? .nan))"
        // The card's rate is for batches of 128, whose steps are sixteen times as many.
        let rates = runs.bench.choose(quick: ["0.00002"], full: ["0.00002", "0.0001", "0.0005"])
        let rate = try runs.best(rates) { "alpt:step=\(long),rate=\($0)" }
        guard let best = try runs.outcome("int8:step=\(step)", share: 0.5),
            let fixed = try runs.outcome("int8:step=\(long)", share: 0.5),
            let learned = try runs.outcome("alpt:step=\(long),rate=\(rate)", share: 0.5)
        else { return }
        let (lost, recovered) = (try runs.loss(fixed), learned.auc.mean - fixed.auc.mean)
        findings.tables.append(
            StudyTable(
                "Eight bits with a step ten times as long as the best one", columns: ["table", "AUC"],
                rows: [
                    ["dense", .number(dense.auc.mean, decimals: 2)],
                    [.text("int8:step=\(step)"), .number(best.auc.mean, decimals: 2)],
                    [.text("int8:step=\(long)"), .number(fixed.auc.mean, decimals: 2)],
                    [.text("alpt:step=\(long),rate=\(rate)"), .number(learned.auc.mean, decimals: 2)],
                ]))
        findings.bars.append(
            StudyBar(
                "points that ALPT recovers of what INT8 loses at a step ten times too long, against half of that",
                recovered,
                .atLeast, lost / 2, note: dense.auc.note))
    }
}
