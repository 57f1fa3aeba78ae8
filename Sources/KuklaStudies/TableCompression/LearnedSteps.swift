import KuklaNumerics

/// Whether learned steps make up for a step that was set ten times too long.
struct LearnedSteps {
    private let runs: CompressionRuns

    init(_ runs: CompressionRuns) { self.runs = runs }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let dense = try runs.dense()
        guard let fixed = try runs.outcome("int8:step=0.1", share: nil),
            let learned = try runs.outcome("alpt:step=0.1", share: nil)
        else { return }
        let (lost, recovered) = (try runs.loss(fixed), learned.auc.mean - fixed.auc.mean)
        findings.tables.append(
            StudyTable(
                "Eight bits with a step of 0.1 instead of 0.01", columns: ["table", "AUC"],
                rows: [
                    ["dense", .number(dense.auc.mean, decimals: 2)],
                    ["int8:step=0.1", .number(fixed.auc.mean, decimals: 2)],
                    ["alpt:step=0.1", .number(learned.auc.mean, decimals: 2)],
                ]))
        findings.bars.append(
            StudyBar(
                "points that ALPT recovers of what INT8 loses at a step ten times too long, against half of that",
                recovered,
                .atLeast, lost / 2, note: dense.auc.note))
    }
}
