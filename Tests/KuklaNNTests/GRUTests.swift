import KuklaNN
import KuklaNumerics
import KuklaTensor
import Testing

@Suite struct GRUTests {
    private func worst(_ a: Tensor, _ b: Tensor) -> Float {
        a.shape == b.shape ? difference(a.elements, b.elements) : .infinity
    }

    @Test func `sequences in two pieces give the states of one pass`() {
        var random = RandomSource(seed: 1)
        let gru = GRU(4, 8, layers: 2, using: &random)
        let x = Tensor.normal([9, 4], using: &random)
        let all = gru(x, lengths: SequenceLengths([5, 0, 4]))
        func rows(_ ranges: Range<Int>...) -> Tensor { .concatenated(ranges.map { x[rows: $0] }) }
        let first = gru(rows(0..<3, 5..<5), lengths: SequenceLengths([3, 0, 0]))
        #expect(first.last[rows: 0..<1].elements[8...].allSatisfy { $0 == 0 })
        let rest = gru(rows(3..<9), lengths: SequenceLengths([2, 0, 4]), initial: first.last)
        #expect(worst(rest.last, all.last) < 1e-6)
        #expect(worst(rest.states, all.states[rows: 3..<9]) < 1e-6)
    }

    @Test func `a sequence's states do not depend on the others or on the threads`() {
        var random = RandomSource(seed: 2)
        let gru = GRU(3, 5, isBidirectional: true, using: &random)
        let lengths = SequenceLengths((0..<70).map { $0 % 7 })
        let x = Tensor.normal([lengths.total, 3], using: &random)
        let all = gru(x, lengths: lengths)
        for i in [6, 13, 69] {
            let alone = gru(x[rows: lengths[i]], lengths: SequenceLengths([lengths[i].count]))
            #expect(worst(alone.states, all.states[rows: lengths[i]]) < 1e-6)
        }
        let single = TensorThreads.limited(to: 1) { gru(x, lengths: lengths) }
        #expect(single.states.elements == all.states.elements && single.last.elements == all.last.elements)
        #expect(
            gru(Tensor.zeros([0, 3]), lengths: SequenceLengths([0, 0])).last.elements.allSatisfy { $0 == 0 })
    }

    @Test func `units learn to remember the first token`() {
        var random = RandomSource(seed: 3)
        let gru = GRU(2, 12, using: &random)
        let head = Linear(12, 1, using: &random)
        let lengths = SequenceLengths((0..<32).map { 3 + $0 % 5 })
        let x = Tensor.normal([lengths.total, 2], using: &random)
        let targets = Tensor(
            shape: [32, 1], elements: (0..<32).map { x.elements[2 * lengths[$0].lowerBound] > 0 ? 1 : -1 })
        var optimizers = [Optimizer(Adam(), for: gru), Optimizer(Adam(), for: head)]
        var losses: [Float] = []
        for _ in 0..<120 {
            let error = head(gru(x, lengths: lengths).last[rows: 0..<1].squeezed(axis: 0)) - targets
            let loss = (error * error).mean()
            losses.append(loss.item)
            let gradients = loss.gradients()
            for i in optimizers.indices { optimizers[i].update(gradients, learningRate: 0.02) }
        }
        #expect(losses[119] < 0.05 * losses[0], "\(losses[0]) -> \(losses[119])")
    }
}
