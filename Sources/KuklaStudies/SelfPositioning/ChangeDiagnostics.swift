import KuklaEvaluation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaText
import KuklaWeights

/// Bar 3: how far training moves a model, and where training on several tasks moves it.
struct ChangeDiagnostics {
    let bench: StudyBench
    let tasks: [MergeTask]
    let training: TaskTraining

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let counts = bench.choose(quick: [16, 32], full: [500, 1_000, 2_000, 4_000])
        let base = ModelWeights(of: try TextEncoderModule(folder: training.base))
        func vectors(_ models: [TaskTraining.Tuned]) throws(KuklaError) -> TaskVectors {
            var tuned: [ModelWeights] = []
            for model in models {
                tuned.append(ModelWeights(of: try TextEncoderModule(folder: model.folder)))
            }
            return TaskVectors(base: base, tuned: tuned)
        }
        // Of one seed: that a longer way leads further is no matter of chance.
        var steps: [TaskTraining.Tuned] = []
        for count in counts {
            steps.append(
                try training("part", [tasks[0]], limit: count, seed: bench.seeds[0], schedule: .constant))
        }
        let norms = try vectors(steps).norms
        let table = StudyTable(
            "Length of the change by training pairs of \(tasks[0].name), constant rate",
            columns: counts.map(String.init), rows: [norms.map { .number($0, decimals: 3) }])
        var angles = StudyTable(
            "Angle of the joint model's change to that of each parent, degrees",
            columns: ["seed"] + tasks.map(\.name))
        var leads: [Double] = []
        for seed in bench.seeds {
            var parents: [TaskTraining.Tuned] = []
            for task in tasks { parents.append(try training(task.name, [task], seed: seed)) }
            let all = try vectors(parents + [training("joint", tasks, seed: seed)])
            let degrees = tasks.indices.map { all.angle($0, tasks.count) * 180 / .pi }
            leads.append((degrees.dropFirst().min() ?? .nan) - degrees[0])
            angles.rows.append([.count(Int(seed))] + degrees.map { .number($0, decimals: 1) })
        }
        findings.tables += [table, angles]
        findings.bars += [
            StudyBar(
                "3. Pearson correlation of a change's length with training pairs",
                try Correlation.pearson(counts.map(Double.init), norms), .atLeast, 0.9),
            StudyBar(
                "3. the joint change is nearer to the larger task's than to any smaller one's, degrees",
                Spread(leads).mean, .atLeast, 0.01, note: Spread(leads, decimals: 1).note),
        ]
    }
}
