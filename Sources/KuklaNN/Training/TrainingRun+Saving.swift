import Foundation
import KuklaFormats
public import KuklaNumerics
import KuklaTensor

extension TrainingRun {
    /// Writes a checkpoint, whole or not at all, and removes those that are older than the newest `keep`.
    func saveCheckpoint(
        _ state: CheckpointState, model: some Module, optimizer: Optimizer
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
            try model.save(to: checkpoint.weights)
            var remembered = SafetensorsWriter()
            for (name, tensor) in optimizer.exportState() { remembered.add(tensor, named: name) }
            try remembered.write(to: checkpoint.optimizerState)
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
    func saveBest(of state: CheckpointState, model: some Module) throws(KuklaError) {
        guard let best = state.best else { return }
        let staging = try AtomicFolder(folder.best)
        try model.save(to: staging.staging.appending(path: "model.safetensors"))
        try AtomicFile.write(TrainingRun.json(best), to: staging.staging.appending(path: "best.json"))
        try staging.commit()
    }

    /// Makes `best/` again where a kill came between the checkpoint of the best evaluation and it.
    func restoreBest(of state: CheckpointState, from checkpoint: Checkpoint) throws(KuklaError) {
        guard let best = state.best, best.step == state.step, self.best?.evaluation.step != best.step else {
            return
        }
        let staging = try AtomicFolder(folder.best)
        do {
            try FileManager.default.copyItem(
                at: checkpoint.weights, to: staging.staging.appending(path: "model.safetensors"))
        } catch {
            throw KuklaError(.inputOutput, "Cannot write \(folder.best.path).", cause: error)
        }
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

    private static func json(_ value: some Encodable) throws(KuklaError) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        do { return try encoder.encode(value) } catch {
            throw KuklaError(.badData, "Cannot write the state of a run as JSON.", cause: error)
        }
    }
}

extension Checkpoint {
    /// Sets `model` and `optimizer` to what they were, and returns the rest.
    func restore(into model: some Module, optimizer: inout Optimizer) throws(KuklaError) -> CheckpointState {
        let state = try state()
        try model.load(from: SafetensorsFile(weights))
        let file = try SafetensorsFile(optimizerState)
        let tensors = try file.tensors.map { tensor throws(KuklaError) in
            (name: tensor.name, tensor: try file.values(named: tensor.name))
        }
        try optimizer.importState(tensors)
        return state
    }
}

extension Tensor {
    /// Whether no element is NaN or infinite.
    var isFinite: Bool { withUnsafeBufferPointer { $0.allSatisfy(\.isFinite) } }
}
