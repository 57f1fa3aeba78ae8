import Foundation
import KuklaNumerics
import KuklaTables
import Testing

@Suite struct ClickMetricsTests {
    private func byPairs(_ scores: [Float], _ labels: [Float]) -> Double {
        var (won, pairs) = (0.0, 0.0)
        for i in scores.indices where labels[i] > 0 {
            for j in scores.indices where labels[j] == 0 {
                won += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0
                pairs += 1
            }
        }
        return won / pairs
    }

    @Test func `AUC is the share of pairs in the right order, ties half`() throws {
        var random = RandomSource(seed: 5)
        let scores = (0..<300).map { _ in (random.normal() * 3).rounded() / 3 }
        let labels = scores.map { random.normal() + $0 > 0 ? Float(1) : 0 }
        let auc = try #require(ClickMetrics.areaUnderCurve(scores, labels))
        #expect(abs(auc - byPairs(scores, labels)) < 1e-12)
        #expect(ClickMetrics.areaUnderCurve([-0.0, 0.0], [1, 0]) == 0.5)
    }

    @Test func `AUC of one class is undefined`() {
        #expect(ClickMetrics(logits: [1, 2], labels: [1, 1]).auc == nil)
        #expect(ClickMetrics(logits: [], labels: []).auc == nil)
    }

    @Test func `log-loss is exact for logits of any size`() {
        let metrics = ClickMetrics(logits: [0, 100, -100], labels: [1, 1, 1])
        #expect(abs(metrics.logLoss - (log(2) + 0 + 100) / 3) < 1e-9)
    }

    @Test func `GAUC weighs users by their rows and leaves those of one class out`() throws {
        // User 0: right order (3 rows); user 1: wrong order (2 rows); user 2: one class.
        let metrics = ClickMetrics(
            logits: [3, 2, 1, 0, 1, 9], labels: [1, 0, 0, 1, 0, 1], users: [0, 0, 0, 1, 1, 2])
        #expect(abs(try #require(metrics.groupAUC) - 3.0 / 5) < 1e-12)
        #expect(abs(ClickMetrics.relativeImprovement(0.8, over: 0.7) - 0.5) < 1e-12)
    }
}
