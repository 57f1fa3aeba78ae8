import Foundation
import KuklaFormats
public import KuklaNumerics
import KuklaTensor

extension TrainingRun {
    /// Writes a checkpoint, whole or not at all, and removes those that are older than the newest `keep`.
    func saveCheckpoint(
        _ state: CheckpointState, model: some Module, optimizer: Optimizer,
        average: ExponentialMovingAverage?
    ) throws(KuklaError) {
        let before = latestCheckpoint
        if let bad = model.parameters.first(where: { !$0.parameter.value.isFinite }) {
            throw KuklaError(
                .badData,
                "Training in \(url.path) stopped at step \(state.step): the parameter '\(bad.path)' is no longer "
                    + "finite. \(TrainingRun.kept(before)). Try a lower learning_rate or a clip_norm.")
        }
        let place = Checkpoint.url(step: state.step, in: folder.checkpoints)
        do throws(KuklaError) {
            let staging = try AtomicFolder(place)
            let checkpoint = Checkpoint(url: staging.staging, step: state.step)
            try model.save(to: checkpoint.weights, metadata: ["format": "pt"])
            try TrainingRun.write(optimizer.exportState(), to: checkpoint.optimizerState)
            if let average { try TrainingRun.write(average.exportState(), to: checkpoint.average) }
            try AtomicFile.write(TrainingRun.json(state), to: checkpoint.stateFile)
            try staging.commit()
        } catch {
            throw KuklaError(
                error.code,
                "Cannot save the checkpoint of step \(state.step) in \(url.path). \(TrainingRun.kept(before)): make "
                    + "room and give the same command to go on from there.", cause: error)
        }
        for old in Checkpoint.all(in: folder.checkpoints).dropLast(settings.keep) {
            try? FileManager.default.removeItem(at: old.url)
        }
    }

    /// Writes the weights of the best evaluation, whole or not at all.
    func save(_ best: BestEvaluation, _ model: some Module) throws(KuklaError) {
        let staging = try AtomicFolder(folder.best)
        try model.save(to: staging.staging.appending(path: "model.safetensors"), metadata: ["format": "pt"])
        try AtomicFile.write(TrainingRun.json(best), to: staging.staging.appending(path: "best.json"))
        try staging.commit()
    }

    /// Sets `model` to the weights of the best evaluation, where there was one; returns that.
    ///
    /// - Throws: `KuklaError(.badData)` where they are of another model, with the first parameter that differs.
    @discardableResult
    public func loadBest(into model: some Module) throws(KuklaError) -> BestEvaluation? {
        guard let best else { return nil }
        try model.load(from: SafetensorsFile(best.url.appending(path: "model.safetensors")))
        return best.evaluation
    }

    static func kept(_ checkpoint: Checkpoint?) -> String {
        checkpoint.map { "The checkpoint of step \($0.step) stays" } ?? "There is no earlier checkpoint"
    }

    private static func write(_ tensors: [(name: String, tensor: Tensor)], to url: URL) throws(KuklaError) {
        var writer = SafetensorsWriter()
        for (name, tensor) in tensors { writer.add(tensor, named: name) }
        try writer.write(to: url)
    }

    private static func json(_ value: some Encodable) throws(KuklaError) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        do { return try encoder.encode(value) } catch {
            throw KuklaError(.badData, "Cannot write the state of a run as JSON.", cause: error)
        }
    }
}

extension Checkpoint {
    /// Sets model, optimizer and averages to what they were, and returns the rest.
    func restore(
        into model: some Module, optimizer: inout Optimizer, average: inout ExponentialMovingAverage?
    ) throws(KuklaError) -> CheckpointState {
        let state = try state()
        try model.load(from: SafetensorsFile(weights))
        try optimizer.importState(Checkpoint.tensors(of: optimizerState))
        try average?.importState(Checkpoint.tensors(of: self.average))
        return state
    }

    private static func tensors(of url: URL) throws(KuklaError) -> [(name: String, tensor: Tensor)] {
        let file = try SafetensorsFile(url)
        return try file.tensors.map { tensor throws(KuklaError) in
            (name: tensor.name, tensor: try file.values(named: tensor.name))
        }
    }
}

extension Tensor {
    /// Whether no element is NaN or infinite.
    var isFinite: Bool { withUnsafeBufferPointer { $0.allSatisfy(\.isFinite) } }
}
