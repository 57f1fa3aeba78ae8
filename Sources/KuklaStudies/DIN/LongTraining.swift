import KuklaFormats
import KuklaNumerics
import KuklaTables

/// What becomes of DIN when it is trained four times as long as is best for it, with and without L2.
struct LongTraining {
    private let runs: InterestRuns

    init(_ runs: InterestRuns) { self.runs = runs }

    private static let checksPerEpoch = 4

    /// A way to hold vectors back.
    private struct Arm {
        let name: String
        let strength: (batchAware: Float, whole: Float)
        /// AUC of the validation users in points, by check and seed.
        var checks: [[Double]] = []
    }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        var arms = [
            Arm(name: "none", strength: (0, 0)),
            Arm(name: "rows of the batch, 1", strength: (1, 0)),
            Arm(name: "rows of the batch, 10", strength: (10, 0)),
            Arm(name: "whole table, 0.001", strength: (0, 0.001)),
        ]
        for i in arms.indices {
            for seed in runs.bench.seeds {
                let report = try runs.train(
                    .din, seed: seed, epochs: runs.bench.choose(quick: 2, full: 6),
                    checksPerEpoch: Self.checksPerEpoch, regularization: arms[i].strength
                ).report
                arms[i].checks.append(report.checks.map { 100 * ($0.auc ?? .nan) })
            }
        }
        addTable(arms, to: &findings)
        let (without, with) = (falls(arms[0], arms), falls(arms[2], arms))
        findings.bars.append(
            StudyBar(
                "4. points of AUC that DIN falls by when trained 4 times as long as is best, without L2",
                without.mean, .atLeast, 0.5, note: without.note))
        findings.bars.append(
            StudyBar(
                "4. points that it falls by in the same time with L2 over the batch's rows (strength 10), against half of that",
                with.mean, .atMost, without.mean / 2, note: with.note))
    }

    /// The check at which the model without L2 was best, and the one at four times its steps, or the last, from 0.
    private func best(_ plain: Arm, seed: Int) -> (best: Int, long: Int) {
        let checks = plain.checks[seed]
        let best = checks.indices.max { checks[$0] < checks[$1] } ?? 0
        return (best, min(4 * (best + 1) - 1, checks.count - 1))
    }

    /// How far an arm falls from its own best check to the one at four times the steps that are best without L2.
    private func falls(_ arm: Arm, _ arms: [Arm]) -> SeededAUC {
        SeededAUC(
            each: arm.checks.indices.map { seed in
                let long = best(arms[0], seed: seed).long
                return (arm.checks[seed][...long].max() ?? .nan) - arm.checks[seed][long]
            })
    }

    private func addTable(_ arms: [Arm], to findings: inout StudyFindings) {
        var table = StudyTable(
            "DIN on MovieLens-100k, AUC of the validation users in points: the best check, and after 4 times the steps that are best without L2",
            columns: ["L2", "best", "after", "fall", "seeds"])
        for arm in arms {
            let fall = falls(arm, arms)
            let tops = arm.checks.indices.map { seed in
                arm.checks[seed][...best(arms[0], seed: seed).long].max() ?? .nan
            }
            let top = tops.reduce(0, +) / Double(tops.count)
            table.rows.append([
                .text(arm.name), .number(top, decimals: 2), .number(top - fall.mean, decimals: 2),
                .number(fall.mean, decimals: 2), .text(fall.note),
            ])
        }
        findings.tables.append(table)
        findings.charts.append(
            StudyChart(
                "long",
                title: "DIN on MovieLens-100k: AUC of the validation users in training, mean of seeds",
                chart: LineChart(
                    series: arms.map { arm in
                        .init(
                            name: arm.name,
                            points: (arm.checks.first ?? []).indices.map { check in
                                (
                                    Double(check + 1) / Double(Self.checksPerEpoch),
                                    arm.checks.reduce(0) { $0 + $1[check] } / Double(arm.checks.count)
                                )
                            })
                    }, xTitle: "epochs", yTitle: "AUC x 100", showsPoints: true)))
        findings.notes.append(
            "Bar 4 is measured on the validation users, looked at \(Self.checksPerEpoch) times an epoch; best without L2 after \(runs.bench.seeds.indices.map { "\(Double(best(arms[0], seed: $0).best + 1) / Double(Self.checksPerEpoch))" }.joined(separator: ", ")) epochs, by seed."
        )
    }
}
