import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import KuklaTestSupport
import Testing

@Suite struct MatryoshkaHeadTests {
    private func head(_ kind: MatryoshkaHead.Kind, seed: UInt64 = 2) -> MatryoshkaHead {
        var random = RandomSource(seed: seed)
        return MatryoshkaHead(kind: kind, dimensions: [2, 4, 8], classes: 5, using: &random)
    }

    private func embeddings(_ rows: Int = 6) -> Tensor {
        var random = RandomSource(seed: 7)
        return Tensor.normal([rows, 8], using: &random)
    }

    @Test func `a shared head takes the first columns and the whole bias, bit for bit`() {
        let head = head(.shared)
        let (weight, bias) = (head.classifiers[0].weight.value, head.classifiers[0].bias?.value)
        let x = embeddings()
        for (size, logits) in zip(head.dimensions, head(x)) {
            let own = Linear(weight: weight.slice(axis: 1, 0..<size), bias: bias)
            #expect(logits.elements == own(x.slice(axis: 1, 0..<size)).elements)
        }
        #expect(head.parameterCount == 8 * 5 + 5)
        #expect(self.head(.separate).parameterCount == (2 + 4 + 8) * 5 + 3 * 5)
    }

    @Test(arguments: MatryoshkaHead.Kind.allCases)
    func `components from a size on change no logit of it and have no gradient from it`(
        _ kind: MatryoshkaHead.Kind
    ) throws {
        let head = head(kind)
        let x = embeddings()
        let changed = Tensor.concatenated(
            [x.slice(axis: 1, 0..<4), x.slice(axis: 1, 4..<8) * 3 + 1], axis: 1)
        let (before, after) = (head(x), head(changed))
        #expect(before[0].elements == after[0].elements && before[1].elements == after[1].elements)
        #expect(before[2].elements != after[2].elements)
        let watched = x.watched()
        let gradient = try #require(
            head.loss(watched, classes: [0, 1, 2, 3, 4, 0], weights: [1, 1, 0]).gradients()[watched]
        ).dense
        #expect(gradient.slice(axis: 1, 4..<8).elements.allSatisfy { $0 == 0 })
        #expect(gradient.slice(axis: 1, 0..<4).elements.allSatisfy { $0 != 0 })
    }

    @Test(arguments: MatryoshkaHead.Kind.allCases)
    func `the loss is the weighted sum over sizes, and its gradients agree with differences`(
        _ kind: MatryoshkaHead.Kind
    ) {
        let head = head(kind)
        let classes: [Int32] = [0, 1, 2, 3, 4, 0]
        let parts = head(embeddings()).map { $0.crossEntropy(targets: classes).item }
        let sum = head.loss(embeddings(), classes: classes, weights: [1, 2, 0.5]).item
        #expect(abs(sum - parts[0] - 2 * parts[1] - 0.5 * parts[2]) < 1e-5)
        let check = GradientCase("head", inputs: { [Tensor.normal([6, 8], using: &$0)] }) {
            head.loss($0[0], classes: classes, weights: [1, 2, 0.5])
        }
        for seed in 1...4 {
            let outcome = check.check(seed: UInt64(seed))
            #expect(outcome.isClose, "\(outcome)")
        }
        // Every size teaches the one classifier.
        let gradients = head.loss(embeddings(), classes: classes).gradients()
        #expect(head.parameters.allSatisfy { gradients[$0.parameter] != nil })
    }
}
