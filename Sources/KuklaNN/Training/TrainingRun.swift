public import Foundation
import KuklaFormats
public import KuklaNumerics
import KuklaTensor

/// A training run in a folder: begun there, or gone on with where it stopped.
///
/// ```swift
/// let run = try TrainingRun(folder, recipe: recipe)
/// let summary = try run.train(task, progress: bar) { signals.wasInterrupted }
/// ```
/// A run that was killed at any moment and started again gives the same losses as one that never was, bit for bit: a
/// checkpoint holds everything that the next step depends on. docs/training.md says how that is tested.
public final class TrainingRun {
    let folder: RunFolder
    /// The recipe's settings.
    public let settings: TrainingSettings

    /// The run's folder.
    public var url: URL { folder.url }

    /// Opens `url` for the run of `recipe`: makes the folder, or finds a run of the same recipe in it, which then goes on.
    ///
    /// - Parameter isFresh: whether a run that is there is thrown away.
    /// - Throws: `KuklaError`: `usage` where a value is out of its range, or the run that is there has another recipe, with the
    ///   first key that differs (keys that only say how far to go and what to show may); `inputOutput` where another
    ///   process trains there.
    public init<Options: RecipePart>(
        _ url: URL, recipe: Recipe<Options>, isFresh: Bool = false
    ) throws(KuklaError) {
        _ = try recipe.checked()
        folder = try RunFolder(url)
        settings = recipe.training
        if isFresh { folder.clear() }
        if folder.hasRun {
            var old = recipe
            try old.read(folder.recipe)
            try TrainingRun.compare(try old.entries, try recipe.entries, folder: url)
        }
        try AtomicFile.write(
            "# Written by Kukla; docs/training.md explains the keys.\n" + (try recipe.yaml), to: folder.recipe
        )
    }

    /// The newest checkpoint; nil where none was written yet.
    public var latestCheckpoint: Checkpoint? { Checkpoint.all(in: folder.checkpoints).last }

    /// The best evaluation so far and the folder of its weights (`model.safetensors`); nil where there is none.
    public var best: (evaluation: BestEvaluation, url: URL)? {
        guard let data = FileManager.default.contents(atPath: folder.best.appending(path: "best.json").path),
            let evaluation = try? JSONDecoder().decode(BestEvaluation.self, from: data)
        else { return nil }
        return (evaluation, folder.best)
    }

    /// Trains to the end of the recipe, or until `isCancelled` says so: the step is then finished and a checkpoint written.
    ///
    /// The model holds the last weights afterwards, or their averages where the recipe asks for averages;
    /// `loadBest(into:)` changes that.
    /// - Throws: `KuklaError`: `badData` where a loss is no longer a number (with step and the loss's name) or the
    ///   checkpoint is of another model; `inputOutput` where a checkpoint cannot be written (the one before stays);
    ///   whatever the task throws.
    public func train<Task: TrainingTask>(
        _ task: Task, progress: any ProgressReporter = SilentProgress(),
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws(KuklaError) -> TrainingSummary {
        try TensorThreads.limited(to: settings.threads ?? TensorThreads.count) { () throws(KuklaError) in
            var loop = try TrainingLoop(task, run: self, progress: progress)
            return try loop.run(isCancelled: isCancelled)
        }
    }

    private static func compare(
        _ old: [(key: String, value: RecipeValue)], _ new: [(key: String, value: RecipeValue)], folder: URL
    ) throws(KuklaError) {
        let old = Dictionary(uniqueKeysWithValues: RecipeValue.flattened(old).map { ($0.key, $0.text) })
        let new = RecipeValue.flattened(new)
        let known = Set(new.map(\.key))
        let gone = old.keys.filter { !known.contains($0) }.sorted().map { (key: $0, text: "absent") }
        for (key, text) in new + gone where old[key] != text {
            if TrainingSettings.mayChange(key) { continue }
            throw KuklaError(
                .usage,
                "Cannot go on with the run in \(folder.path): its recipe has \(key): \(old[key] ?? "absent"), "
                    + "this one \(text). Give the old value, use another folder, or begin anew.")
        }
    }
}

/// How a run ended.
public struct TrainingSummary: Sendable {
    /// Why it ended.
    public enum Reason: Sendable { case finished, stoppedEarly, cancelled }

    public var reason: Reason
    /// Steps taken in all.
    public var step: Int
    /// Passes over the examples.
    public var epoch: Double
    /// The mean loss of the last logged steps.
    public var loss: Double?
    /// The last evaluation.
    public var metrics: [String: Double]
    public var best: BestEvaluation?
    /// Seconds of training, those of earlier parts of the run included.
    public var seconds: Double
}
