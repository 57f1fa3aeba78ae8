import KuklaNumerics
import KuklaTables

/// DIN beside histories summed up, at the same epochs and parameters.
struct InterestModels {
    let runs: InterestRuns
    let name: String

    func addFilms(to findings: inout StudyFindings) throws(KuklaError) {
        let found = try outcomes(InterestRuns.Model.allCases, &findings)
        guard let base = found[.base], let din = found[.din], let dice = found[.dice] else { return }
        let gains = SeededAUC(each: zip(din.auc.each, base.auc.each).map { $0 - $1 })
        findings.bars.append(
            StudyBar(
                "1. points of AUC that DIN gains over histories summed up, \(name)", gains.mean, .atLeast,
                0.3,
                note: "Gains by seed: \(gains.note)."))
        if let deviation = gains.deviation {
            findings.bars.append(
                StudyBar(
                    "1. that gain, against twice its deviation over seeds", gains.mean, .atLeast,
                    2 * deviation))
        }
        findings.bars.append(
            StudyBar(
                "1. points of AUC that DIN with Dice loses to DIN with PReLU", din.auc.mean - dice.auc.mean,
                .atMost, 0.05, note: "PReLU: \(din.auc.note); Dice: \(dice.auc.note)."))
        findings.bars.append(
            StudyBar(
                "parameters of the base over DIN's, less 1, in percent",
                100 * abs(Double(base.parameters) / Double(din.parameters) - 1), .atMost, 5))
    }

    func addItems(to findings: inout StudyFindings) throws(KuklaError) {
        let found = try outcomes([.base, .din, .dice], &findings)
        guard let base = found[.base], let din = found[.din] else { return }
        findings.bars.append(
            StudyBar(
                "RelaImpr of DIN's GAUC over that of histories summed up in percent, \(name); by the authors' corrected Amazon figures 2.0",
                Self.improvement(din, over: base), .atLeast, 2,
                note: "DIN: \(din.groupAUC.note); base: \(base.groupAUC.note)."))
    }

    private func outcomes(
        _ models: [InterestRuns.Model], _ findings: inout StudyFindings
    ) throws(KuklaError) -> [InterestRuns.Model: InterestRuns.Outcome] {
        var found: [InterestRuns.Model: InterestRuns.Outcome] = [:]
        for model in models { found[model] = try runs.outcome(model) }
        guard let base = found[.base] else { return found }
        let summary = runs.set.summary
        var table = StudyTable(
            "\(name): test AUC and GAUC in points, RelaImpr of the GAUC in percent (\(summary.training) rows to train on, \(summary.test) to test)",
            columns: ["history", "parameters", "AUC", "seeds", "GAUC", "RelaImpr"])
        for model in models {
            guard let outcome = found[model] else { continue }
            table.rows.append([
                .text(model.rawValue), .count(outcome.parameters), .number(outcome.auc.mean, decimals: 2),
                .text(outcome.auc.note), .number(outcome.groupAUC.mean, decimals: 2),
                .number(Self.improvement(outcome, over: base), decimals: 2),
            ])
        }
        findings.tables.append(table)
        return found
    }

    private static func improvement(
        _ outcome: InterestRuns.Outcome, over base: InterestRuns.Outcome
    ) -> Double {
        100
            * ClickMetrics.relativeImprovement(
                outcome.groupAUC.mean / 100, over: base.groupAUC.mean / 100)
    }
}
