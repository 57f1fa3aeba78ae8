import Foundation
import KuklaFormats

/// One line of a run's `metrics.jsonl`.
public struct MetricsLine: Sendable, Equatable {
    /// Steps taken when the line was written.
    public var step: Int
    /// Passes over the examples so far, with the part of the one that goes on.
    public var epoch: Double
    public var content: Content
    /// Since the run, or this part of it, began.
    public var seconds: Double

    /// What the line tells.
    public enum Content: Sendable, Equatable {
        case training(TrainingMeans)
        /// Metrics by name, and whether the goal was better than ever before.
        case evaluation([String: Double], isBest: Bool)
    }

    /// Means over the steps since the line before.
    public struct TrainingMeans: Sendable, Equatable {
        public var loss: Double
        /// By name, without weights.
        public var losses: [String: Double]
        /// Of the last step.
        public var learningRate: Double
        /// Of the last step, before clipping.
        public var gradientNorm: Double
        public var examplesPerSecond: Double
    }
}

extension MetricsLine {
    /// The line as a JSON object without its end; numbers that JSON cannot write are null.
    var json: String {
        var members = ["\"step\":\(step)", "\"epoch\":\(Self.number(epoch))"]
        switch content {
        case .training(let means):
            members.append("\"loss\":\(Self.number(means.loss))")
            members.append("\"losses\":\(Self.object(means.losses))")
            members.append("\"learning_rate\":\(Self.number(means.learningRate))")
            members.append("\"gradient_norm\":\(Self.number(means.gradientNorm))")
            members.append("\"examples_per_second\":\(Self.number(means.examplesPerSecond, digits: 4))")
        case .evaluation(let metrics, let isBest):
            members.append("\"evaluation\":\(Self.object(metrics))")
            members.append("\"is_best\":\(isBest)")
        }
        members.append("\"seconds\":\(Self.number(seconds, digits: 6))")
        return "{\(members.joined(separator: ","))}"
    }

    private static func object(_ values: [String: Double]) -> String {
        let members = values.sorted { $0.key < $1.key }.map { "\(jsonQuoted($0.key)):\(number($0.value))" }
        return "{\(members.joined(separator: ","))}"
    }

    private static func number(_ value: Double, digits: Int? = nil) -> String {
        guard value.isFinite else { return "null" }
        guard let digits else { return "\(value)" }
        return String(format: "%.\(digits)g", value)
    }

    /// Reads what `json` wrote; nil where the text is something else, the cut end of a killed run for instance.
    init?(json: some DataProtocol) {
        guard let read = try? JSONDecoder().decode(Wire.self, from: Data(json)) else { return nil }
        let content: Content
        if let metrics = read.evaluation {
            content = .evaluation(metrics.mapValues { $0 ?? .nan }, isBest: read.is_best ?? false)
        } else if let losses = read.losses {
            content = .training(
                TrainingMeans(
                    loss: read.loss ?? .nan, losses: losses.mapValues { $0 ?? .nan },
                    learningRate: read.learning_rate ?? .nan, gradientNorm: read.gradient_norm ?? .nan,
                    examplesPerSecond: read.examples_per_second ?? .nan))
        } else {
            return nil
        }
        self.init(step: read.step, epoch: read.epoch, content: content, seconds: read.seconds ?? 0)
    }

    private struct Wire: Decodable {
        var step: Int
        var epoch: Double
        var loss: Double?
        var losses: [String: Double?]?
        var learning_rate: Double?
        var gradient_norm: Double?
        var examples_per_second: Double?
        var evaluation: [String: Double?]?
        var is_best: Bool?
        var seconds: Double?
    }
}
