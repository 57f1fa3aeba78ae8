import Foundation
import KuklaNumerics
import KuklaTensor

/// The loss of similarities that do not have the order of their scores; see `CoSENTLoss`.
enum RankingLoss {
    /// `log(1 + sum of exp(scale (x_i - x_j)))` over all i, j with `score_i < score_j`, in double.
    static func loss(of similarities: Tensor, scores: [Float], scale: Float) -> Tensor {
        contract(
            scores.count == similarities.count,
            "ranking: \(scores.count) scores for \(similarities.count) pairs")
        let x = similarities.elements.map { Double($0) * Double(scale) }
        func forEachPair(_ body: (Int, Int, Double) -> Void) {
            for i in x.indices { for j in x.indices where scores[i] < scores[j] { body(i, j, x[i] - x[j]) } }
        }
        var most = 0.0
        forEachPair { _, _, difference in
            // NaN must come through: it is never greater.
            if !(difference <= most) { most = difference }
        }
        var sum = exp(-most)
        forEachPair { _, _, difference in sum += exp(difference - most) }
        let loss = most + log(sum)
        // The derivative is made of the same exponentials.
        var slope = [Double](repeating: 0, count: x.count)
        forEachPair { i, j, difference in
            let share = exp(difference - loss)
            slope[i] += share
            slope[j] -= share
        }
        let gradient = Tensor(shape: similarities.shape, elements: slope.map { Float($0) * scale })
        return Tensor(Float(loss)).recorded(
            "rankingLoss",
            (
                similarities,
                {
                    Tape.requireFirstOrder("rankingLoss")
                    return $0 * gradient
                }
            ))
    }
}
