import Foundation
import KuklaNumerics

/// How well probabilities of a click agree with what happened.
public struct ClickMetrics: Sendable, Equatable, Codable {
    /// Examples.
    public let count: Int
    /// Examples with label 1.
    public let positives: Int
    /// The share of pairs of a positive and a negative of which the positive has the higher score, ties half; nil where there is
    /// one class only.
    public let auc: Double?
    /// The mean of `-log p` of what happened.
    public let logLoss: Double
    /// AUC within each user, weighted by the user's examples; users with one class left out. nil where no users are known, or
    /// none has both classes.
    public let groupAUC: Double?

    /// Measures logits against labels.
    ///
    /// - Parameters:
    ///   - users: whose example each is, numbered from 0.
    /// - Complexity: O(n log n).
    public init(logits: [Float], labels: [Float], users: [Int32]? = nil) {
        contract(
            logits.count == labels.count && users.map { $0.count == logits.count } ?? true,
            "ClickMetrics: \(logits.count) logits, \(labels.count) labels, \(users?.count ?? 0) users")
        count = logits.count
        positives = labels.reduce(0) { $0 + ($1 > 0.5 ? 1 : 0) }
        auc = ClickMetrics.areaUnderCurve(logits, labels)
        // log(1 + e^-x) without overflow, in double.
        let sum = zip(logits, labels).reduce(0.0) {
            let margin = Double($1.1 > 0.5 ? $1.0 : -$1.0)
            return $0 + log1p(exp(-abs(margin))) + max(0, -margin)
        }
        logLoss = count == 0 ? 0 : sum / Double(count)
        groupAUC = users.flatMap { ClickMetrics.groupedAUC(logits, labels, users: $0) }
    }

    /// The area under the ROC curve by ranks, equal scores with the mean of their ranks; nil for one class.
    ///
    /// *Source:* Mann and Whitney 1947, doi:10.1214/aoms/1177730491.
    public static func areaUnderCurve(_ scores: [Float], _ labels: [Float]) -> Double? {
        var order: [UInt64] = scores.indices.map { UInt64(sortKey(scores[$0])) << 32 | UInt64($0) }
        order.sort()
        var (positives, rankSum) = (0, 0.0)
        var i = 0
        while i < order.count {
            var end = i
            var here = 0
            while end < order.count, order[end] >> 32 == order[i] >> 32 {
                if labels[Int(order[end] & 0xFFFF_FFFF)] > 0.5 { here += 1 }
                end += 1
            }
            rankSum += Double(here) * Double(i + 1 + end) / 2
            positives += here
            i = end
        }
        let negatives = order.count - positives
        guard positives > 0, negatives > 0 else { return nil }
        let (p, n) = (Double(positives), Double(negatives))
        return (rankSum - p * (p + 1) / 2) / (p * n)
    }

    /// `sum_u n_u AUC_u / sum_u n_u` over the users with both classes; nil where there are none.
    ///
    /// *Source:* Zhou et al. 2018, "Deep interest network for click-through rate prediction", arXiv:1706.06978, equation 8.
    public static func groupedAUC(_ scores: [Float], _ labels: [Float], users: [Int32]) -> Double? {
        var members: [Int32: [Int]] = [:]
        for (i, user) in users.enumerated() { members[user, default: []].append(i) }
        var (weighted, weight) = (0.0, 0.0)
        for (_, rows) in members.sorted(by: { $0.key < $1.key }) {
            guard let auc = areaUnderCurve(rows.map { scores[$0] }, rows.map { labels[$0] }) else { continue }
            weighted += auc * Double(rows.count)
            weight += Double(rows.count)
        }
        return weight > 0 ? weighted / weight : nil
    }

    /// How much further from chance an AUC is than that of a base: `(auc - 0.5) / (base - 0.5) - 1`.
    public static func relativeImprovement(_ auc: Double, over base: Double) -> Double {
        (auc - 0.5) / (base - 0.5) - 1
    }

    // Numbers whose order as integers is that of the floats; both zeros are one.
    private static func sortKey(_ score: Float) -> UInt32 {
        let bits = (score + 0).bitPattern
        return bits >> 31 == 0 ? bits | 0x8000_0000 : ~bits
    }
}
