import KuklaNumerics
import KuklaTensor
import Testing

/// What values share and record, orders and comparisons to the letter, and how a NaN is hunted.
@Suite struct TensorSemanticsTests {
    @Test func `a reshape and a range of rows share memory, and a copy that is written to is its own`() {
        let x = Tensor(shape: [4, 3], elements: (0..<12).map { Float($0) })
        #expect(x.reshaped([2, 6]).pointer == x.pointer)
        #expect(x[rows: 1..<3].pointer == x.pointer + 3)
        var copy = x.reshaped([12])
        copy.accumulate(Tensor.ones([12]))
        #expect(copy.elements == (1...12).map { Float($0) } && x.elements == (0..<12).map { Float($0) })
        var rows = x[rows: 1..<3]
        rows.accumulate(Tensor.ones([2, 3]))
        #expect(rows.elements == (4...9).map { Float($0) } && x.elements == (0..<12).map { Float($0) })
    }

    @Test func `nothing is recorded where gradients are not wanted`() {
        let x = Tensor([2, 3]).watched()
        let y = withoutGradient { (x * x).sum() }
        #expect(y.gradients()[x] == nil)
        let stopped = (x * x.detached).sum().gradients()[x]?.dense
        #expect(stopped?.elements == [2, 3])
    }

    @Test func `straight-through takes one value and gives the gradient to the other`() {
        let x = Tensor([0.4, 1.6]).watched()
        let z = Tensor([9, 9]).watched()
        let y = (z * 2).straightThrough(to: x * 3)
        #expect(y.elements == [18, 18])
        let gradients = (y * Tensor([1, 10])).sum().gradients()
        #expect(gradients[x]?.dense.elements == [3, 30] && gradients[z] == nil)
    }

    @Test func `a custom gradient is what its maker says`() {
        let (a, b) = (Tensor([1, 2]).watched(), Tensor([5, 7]).watched())
        let y = customGradient(
            "product", of: a, b, forward: { ($0[0] * $0[1], $0[1]) },
            // Ten times the true one for a, none for b.
            backward: { gradient, kept in [gradient * kept * 10, nil] })
        #expect(y.elements == [5, 14])
        let gradients = (y * Tensor([1, 2])).sum().gradients()
        #expect(gradients[a]?.dense.elements == [50, 140] && gradients[b] == nil)
    }

    @Test func `orders are those of the numbers, ties in their places, NaN above all`() {
        let x = Tensor(shape: [2, 4], elements: [3, 1, 3, 2, -1, .nan, 0, -1])
        #expect(x.argsort() == [1, 3, 0, 2, 0, 3, 2, 1])
        #expect(x.argsort(descending: true) == [0, 2, 3, 1, 1, 2, 0, 3])
        #expect(x.sorted().values[rows: 0..<1].elements == [1, 2, 3, 3])
        #expect(x.argsort(axis: 0) == [1, 0, 1, 1, 0, 1, 0, 0])
        #expect(x.argmax() == [0, 1] && x.argmax(axis: -2) == [0, 1, 0, 0])
        let (values, indices) = Tensor(shape: [1, 5], elements: [2, 9, 4, 9, 1]).topK(3)
        #expect(values.elements == [9, 9, 4] && indices == [1, 3, 2])
    }

    @Test func `comparisons are masks, and roundings those of the numbers`() {
        let (x, y) = (Tensor([1, 2, 3]), Tensor([2, 2, 2]))
        #expect(x.isLess(than: y).elements == [1, 0, 0] && x.isGreater(than: y).elements == [0, 0, 1])
        #expect(x.isAtLeast(y).elements == [0, 1, 1] && x.isAtMost(y).elements == [1, 1, 0])
        #expect(x.isEqual(to: y).elements == [0, 1, 0] && x.isNotEqual(to: y).elements == [1, 0, 1])
        #expect(x.isEqual(to: y).negatedMask().elements == [1, 0, 1])
        let z = Tensor([-1.5, 0.2, 2.7])
        #expect(z.floor().elements == [-2, 0, 2] && z.ceil().elements == [-1, 1, 3])
    }

    @Test func `the hunt names the first operation that made a NaN, forward and back`() async {
        let forward = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            FiniteCheck.$isEnabled.withValue(true) {
                let x = Tensor([1, -1])
                _ = (x.log() * 2).exp()
            }
        }
        let text = String(decoding: forward?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("log of shapes [2] made a NaN at element 1"), "\(text)")
        let backward = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            FiniteCheck.$isEnabled.withValue(true) {
                let x = Tensor([0, 4]).watched()
                _ = (x * 0).sqrt().sum().gradients()
            }
        }
        let gradient = String(decoding: backward?.standardErrorContent ?? [], as: UTF8.self)
        // The slope of the root is infinite there, and the step before it multiplies that by 0.
        #expect(gradient.contains("multiplyNumber of shapes [2] made a NaN at element 0"), "\(gradient)")
    }

    @Test func `shapes that do not fit are both named`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor.zeros([2, 3]) + Tensor.zeros([4, 5])
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("[2, 3]") && text.contains("[4, 5]"), "\(text)")
    }
}
