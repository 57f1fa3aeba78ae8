import Foundation
import KuklaFormats

/// A figure that a claim must reach, with what was measured for it in the same run.
public struct StudyBar: Sendable, Codable, Hashable {
    public enum Relation: String, Sendable, Codable {
        case atLeast = "at least"
        case atMost = "at most"
    }

    public enum Outcome: String, Sendable, Codable {
        case met, missed
        /// The mechanism is exact, but the claim does not show at this scale; `note` says why.
        case notReproduced = "not reproduced"
    }

    /// What is measured, in words, with its unit.
    public let requirement: String
    public let measured: Double
    public let relation: Relation
    /// What `measured` is held against: a number of the claim, or another measurement of the same run.
    public let bound: Double
    /// How far figures of other seeds or samples lie apart, what bounds a missed bar.
    public let note: String?
    public let outcome: Outcome

    /// - Parameters:
    ///   - notReproduced: why the claim cannot show here; counts only where the bar is missed.
    public init(
        _ requirement: String, _ measured: Double, _ relation: Relation, _ bound: Double,
        note: String? = nil,
        notReproduced: String? = nil
    ) {
        self.requirement = requirement
        self.measured = measured
        self.relation = relation
        self.bound = bound
        // A figure that is not a number meets nothing.
        let isMet = relation == .atLeast ? measured >= bound : measured <= bound
        outcome = isMet ? .met : notReproduced == nil ? .missed : .notReproduced
        let sentences = [note, isMet ? nil : notReproduced].compactMap(\.self)
        self.note = sentences.isEmpty ? nil : sentences.joined(separator: " ")
    }
}
