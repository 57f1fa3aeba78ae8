import Foundation
import KuklaNN
import KuklaNumerics
import KuklaObjectives

/// Trainings of one seed at several learning rates: of each stage the one counts that queries kept out of training judge
/// best.
struct BiDRStages {
    private static let rates: [Float] = [3e-4, 1e-3]

    private let trainings: [BiGranularTraining]

    /// - Parameter folder: takes the runs.
    init(
        set: BiDRSet, bench: StudyBench, seed: UInt64, folder: URL, codeBytes: Int = BiDRStudy.codeBytes
    ) throws(KuklaError) {
        do { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) } catch {
            throw KuklaError(.inputOutput, "Cannot make the folder \(folder.path).", cause: error)
        }
        let examples = try BiGranularTraining.Examples(
            queries: set.training.queries, documents: set.documents, answers: set.training.answers)
        var trainings: [BiGranularTraining] = []
        for rate in bench.choose(quick: Array(Self.rates.suffix(1)), full: Self.rates) {
            var recipe = BiGranularOptions.recipe
            recipe.training.seed = seed
            recipe.training.length = .epochs(bench.choose(quick: 2, full: 20))
            recipe.training.earlyStopping = .init()
            recipe.training.earlyStopping?.patience = 4
            recipe.training.learningRate = rate
            recipe.training.threads = bench.threads
            recipe.options.codeBytes = codeBytes
            recipe.options.heldOut = bench.choose(quick: 40, full: set.training.queries.rows / 5)
            trainings.append(
                try BiGranularTraining(
                    examples, recipe: recipe, runFolder: folder.appending(path: "rate-\(rate)")))
        }
        self.trainings = trainings
    }

    /// A training, for what does not depend on the rate.
    var any: BiGranularTraining { trainings[0] }

    /// The best outcome of a stage.
    func best(
        _ train: (BiGranularTraining) throws(KuklaError) -> BiGranularTraining.Stage
    ) throws(KuklaError) -> BiGranularTraining.Stage {
        var best = try train(trainings[0])
        for training in trainings.dropFirst() {
            let stage = try train(training)
            if stage.after > best.after { best = stage }
        }
        return best
    }
}
