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
        static let sequence = "tuned on one task after the other"
        static let foundInSequence = "self positioning of models tuned one after the other"
    }

    /// What was found, a value a seed.
    private struct Tally {
        var order: [String] = []
        var scores: [String: [Scores]] = [:]
        /// What the search took of the joint training's time, in percent.
        var shares: [Double] = []
        var places: [String] = []
        /// How far each parent leads on its own task.
        var leads: [Double] = []

        mutating func record(_ name: String, _ each: [Double]) {
            if scores[name] == nil { order.append(name) }
            scores[name, default: []].append(Scores(each: each))
        }

        func differences(_ name: String, _ other: String) -> [Double] {
            zip(scores[name] ?? [], scores[other] ?? []).map { $0.mean - $1.mean }
        }
    }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        var tally = Tally()
        for seed in bench.seeds {
            let parents = try tuned(seed, &tally)
            try merged(parents, seed, &tally)
            try inSequence(parents[0], seed, &tally)
        }
        addTable(tally, to: &findings)
        addBars(tally, to: &findings)
        findings.notes.append("What was found: " + tally.places.joined(separator: "; ") + ".")
    }

    private func judge(_ folder: URL) throws(KuklaError) -> [Double] {
        try training.judge(TextEncoderModule(folder: folder), tasks)
    }

    private func tuned(_ seed: UInt64, _ tally: inout Tally) throws(KuklaError) -> [TaskTraining.Tuned] {
        tally.record("base", try judge(training.base))
        var parents: [TaskTraining.Tuned] = []
        var scores: [Scores] = []
        for task in tasks {
            let parent = try training(task.name, [task], seed: seed)
            parents.append(parent)
            scores.append(Scores(each: try judge(parent.folder)))
            tally.record("tuned on \(task.name)", scores[scores.count - 1].each)
        }
        tally.leads += gaps(scores)
        tally.record(Name.joint, try judge(training("joint", tasks, seed: seed).folder))
        return parents
    }

    private func merged(
        _ parents: [TaskTraining.Tuned], _ seed: UInt64, _ tally: inout Tally
    ) throws(KuklaError) {
        let merge = try ModelMerge(base: training.base, models: parents.map(\.folder))
        let settings = MergeTask.settings(bench, seed: seed)
        let trained = tasks.map { $0.probe(MergeTask.probed(bench)) }
        for (name, method) in [
            (Name.average, MergeMethod.average), ("SLERP, equal weights", .slerp), ("TIES, 20 % kept", .ties),
            ("Fisher", .fisher), ("RegMean", .regMean),
        ] {
            _ = try merge(
                method, settings, probes: method.needsProbe ? trained : [], threads: bench.threads)
            tally.record(name, try training.judge(merge.model, tasks))
        }
        let joint = try training("joint", tasks, seed: seed)
        for (name, probes) in [(Name.found, trained), (Name.foundHeldOut, tasks.map(\.heldOut))] {
            let report = try merge(
                .selfPositioning, settings, probes: probes, threads: bench.threads, progress: bench.progress)
            tally.record(name, try training.judge(merge.model, tasks))
            if name == Name.found { tally.shares.append(100 * report.seconds / joint.seconds) }
            let weights = report.models.map { String(format: "%.2f", $0.weight) }
            tally.places.append(
                "\(name), seed \(seed): a \(weights.joined(separator: " : ")), lambda \(String(format: "%.2f", report.lambda ?? .nan))"
            )
        }
    }

    /// The paper's other way: each model goes on from the one before.
    private func inSequence(
        _ first: TaskTraining.Tuned, _ seed: UInt64, _ tally: inout Tally
    ) throws(KuklaError) {
        var chain = [first]
        for task in tasks.dropFirst() {
            chain.append(
                try training("sequence-\(task.name)", [task], seed: seed, after: chain[chain.count - 1]))
        }
        tally.record(Name.sequence, try judge(chain[chain.count - 1].folder))
        let merge = try ModelMerge(base: training.base, models: chain.map(\.folder))
        _ = try merge(
            .selfPositioning, MergeTask.settings(bench, seed: seed),
            probes: tasks.map { $0.probe(MergeTask.probed(bench)) }, threads: bench.threads,
            progress: bench.progress)
        tally.record(Name.foundInSequence, try training.judge(merge.model, tasks))
    }

    private func addBars(_ tally: Tally, to findings: inout StudyFindings) {
        let (joint, average) = (
            tally.differences(Name.found, Name.joint), tally.differences(Name.found, Name.average)
        )
        let (heldJoint, heldAverage) = (
            tally.differences(Name.foundHeldOut, Name.joint),
            tally.differences(Name.foundHeldOut, Name.average)
        )
        let sequence = Spread(tally.differences(Name.foundInSequence, Name.joint), decimals: 2)
        func note(_ values: [Double], _ held: [Double]) -> String {
            Spread(values, decimals: 2).note
                + String(format: "; with examples that no parent was trained on %.2f", Spread(held).mean)
        }
        findings.bars += [
            StudyBar(
                "1. self positioning above joint training, mean of tasks, points", Spread(joint).mean,
                .atLeast, 0.7, note: note(joint, heldJoint)),
            StudyBar(
                "1. the same of models tuned one after the other, points", sequence.mean, .atLeast, 0.7,
                note: sequence.note),
            StudyBar(
                "1. self positioning above the average merge, mean of tasks, points", Spread(average).mean,
                .atLeast, 0.3, note: note(average, heldAverage)),
            StudyBar(
                "1. time of self positioning, % of the joint training", Spread(tally.shares).mean, .atMost,
                25,
                note: Spread(tally.shares, decimals: 1).note),
            StudyBar(
                "1. least lead of a parent on its own task over the other parents, points",
                tally.leads.min() ?? .nan, .atLeast, 3, note: "below that, nothing could be told"),
            StudyBar(
                "1. training pairs (the probe's among them) that stand in a test set",
                Double(tasks.reduce(0) { $0 + $1.overlap }), .atMost, 0),
        ]
    }

    /// How far each parent leads on its own task.
    private func gaps(_ parents: [Scores]) -> [Double] {
        parents.indices.map { own in
            let others = parents.indices.filter { $0 != own }.map { parents[$0].each[own] }
            return parents[own].each[own] - (others.max() ?? .nan)
        }
    }

    private func addTable(_ tally: Tally, to findings: inout StudyFindings) {
        var table = StudyTable(
            "Test quality times 100, mean of \(bench.seeds.count) seeds",
            columns: ["model"] + tasks.map(\.name) + ["mean"])
        for name in tally.order {
            let runs = tally.scores[name] ?? []
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
