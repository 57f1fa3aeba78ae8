import Foundation
import KuklaNumerics

/// How models become one.
public enum MergeMethod: String, Sendable, CaseIterable, Encodable {
    /// The weighted mean.
    case average
    /// `IteratedSLERP` with given weights.
    case slerp
    /// `TIES`.
    case ties
    /// `FisherMerge`, of the probe's losses.
    case fisher
    /// `RegMean`, of the layers' inputs on the probe.
    case regMean = "regmean"
    /// `SelfPositioning` on the probe.
    case selfPositioning = "self-positioning"

    /// Whether the method looks at examples.
    public var needsProbe: Bool { self == .fisher || self == .regMean || self == .selfPositioning }

    /// Whether the method is defined without the model that all come from: as the mean of the models themselves, and as SLERP
    /// between them seen from the origin.
    public var canDoWithoutBase: Bool { self != .ties && self != .selfPositioning }

    /// Whether what is merged has a length that can be given.
    public var hasLambda: Bool { self == .average || self == .slerp || self == .ties }

    /// In words, for a model's card.
    func sentence(_ settings: MergeSettings, probes: [MergeProbe]) -> String {
        let examples = probes.map { "\($0.name) (\($0.count) rows)" }.joined(separator: ", ")
        switch self {
        case .average: return "The weighted mean of the models' changes."
        case .slerp: return "Iterated spherical interpolation of the models' changes."
        case .ties:
            return "TIES: the largest \(percent(settings.keep)) of each model's changes, elected by sign."
        case .fisher: return "Fisher-weighted mean, measured on \(examples)."
        case .regMean:
            return "RegMean: each layer answers the models' own inputs as they did, measured on \(examples)."
        case .selfPositioning:
            return
                "Self positioning: directions and length learned in \(settings.positioning.steps) steps on \(examples)."
        }
    }

    private func percent(_ share: Double) -> String { String(format: "%g %%", 100 * share) }
}

/// The settings of all methods; each looks at its own.
public struct MergeSettings: Sendable {
    /// What each model counts, all above 0; all the same where nil. Not looked at by self positioning, which finds them.
    public var weights: [Double]?
    /// What the merged change is multiplied by. Not looked at by Fisher and RegMean, which have none, and self positioning, which
    /// finds it.
    public var lambda = 1.0
    /// For TIES: the share of each change that counts.
    public var keep = 0.2
    /// For RegMean: what products of different inputs are multiplied by, 0 to 1.
    public var shrinkage = 0.9
    public var positioning = SelfPositioning()
    /// Rows of the probe that are looked at together.
    public var batchSize = 16
    /// Tokens that are read of a probe's text; as many as the model reads where nil.
    public var maximumTokens: Int?
    public var seed: UInt64 = 1

    public init() {}

    /// - Throws: `KuklaError.usage` where a setting is out of its range or does not go with the method.
    func check(_ method: MergeMethod, models: Int, hasBase: Bool, probes: Int) throws(KuklaError) {
        func wrong(_ sentence: String) -> KuklaError { KuklaError(.usage, "Cannot merge: \(sentence)") }
        if let weights, weights.count != models || !weights.allSatisfy({ $0 > 0 && $0.isFinite }) {
            throw wrong("\(models) models need \(models) weights above 0, found \(weights.map(short)).")
        }
        guard lambda.isFinite else { throw wrong("lambda is \(lambda), expected a number.") }
        guard keep > 0, keep <= 1 else {
            throw wrong("expected a share to keep above 0 up to 1, found \(keep).")
        }
        guard (0...1).contains(shrinkage) else {
            throw wrong("expected a shrinkage from 0 to 1, found \(shrinkage).")
        }
        if !hasBase {
            guard method.canDoWithoutBase else {
                throw wrong("\(method.rawValue) works on changes; give the --base that all models come from.")
            }
            guard lambda == 1 else {
                throw wrong(
                    "a --lambda of \(short(lambda)) multiplies changes; give the --base that they begin at.")
            }
        }
        if method.needsProbe != (probes > 0) {
            throw wrong(
                method.needsProbe
                    ? "\(method.rawValue) looks at examples; give --probe with some."
                    : "\(method.rawValue) looks at no examples; leave --probe out, or take self-positioning.")
        }
        guard batchSize >= 2, positioning.steps >= 1, positioning.learningRate > 0 else {
            throw wrong("expected a batch of 2 rows or more, a step or more, and a rate above 0.")
        }
        if let maximumTokens, maximumTokens < 3 {
            throw wrong("expected 3 tokens of a text or more, found \(maximumTokens).")
        }
    }

    private func short(_ number: Double) -> String { String(format: "%g", number) }
}
