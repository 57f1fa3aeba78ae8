import KuklaNN
import KuklaNumerics
import KuklaTensor
import Testing

@Suite struct AveragingTests {
    private struct Pair: Module {
        let a, b: Parameter
        func visit(_ visitor: inout ModuleVisitor) {
            visitor.visit("a", a)
            visitor.visit("b", b)
        }
    }

    @Test func `the average follows the formula and is swapped in and out`() {
        let model = Pair(a: Parameter(Tensor([0, 0])), b: Parameter(Tensor([5]), isBuffer: true))
        var average = ExponentialMovingAverage(of: model, decay: 0.5)
        var truth: Float = 0
        for step in 1...20 {
            model.a.value = Tensor([Float(step), -Float(step)])
            average.update()
            let decay = min(0.5, Float(1 + step) / Float(10 + step))
            truth += (1 - decay) * (Float(step) - truth)
        }
        average.withAverages {
            #expect(difference(model.a.value.elements, [truth, -truth]) < 1e-6)
            #expect(model.b.value.elements == [5])
        }
        #expect(model.a.value.elements == [20, -20])
    }

    @Test func `frozen parameters keep their memory, and an error swaps back`() {
        struct Failure: Error {}
        let model = Pair(a: Parameter(Tensor([1])), b: Parameter(Tensor([2])))
        model.b.isTrainable = false
        var average = ExponentialMovingAverage(of: model)
        model.a.value = Tensor([3])
        average.update()
        #expect(throws: Failure.self) {
            try average.withAverages { () throws(Failure) in
                #expect(model.a.value.item < 3 && model.b.value.item == 2)
                throw Failure()
            }
        }
        #expect(model.a.value.item == 3)
        #expect(!average.isSwappedIn)
    }

    @Test func `the average survives a checkpoint`() throws {
        let model = Pair(a: Parameter(Tensor([1, 2])), b: Parameter(Tensor([2])))
        var average = ExponentialMovingAverage(of: model, decay: 0.9)
        model.a.value = Tensor([3, 4])
        average.update()
        let state = average.exportState()
        #expect(state.map(\.name) == ["average.step", "average.a", "average.b"])
        var restored = ExponentialMovingAverage(of: model, decay: 0.9)
        try restored.importState(state + [("model.a", Tensor([1]))])
        model.a.value = Tensor([5, 6])
        average.update()
        restored.update()
        #expect(average.exportState().map(\.tensor.elements) == restored.exportState().map(\.tensor.elements))
        #expect(
            kuklaMessage { try restored.importState([state[0], state[2]]) }?.contains(
                "\"average.a\" is missing") == true)
        let message = kuklaMessage {
            try restored.importState([state[0], ("average.a", Tensor([1])), state[2]])
        }
        #expect(message?.contains("has shape [1], and the model needs [2]") == true)
    }

    @Test func `small batches add up to the gradient of the large one`() {
        var random = RandomSource(seed: 1)
        let model = Linear(4, 2, using: &random)
        let x = Tensor.normal([10, 4], using: &random)
        func gradients(_ rows: Range<Int>) -> Gradients {
            let y = model(x[rows: rows])
            return (y * y).mean().gradients()
        }
        let whole = gradients(0..<10)
        var accumulation = GradientAccumulation(batches: 3)
        #expect(accumulation.add(gradients(0..<5), weight: 5) == nil)
        #expect(accumulation.add(gradients(5..<8), weight: 3) == nil)
        #expect(accumulation.pending == 2)
        let sum = accumulation.add(gradients(8..<10), weight: 2)
        #expect(accumulation.pending == 0)
        for named in model.parameters {
            let (a, b) = (sum?[named.parameter]?.dense.elements, whole[named.parameter]?.dense.elements)
            #expect(difference(a ?? [], b ?? [.nan]) < 1e-6, "\(named.path)")
        }
        #expect(accumulation.flush() == nil)
        _ = accumulation.add(gradients(0..<5))
        let rest = accumulation.flush()
        #expect(
            difference(
                rest?[model.weight]?.dense.elements ?? [],
                gradients(0..<5)[model.weight]?.dense.elements ?? [.nan]) < 1e-6)
    }

    @Test func `row gradients of small batches stay sparse`() {
        var random = RandomSource(seed: 1)
        let table = Embedding(100, 3, using: &random)
        var accumulation = GradientAccumulation(batches: 2)
        _ = accumulation.add(table([1, 2, 2]).sum().gradients())
        let sum = accumulation.add(table([2, 50]).sum().gradients())
        guard case .rows(let rows)? = sum?[table.weight] else {
            Issue.record("not sparse")
            return
        }
        #expect(rows.indices == [1, 2, 50])
        #expect(rows.values.elements == [0.5, 0.5, 0.5, 1.5, 1.5, 1.5, 0.5, 0.5, 0.5])
    }

    @Test func `groups are clipped apart`() {
        let model = Pair(a: Parameter(Tensor([1, 1])), b: Parameter(Tensor([1])))
        var gradients = ((model.a.tensor * Tensor([3, 4])).sum() + model.b.tensor.sum() * 2).gradients()
        let all = model.parameters
        #expect(gradients.norm(of: [all[0]]) == 5)
        #expect(gradients.clip([all[0]], toNorm: 1) == 5)
        #expect(difference(gradients[model.a]?.dense.elements ?? [], [0.6, 0.8]) < 1e-6)
        #expect(gradients[model.b]?.dense.elements == [2])
    }
}
