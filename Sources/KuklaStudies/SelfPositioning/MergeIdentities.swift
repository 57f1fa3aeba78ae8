import Foundation
import KuklaNumerics
import KuklaTensor
import KuklaText
import KuklaWeights

/// Bar 4: what must hold whatever the models.
struct MergeIdentities {
    let bench: StudyBench
    let tasks: [MergeTask]
    let training: TaskTraining

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let seed = bench.seeds[0]
        var parents: [URL] = []
        for task in tasks { parents.append(try training(task.name, [task], seed: seed).folder) }
        let alone = try ModelMerge(base: training.base, models: [parents[0]])
        func differing(from weights: ModelWeights, lambda: Double) throws(KuklaError) -> Double {
            var settings = MergeSettings()
            settings.lambda = lambda
            _ = try alone(.slerp, settings, threads: bench.threads)
            return Double(Self.bits(ModelWeights(of: alone.model), otherThan: weights))
        }
        let twice = try ModelMerge(base: training.base, models: [parents[0], parents[0]])
        var settings = MergeSettings()
        settings.weights = [1, 3]
        _ = try twice(.slerp, settings, threads: bench.threads)
        let equal = Self.distance(ModelWeights(of: twice.model), twice.vectors.tuned[0])
        _ = try twice(
            .regMean, MergeTask.settings(bench, seed: seed),
            probes: tasks.prefix(2).map { $0.probe(MergeTask.probed(bench)) }, threads: bench.threads)
        let answered = Self.distance(ModelWeights(of: twice.model), twice.vectors.tuned[0])
        findings.bars += [
            StudyBar(
                "4. numbers of one model merged at lambda 1 with other bits than the tuned model's",
                try differing(from: alone.vectors.tuned[0], lambda: 1), .atMost, 0),
            StudyBar(
                "4. numbers of a merge at lambda 0 with other bits than the base's",
                try differing(from: alone.vectors.base, lambda: 0), .atMost, 0),
            StudyBar("4. SLERP of a model with itself: largest difference to it", equal, .atMost, 1e-6),
            StudyBar("4. RegMean of a model with itself: largest difference to it", answered, .atMost, 1e-6),
            StudyBar(
                "4. SLERP of orthogonal vectors of one norm: relative change of the norm",
                Self.normChange(), .atMost, 1e-6),
            StudyBar(
                "4. slopes of a probe's loss by weights and lambda: greatest error to central differences, %",
                try slopeError(ModelMerge(base: training.base, models: parents)), .atMost, 1),
        ]
    }

    private static func bits(_ a: ModelWeights, otherThan b: ModelWeights) -> Int {
        zip(a.tensors, b.tensors).reduce(0) { sum, pair in
            sum + zip(pair.0.elements, pair.1.elements).count { $0.bitPattern != $1.bitPattern }
        }
    }

    private static func distance(_ a: ModelWeights, _ b: ModelWeights) -> Double {
        zip(a.tensors, b.tensors).reduce(0) { most, pair in
            zip(pair.0.elements, pair.1.elements).reduce(most) { max($0, Double(abs($1.0 - $1.1))) }
        }
    }

    private static func normChange() -> Double {
        let products = [[4.0, 0, 0], [0, 4, 0], [0, 0, 4]]
        let c = IteratedSLERP(products: products)([1, 2.5, 0.3]).coefficients
        return abs(c.reduce(0) { $0 + $1 * $1 }.squareRoot() - 1)
    }

    /// The greatest error of a slope, in percent of the largest.
    private func slopeError(_ merge: ModelMerge) throws(KuklaError) -> Double {
        let probes = tasks.map { $0.probe(MergeTask.probed(bench)) }
        let settings = MergeTask.settings(bench, seed: 1)
        let position = MergePosition(weights: [0.8, 1.3, 1], lambda: 0.9)
        let step = 0.05
        func moved(_ scalar: Int, by change: Double) -> MergePosition {
            var place = position
            if scalar < tasks.count { place.weights[scalar] += change } else { place.lambda += change }
            return place
        }
        let scalars = 0...tasks.count
        let found = try merge.slopes(
            of: probes, at: [position] + scalars.flatMap { [moved($0, by: step), moved($0, by: -step)] },
            settings, threads: bench.threads)
        let slopes = found[0].slopes.weights + [found[0].slopes.lambda]
        let expected = scalars.map { (found[1 + 2 * $0].loss - found[2 + 2 * $0].loss) / (2 * step) }
        let errors = zip(slopes, expected).map { abs($0 - $1) }
        return 100 * (errors.max() ?? .nan) / (expected.map(abs).max() ?? .nan)
    }
}
