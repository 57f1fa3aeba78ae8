import KuklaNN
import KuklaNumerics
import KuklaTensor
import Testing

@Suite struct LayerTests {
    @Test func `an embedding gives rows and gets gradients of rows, padding left out`() {
        let table = Embedding(weight: Tensor.range(12).reshaped([4, 3]), paddingIndex: 0)
        let rows = table([2, 0, 2, 3])
        #expect(rows.elements == [6, 7, 8, 0, 1, 2, 6, 7, 8, 9, 10, 11])
        let gradient = (rows * Tensor([1, 10, 100])).sum().gradients()[table.weight]
        guard case .rows(let sparse)? = gradient else {
            Issue.record("not sparse")
            return
        }
        #expect(sparse.dense.elements == [0, 0, 0, 0, 0, 0, 2, 20, 200, 1, 10, 100])
        #expect(table([]).shape == [0, 3])
    }

    @Test func `a new table has zeros at the padding row`() {
        var random = RandomSource(seed: 1)
        let table = Embedding(5, 2, deviation: 0.02, paddingIndex: 3, using: &random)
        #expect(table.weight.value[rows: 3..<4].elements == [0, 0])
        #expect(table.weight.value.elements.filter { $0 == 0 }.count == 2)
        #expect(table.weight.value.elements.allSatisfy { abs($0) < 0.1 })
    }

    @Test func `norms bring rows to their scale`() {
        var random = RandomSource(seed: 1)
        let x = Tensor.normal([3, 8], mean: 5, deviation: 3, using: &random)
        let normed = LayerNorm(8)(x)
        for row in 0..<3 {
            let elements = normed[rows: row..<row + 1].elements
            #expect(abs(elements.reduce(0, +)) < 1e-4)
            #expect(abs(elements.reduce(0) { $0 + $1 * $1 } - 8) < 1e-3)
            let root = RMSNorm(8)(x)[rows: row..<row + 1].elements
            #expect(abs(root.reduce(0) { $0 + $1 * $1 } - 8) < 1e-3)
        }
    }

    @Test func `dropout keeps the mean in training and everything in use`() {
        let x = Tensor.ones([100, 100])
        let dropout = Dropout(0.25)
        #expect(dropout(x, mode: .inference).elements == x.elements)
        let stream = RandomStream(seed: 1)
        let y = dropout(x, mode: .training(stream)).elements
        #expect(Set(y).count == 2 && y.contains(0))
        #expect(abs(y.reduce(0, +) / 10_000 - 1) < 0.03)
        #expect(dropout(x, mode: .training(stream)).elements != y)
        #expect(Dropout(0)(x, mode: .training(stream)).elements == x.elements)
    }

    @Test(arguments: Activation.allCases) func `an MLP fits a curve with any activation`(
        _ activation: Activation
    ) {
        var random = RandomSource(seed: 3)
        let model = MLP([1, 16, 16, 1], activation: activation, using: &random)
        #expect(
            model.parameters.map(\.path).prefix(3) == ["layers.0.weight", "layers.0.bias", "layers.1.weight"])
        let x = Tensor.range(64, from: -1, step: 1.0 / 32).reshaped([64, 1])
        let y = x * x
        var optimizer = Optimizer(AdamW(), for: model)
        var loss: Float = 0
        for _ in 0..<300 {
            let error = model(x) - y
            let mean = (error * error).mean()
            loss = mean.item
            optimizer.update(mean.gradients(), learningRate: 0.01)
        }
        // Without a nonlinearity the best is a constant, off by the variance of x^2, 0.089.
        if activation == .none {
            #expect(loss > 0.08)
        } else {
            #expect(loss < 0.01)
        }
    }

    @Test(arguments: BagReduction.allCases) func `a bag is the sum or mean of its rows`(
        _ reduction: BagReduction
    ) {
        let table = EmbeddingBag(weight: Tensor.range(8).reshaped([4, 2]), reduction: reduction)
        let bags: [[Int32]] = [[1, 3], [], [2, 2, 0]]
        let scale: [Float] = reduction == .mean ? [0.5, 1, 1 / 3] : [1, 1, 1]
        let y = table(bags)
        #expect(
            difference(y.elements, [8 * scale[0], 10 * scale[0], 0, 0, 8 * scale[2], 11 * scale[2]]) < 1e-6)
        guard case .rows(let rows)? = y.sum().gradients()[table.weight] else {
            Issue.record("not sparse")
            return
        }
        #expect(rows.indices == [0, 1, 2, 3])
        let wanted = [scale[2], scale[0], 2 * scale[2], scale[0]].flatMap { [$0, $0] }
        #expect(difference(rows.values.elements, wanted) < 1e-6)
        #expect(table([]).shape == [0, 2])
    }

    @Test func `layers in a row are one after the other, under their numbers`() {
        var random = RandomSource(seed: 3)
        let first = Linear(4, 3, using: &random)
        let last = Linear(3, 2, using: &random)
        let model = Sequential(first, Function { $0.relu() }, Dropout(0.5), LayerNorm(3), last)
        #expect(
            model.parameters.map(\.path) == [
                "0.weight", "0.bias", "3.weight", "3.bias", "4.weight", "4.bias",
            ])
        let x = Tensor.normal([5, 4], using: &random)
        #expect(model(x).elements == last(LayerNorm(3)(first(x).relu())).elements)
        let stream = RandomStream(seed: 1)
        #expect(model(x, mode: .training(stream)).elements != model(x).elements)
    }
}
