public import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTensor

/// A point from which a run can go on: a folder `checkpoints/step-N` with weights, optimizer and state.
public struct Checkpoint: Sendable {
    /// The folder.
    public let url: URL
    /// Steps taken.
    public let step: Int

    /// The weights: the model's parameters and buffers by path.
    public var weights: URL { url.appending(path: "model.safetensors") }
    var optimizerState: URL { url.appending(path: "optimizer.safetensors") }
    var average: URL { url.appending(path: "ema.safetensors") }
    var stateFile: URL { url.appending(path: "state.json") }

    /// The checkpoints in `folder`, oldest first.
    static func all(in folder: URL) -> [Checkpoint] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.compactMap { name -> Checkpoint? in
            guard name.hasPrefix("step-"), let step = Int(name.dropFirst(5)) else { return nil }
            return Checkpoint(url: folder.appending(path: name), step: step)
        }.sorted { $0.step < $1.step }
    }

    static func url(step: Int, in folder: URL) -> URL {
        folder.appending(path: "step-\(String(repeating: "0", count: max(0, 8 - String(step).count)))\(step)")
    }

    /// - Throws: `KuklaError` (`missingFile`, `badData`).
    func state() throws(KuklaError) -> CheckpointState {
        guard let data = FileManager.default.contents(atPath: stateFile.path) else {
            throw KuklaError(
                .missingFile, "Cannot go on from \(url.path): state.json is missing; remove that folder.")
        }
        do {
            return try JSONDecoder().decode(CheckpointState.self, from: data)
        } catch {
            throw KuklaError(
                .badData,
                "Cannot go on from \(url.path): state.json is not what was written; remove that folder.",
                cause: error)
        }
    }
}

/// What a run must know besides weights and optimizer to go on as if it had never stopped.
struct CheckpointState: Codable, Sendable {
    /// Steps taken: also the position in the schedule.
    var step = 0
    /// Where in the examples the next batch is.
    var position = DataPosition()
    /// Where the stream of dropout and the like is.
    var random: RandomSource
    /// Losses since the last line of the log.
    var window = LossWindow()
    /// The best evaluation so far.
    var best: BestEvaluation?
    /// Evaluations since the best one.
    var evaluationsSinceBest = 0
    /// Seconds of training so far.
    var seconds = 0.0
}

/// The evaluation at which the goal was best.
public struct BestEvaluation: Codable, Sendable, Equatable {
    public var step: Int
    /// The goal's name and value.
    public var metric: String
    public var value: Double
    /// All metrics of that evaluation.
    public var metrics: [String: Double]
}

/// Sums over the steps since the last line of the log.
struct LossWindow: Codable, Sendable {
    var losses: [String: Double] = [:]
    var total = 0.0
    var batches = 0
    var examples = 0
    var seconds = 0.0

    mutating func add(_ step: TrainingStep, examples: Int) {
        for loss in step.losses { losses[loss.name, default: 0] += Double(loss.value) }
        total += step.total
        batches += 1
        self.examples += examples
    }

    var means: [String: Double] { losses.mapValues { $0 / Double(max(batches, 1)) } }
    var mean: Double { total / Double(max(batches, 1)) }
    var examplesPerSecond: Double { Double(examples) / max(seconds, 1e-9) }
}
