import Foundation
import KuklaNumerics
import KuklaTensor
import Testing

/// Values and extremes of losses; the registry checks their gradients.
@Suite struct LossTests {
    private func close(_ a: Float, _ b: Float, _ tolerance: Float = 1e-5) -> Bool { abs(a - b) <= tolerance }

    @Test func `binary cross-entropy is exact for logits of any size`() {
        let x = Tensor([1000, -1000, 1000, -1000, 0, 3]).watched()
        let t = Tensor([1, 0, 0, 1, 1, 0.25])
        let losses = x.binaryCrossEntropy(targets: t, reduction: .none)
        let last = Float(log1p(exp(-3.0)) + 0.75 * 3)
        for (got, expected) in zip(losses.elements, [0, 0, 1000, 1000, Float(log(2.0)), last]) {
            #expect(close(got, expected), "\(losses)")
        }
        #expect(close(x.binaryCrossEntropy(targets: t).item, losses.elements.reduce(0, +) / 6, 1e-3))
        let gradient = losses.sum().gradients()[x]?.dense.elements ?? []
        #expect(zip(gradient, [0, 0, 1, -1, -0.5, 0.9525741 - 0.25]).allSatisfy { close($0, $1) })
        #expect(Tensor([.nan, 1]).binaryCrossEntropy(targets: Tensor([1, 1])).item.isNaN)
    }

    @Test func `binary cross-entropy of many blocks is that of double`() {
        var random = RandomSource(seed: 1)
        let x = Tensor.normal([100_003], deviation: 3, using: &random)
        let t = Tensor.uniform([100_003], using: &random)
        let exact = zip(x.elements, t.elements).reduce(0.0) { sum, pair in
            let (x, t) = (Double(pair.0), Double(pair.1))
            return sum + max(x, 0) - x * t + log1p(exp(-abs(x)))
        }
        #expect(abs(Double(x.binaryCrossEntropy(targets: t, reduction: .sum).item) - exact) < 1e-6 * exact)
    }

    @Test func `the loss over a sample of all rows is the whole cross-entropy`() {
        var random = RandomSource(seed: 2)
        let x = Tensor.normal([3, 4], using: &random),
            table = Tensor.normal([6, 4], using: &random).watched()
        let all = x.matmul(table, transposingOther: true).crossEntropy(targets: [0, 5, 5])
        let sampled = x.sampledCrossEntropy(table: table, targets: [0, 5, 5], negatives: [0, 1, 2, 3, 4, 5])
        #expect(close(all.item, sampled.item))
        // Adding one number to all expected counts shifts every logit alike.
        let shifted = x.sampledCrossEntropy(
            table: table, targets: [0, 5, 5], negatives: [0, 1, 2, 3, 4, 5],
            logExpectedCounts: ([2, 2, 2], [Float](repeating: 2, count: 6)))
        #expect(close(shifted.item, sampled.item))
        // Two names of one row: a table's gradient names rows once.
        let few = x.sampledCrossEntropy(table: table, targets: [0, 5, 5], negatives: [1, 1])
        guard case .rows(let rows) = few.gradients()[table] else { Issue.record("dense"); return }
        #expect(rows.indices == [0, 1, 5])
    }

    @Test func `errors, hinge and divergence by hand`() {
        let x = Tensor([1, -2, 0.5]), y = Tensor([0, 1, 0.5])
        #expect(close(x.squaredError(to: y).item, 10.0 / 3) && close(x.absoluteError(to: y).item, 4.0 / 3))
        #expect(x.huberLoss(to: y, threshold: 2, reduction: .none).elements == [0.5, 4, 0])
        #expect(x.hingeLoss(signs: Tensor([1, 1, -1]), reduction: .none).elements == [0, 3, 1.5])
        let logits = Tensor(shape: [1, 3], elements: [0, 1, 2])
        #expect(close(logits.divergence(fromProbabilities: logits.softmax()).item, 0))
        #expect(close(logits.divergence(fromLogits: logits + 5).item, 0))
        let certain = logits.divergence(fromProbabilities: Tensor(shape: [1, 3], elements: [0, 1, 0]))
        #expect(close(certain.item, -logits.logSoftmax()[0, 1]))
    }

    @Test func `targets of another shape trap instead of being broadcast`() async {
        await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2]).squaredError(to: .zeros([2, 1])) }
        await #expect(processExitsWith: .failure) {
            _ = Tensor.zeros([2]).binaryCrossEntropy(targets: .zeros([2, 1]))
        }
    }
}
