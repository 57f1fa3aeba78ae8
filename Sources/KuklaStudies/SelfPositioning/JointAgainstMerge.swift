import Foundation
import KuklaNumerics
import KuklaText
import KuklaWeights

/// Bar 1: one model trained on the unbalanced mix against models trained apart and merged.
struct JointAgainstMerge {
    let bench: StudyBench
    let tasks: [MergeTask]
    let training: TaskTraining

    /// Qualities by task, and their mean.
    private struct Scores {
        let each: [Double]
        var mean: Double { each.reduce(0, +) / Double(each.count) }
    }

    private enum Name {
        static let joint = "joint training"
        static let average = "average"
        static let found = "self positioning"
        static let foundHeldOut = "self positioning, examples not trained on"
    }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        var scores: [String: [Scores]] = [:]
        var order: [String] = []
        var (shares, places): ([Double], [String]) = ([], [])
        var gaps: [Double] = []
        for seed in bench.seeds {
            func record(_ name: String, _ model: TextEncoderModule) throws(KuklaError) {
                if scores[name] == nil { order.append(name) }
                scores[name, default: []].append(Scores(each: try training.judge(model, tasks)))
            }
            try record("base", TextEncoderModule(folder: training.base))
            var parents: [TaskTraining.Tuned] = []
            for task in tasks {
                let parent = try training(task.name, [task], seed: seed)
                parents.append(parent)
                try record("tuned on \(task.name)", TextEncoderModule(folder: parent.folder))
            }
            gaps.append(contentsOf: gap(order.suffix(tasks.count).map { scores["\($0)"]!.last! }))
            let joint = try training("joint", tasks, seed: seed)
            try record(Name.joint, TextEncoderModule(folder: joint.folder))
            let merge = try ModelMerge(base: training.base, models: parents.map(\.folder))
            for (name, method) in [
                (Name.average, MergeMethod.average), ("SLERP, equal weights", .slerp),
                ("TIES, 20 % kept", .ties),
            ] {
                _ = try merge(method, threads: bench.threads)
                try record(name, merge.model)
            }
            let trained = tasks.map { $0.probe(MergeTask.probed(bench)) }
            for (name, method) in [("Fisher", MergeMethod.fisher), ("RegMean", .regMean)] {
                _ = try merge(
                    method, MergeTask.settings(bench, seed: seed), probes: trained, threads: bench.threads)
                try record(name, merge.model)
            }
            for (name, probes) in [
                (Name.found, trained),
                (Name.foundHeldOut, tasks.map(\.heldOut)),
            ] {
                let report = try merge(
                    .selfPositioning, MergeTask.settings(bench, seed: seed), probes: probes,
                    threads: bench.threads, progress: bench.progress)
                try record(name, merge.model)
                if name == Name.found { shares.append(100 * report.seconds / joint.seconds) }
                let weights = report.models.map { String(format: "%.2f", $0.weight) }
                places.append(
                    "\(name), seed \(seed): a \(weights.joined(separator: " : ")), lambda \(String(format: "%.2f", report.lambda ?? .nan))"
                )
            }
        }
        addTable(order, scores, to: &findings)
        func differences(_ name: String, _ other: String) -> [Double] {
            zip(scores[name] ?? [], scores[other] ?? []).map { $0.mean - $1.mean }
        }
        let (joint, average) = (differences(Name.found, Name.joint), differences(Name.found, Name.average))
        let (heldJoint, heldAverage) = (
            differences(Name.foundHeldOut, Name.joint), differences(Name.foundHeldOut, Name.average)
        )
        func note(_ values: [Double], _ held: [Double]) -> String {
            Spread(values, decimals: 2).note
                + String(format: "; with examples that no parent was trained on %.2f", Spread(held).mean)
        }
        findings.bars += [
            StudyBar(
                "1. self positioning above joint training, mean of tasks, points", Spread(joint).mean,
                .atLeast, 0.7, note: note(joint, heldJoint)),
            StudyBar(
                "1. self positioning above the average merge, mean of tasks, points", Spread(average).mean,
                .atLeast, 0.3, note: note(average, heldAverage)),
            StudyBar(
                "1. time of self positioning, % of the joint training", Spread(shares).mean, .atMost, 25,
                note: Spread(shares, decimals: 1).note),
            StudyBar(
                "1. least lead of a parent on its own task over the other parents, points",
                gaps.min() ?? .nan, .atLeast, 3, note: "below that, nothing could be told"),
            StudyBar(
                "1. training pairs (the probe's among them) that stand in a test set",
                Double(tasks.reduce(0) { $0 + $1.overlap }), .atMost, 0),
        ]
        findings.notes.append("What was found: " + places.joined(separator: "; ") + ".")
    }

    /// How far each parent leads on its own task.
    private func gap(_ parents: [Scores]) -> [Double] {
        parents.indices.map { own in
            let others = parents.indices.filter { $0 != own }.map { parents[$0].each[own] }
            return parents[own].each[own] - (others.max() ?? .nan)
        }
    }

    private func addTable(
        _ order: [String], _ scores: [String: [Scores]], to findings: inout StudyFindings
    ) {
        var table = StudyTable(
            "Test quality times 100, mean of \(bench.seeds.count) seeds",
            columns: ["model"] + tasks.map(\.name) + ["mean"])
        for name in order {
            let runs = scores[name] ?? []
            let means = tasks.indices.map { task in Spread(runs.map { $0.each[task] }).mean }
            table.rows.append(
                [.text(name)] + (means + [Spread(runs.map(\.mean)).mean]).map { .number($0, decimals: 2) })
        }
        findings.tables.append(table)
    }
}

extension MergeTask {
    /// How merges are placed in this study.
    static func settings(_ bench: StudyBench, seed: UInt64) -> MergeSettings {
        var settings = MergeSettings()
        if bench.scale == .quick { settings.positioning.steps = 3 }
        settings.batchSize = TaskTraining.batchSize(bench)
        settings.maximumTokens = tokens(bench)
        settings.seed = seed
        return settings
    }
}
