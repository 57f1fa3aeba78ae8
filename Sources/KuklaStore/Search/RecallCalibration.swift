/// What searches of an index were measured to find at each effort, once it was made.
public struct RecallCalibration: Codable, Hashable, Sendable {
    /// Whose nearest items were looked for.
    public enum Queries: String, Codable, Hashable, Sendable {
        /// Items of the collection, which a graph was measured without.
        case heldOut
        /// Searches that people had made.
        case logged
    }

    /// One way to search.
    public struct Step: Codable, Hashable, Sendable {
        /// `ApproximateIndex.effort`; `nil` where the index has no choice.
        public let effort: Int?
        /// How many of the best by codes are compared by their vectors.
        public let candidates: Int
        /// The share of the best items that was found, `0...1`; never less than with less work.
        public let recall: Double
        /// Seconds a query in the index, of many on all threads.
        public let seconds: Double
    }

    /// The ways to search for the best `count`, with ever more work.
    public struct Curve: Codable, Hashable, Sendable {
        public let count: Int
        public let steps: [Step]
    }

    public let source: Queries
    /// How many queries.
    public let queries: Int
    /// Items in the index then.
    public let items: Int
    /// For rising numbers of matches.
    public let curves: [Curve]
    /// The file that was measured, or of which one measured grew.
    var file: String
}

/// How hard a search of the index is to look.
struct SearchEffort: Hashable {
    /// `nil`: as the index itself says.
    var effort: Int?
    var candidates: Int
    /// What it is expected to find; `nil` where nobody knows.
    var recall: Double?
}

extension RecallCalibration {
    /// Numbers of matches for which curves are measured.
    static let counts = [1, 10, 30, 100]

    /// The least work that finds `recall` of the best `count` items; the most that was measured where none does.
    ///
    /// What was measured must be better by its standard error. For a number of matches between two that were measured it is the greater work
    /// of both; above the largest it grows with the number.
    func effort(for recall: Double, count k: Int) -> SearchEffort? {
        let wanted = curves.map { ($0.count, step($0, for: recall)) }
        guard let last = wanted.last else { return nil }
        guard let above = wanted.first(where: { $0.0 >= k }) else {
            let factor = Double(k) / Double(last.0)
            func grown(_ value: Int) -> Int { Int((Double(value) * factor).rounded(.up)) }
            return SearchEffort(
                effort: last.1.effort.map(grown), candidates: max(k, grown(last.1.candidates)),
                recall: last.1.recall)
        }
        guard above.0 > k, let below = wanted.last(where: { $0.0 < k }) else {
            return SearchEffort(
                effort: above.1.effort, candidates: max(k, above.1.candidates), recall: above.1.recall)
        }
        return SearchEffort(
            effort: above.1.effort.map { max($0, below.1.effort ?? 0) },
            candidates: max(k, above.1.candidates, below.1.candidates),
            recall: min(below.1.recall, above.1.recall))
    }

    /// What searches with this effort find of the best `count` at least, by what was measured for so many or the next larger number;
    /// `nil` where so little or so many was not measured.
    func recall(effort: Int?, candidates: Int, count k: Int) -> Double? {
        curves.first { $0.count >= k }?.steps.last {
            $0.candidates <= candidates && ($0.effort ?? 0) <= (effort ?? 0)
        }?.recall
    }

    private func step(_ curve: Curve, for recall: Double) -> Step {
        let matches = Double(max(1, queries * curve.count))
        let enough = curve.steps.first {
            $0.recall - ($0.recall * (1 - $0.recall) / matches).squareRoot() >= recall
        }
        return enough ?? curve.steps[curve.steps.count - 1]
    }
}
