import KuklaNN
import KuklaNumerics
import KuklaTensor
import Testing

/// A module that is one parameter.
struct Single: Module {
    let weight: Parameter
    func visit(_ visitor: inout ModuleVisitor) { visitor.visit("weight", weight) }
}

private struct Trajectories: Decodable {
    var rate, decay: Float
    var start: [Float]
    var gradients: [[Float]]
    var table: [Float]
    var rows: [[Int32]]
    var rowGradients: [[Float]]
    var dense, sparse: [String: [[Float]]]
}

struct RuleCase: Sendable, CustomTestStringConvertible {
    let name: String
    let rule: any UpdateRule
    var decays = false
    var testDescription: String { name }
}

@Suite struct OptimizerTests {
    static let dense = [
        RuleCase(name: "sgd", rule: SGD()),
        RuleCase(name: "sgd_decay", rule: SGD(), decays: true),
        RuleCase(name: "sgd_momentum", rule: SGD(momentum: 0.9), decays: true),
        RuleCase(name: "sgd_nesterov", rule: SGD(momentum: 0.9, isNesterov: true)),
        RuleCase(name: "adam", rule: Adam()),
        RuleCase(name: "adam_decay", rule: Adam(beta1: 0.8, beta2: 0.95, epsilon: 1e-3), decays: true),
        RuleCase(name: "adamw", rule: AdamW(), decays: true),
        RuleCase(name: "adagrad", rule: Adagrad()),
        RuleCase(name: "adagrad_decay", rule: Adagrad(rateDecay: 0.25, initialSum: 0.5), decays: true),
        RuleCase(name: "lamb", rule: LAMB(), decays: true),
        RuleCase(name: "lion", rule: Lion(), decays: true),
    ]

    static let sparse = [
        RuleCase(name: "sgd", rule: SGD()),
        RuleCase(name: "adam", rule: Adam()),
        RuleCase(name: "adam_betas", rule: Adam(beta1: 0.8, beta2: 0.95, epsilon: 1e-3)),
        RuleCase(name: "adagrad", rule: Adagrad(rateDecay: 0.25)),
    ]

    @Test(arguments: dense) func `dense steps follow PyTorch's`(_ ruleCase: RuleCase) throws {
        let truth = try golden("optimizers.json", as: Trajectories.self)
        let wanted = try #require(truth.dense[ruleCase.name])
        let model = Single(weight: Parameter(Tensor(shape: [3, 5], elements: truth.start)))
        var optimizer = Optimizer(ruleCase.rule, for: model, weightDecay: ruleCase.decays ? truth.decay : 0)
        for (step, gradient) in truth.gradients.enumerated() {
            let loss = (model.weight.tensor * Tensor(shape: [3, 5], elements: gradient)).sum()
            optimizer.update(loss.gradients(), learningRate: truth.rate)
            let gap = difference(model.weight.value.elements, wanted[step])
            #expect(gap < 1e-6, "step \(step): off by \(gap)")
        }
    }

    @Test(arguments: sparse) func `row-sparse steps follow PyTorch's`(_ ruleCase: RuleCase) throws {
        let truth = try golden("optimizers.json", as: Trajectories.self)
        let wanted = try #require(truth.sparse[ruleCase.name])
        let model = Single(weight: Parameter(Tensor(shape: [7, 3], elements: truth.table)))
        var optimizer = Optimizer(ruleCase.rule, for: model)
        for (step, (rows, values)) in zip(truth.rows, truth.rowGradients).enumerated() {
            var gradients = Gradients()
            gradients[model.weight] = .rows(
                RowGradient(rowCount: 7, summing: Tensor(shape: [rows.count, 3], elements: values), at: rows))
            optimizer.update(gradients, learningRate: truth.rate)
            let gap = difference(model.weight.value.elements, wanted[step])
            #expect(gap < 1e-6, "step \(step): off by \(gap)")
        }
    }

    static let all: [RuleCase] = [
        RuleCase(name: "SGD", rule: SGD(momentum: 0.9, isNesterov: true)),
        RuleCase(name: "Adam", rule: Adam()),
        RuleCase(name: "AdamW", rule: AdamW()), RuleCase(name: "Adagrad", rule: Adagrad()),
        RuleCase(name: "LAMB", rule: LAMB()), RuleCase(name: "Lion", rule: Lion()),
    ]

    @Test(arguments: all) func `a gradient of rows leaves other rows and their state alone`(
        _ ruleCase: RuleCase
    ) {
        let start = Tensor.range(12, from: 1).reshaped([4, 3])
        let model = Single(weight: Parameter(start))
        var optimizer = Optimizer(ruleCase.rule, for: model, weightDecay: 0.1)
        for _ in 0..<3 {
            var gradients = Gradients()
            gradients[model.weight] = .rows(
                RowGradient(rowCount: 4, summing: Tensor.ones([2, 3]), at: [2, 0]))
            optimizer.update(gradients, learningRate: 0.1)
        }
        let moved = model.weight.value
        #expect(moved[rows: 1..<2].elements == start[rows: 1..<2].elements)
        #expect(moved[rows: 3..<4].elements == start[rows: 3..<4].elements)
        #expect(zip(moved[rows: 0..<1].elements, start[rows: 0..<1].elements).allSatisfy { $0 < $1 })
        #expect(zip(moved[rows: 2..<3].elements, start[rows: 2..<3].elements).allSatisfy { $0 < $1 })
        for (name, tensor) in optimizer.exportState() where tensor.shape == [4, 3] {
            #expect(tensor[rows: 3..<4].elements == [0, 0, 0], "\(name)")
        }
    }

    @Test(arguments: all) func `restored state goes on as if never stopped`(_ ruleCase: RuleCase) throws {
        func step(_ model: Single, _ optimizer: inout Optimizer) {
            let w = model.weight.tensor
            optimizer.update((w * w * w).sum().gradients(), learningRate: 0.01)
        }
        let model = Single(weight: Parameter(Tensor.range(6, from: -2).reshaped([2, 3])))
        var optimizer = Optimizer(ruleCase.rule, for: model, weightDecay: 0.1)
        for _ in 0..<4 { step(model, &optimizer) }
        let again = Single(weight: Parameter(model.weight.value))
        var restored = Optimizer(ruleCase.rule, for: again, weightDecay: 0.1)
        try restored.importState(optimizer.exportState() + [("model.weight", Tensor.zeros([1]))])
        #expect(restored.step == 4)
        for _ in 0..<4 {
            step(model, &optimizer)
            step(again, &restored)
        }
        #expect(again.weight.value.elements == model.weight.value.elements)
    }

    @Test func `state of another model is refused and nothing has changed`() throws {
        let model = Single(weight: Parameter(Tensor.ones([2, 3])))
        var optimizer = Optimizer(Adam(), for: model)
        optimizer.update(model.weight.tensor.sum().gradients(), learningRate: 0.1)
        let state = optimizer.exportState()
        #expect(
            state.map(\.name) == [
                "optimizer.step", "optimizer.state.weight.step", "optimizer.state.weight.first_moment",
                "optimizer.state.weight.second_moment",
            ])
        func message(_ change: (inout [(name: String, tensor: Tensor)]) -> Void) -> String {
            var state = state
            change(&state)
            return kuklaMessage { try optimizer.importState(state) } ?? "no error"
        }
        let shape = message { $0[3].tensor = Tensor.ones([3, 2]) }
        #expect(shape.contains("\"optimizer.state.weight.second_moment\" has shape [3, 2]"))
        #expect(shape.contains("of shape [2, 3]"))
        #expect(message { $0.remove(at: 2) }.contains("first_moment\" is missing"))
        #expect(message { $0.remove(at: 1) }.contains("weight.step\" is missing"))
        #expect(message { $0.remove(at: 0) }.contains("optimizer.step\" is missing"))
        #expect(message { $0[0].tensor = Tensor(-1) }.contains("not a count"))
        #expect(message { $0[0].tensor = Tensor(Float.nan) }.contains("not a count"))
        let unknown = message { $0.append(("optimizer.state.wieght.step", Tensor(1))) }
        #expect(unknown.contains("\"optimizer.state.wieght.step\" belongs to no parameter"))
        #expect(unknown.contains("the nearest is \"optimizer.state.weight.step\""))
        #expect(optimizer.step == 1)
    }

    @Test func `a parameter that is thawed late has corrections of its own`() {
        let model = Single(weight: Parameter(Tensor.ones([2, 2])))
        var optimizer = Optimizer(Adam(), for: model)
        model.weight.isTrainable = false
        for _ in 0..<50 { optimizer.update(Gradients(), learningRate: 0.1) }
        model.weight.isTrainable = true
        optimizer.update(model.weight.tensor.sum().gradients(), learningRate: 0.1)
        #expect(difference(model.weight.value.elements, [0.9, 0.9, 0.9, 0.9]) < 1e-6)
    }

    @Test func `groups by pattern take the first that matches`() throws {
        struct Two: Module {
            let body, head: Single
            func visit(_ visitor: inout ModuleVisitor) {
                visitor.visit("body", body)
                visitor.visit("head", head)
            }
        }
        let model = Two(
            body: Single(weight: Parameter(Tensor.ones([2, 2]))),
            head: Single(weight: Parameter(Tensor.ones([2]))))
        var optimizer = try Optimizer(
            SGD(), for: model, weightDecay: 0.5,
            rules: [ParameterGroupRule("head.*", learningRateFactor: 10), ParameterGroupRule("*")])
        optimizer.update(
            (model.body.weight.tensor.sum() + model.head.weight.tensor.sum()).gradients(), learningRate: 0.01)
        #expect(difference(model.body.weight.value.elements, [0.985, 0.985, 0.985, 0.985]) < 1e-6)
        #expect(difference(model.head.weight.value.elements, [0.9, 0.9]) < 1e-6)
        let message = kuklaMessage {
            _ = try Optimizer(SGD(), for: model, rules: [ParameterGroupRule("haed.*")])
        }
        #expect(message?.contains("\"haed.*\"") == true)
    }

    @Test(arguments: all) func `empty parameters are left alone`(_ ruleCase: RuleCase) {
        let model = Single(weight: Parameter(Tensor.zeros([0, 3])))
        var optimizer = Optimizer(ruleCase.rule, for: model)
        optimizer.update(model.weight.tensor.sum().gradients(), learningRate: 1)
        #expect(model.weight.value.count == 0)
    }

    @Test(arguments: all) func `results do not depend on threads`(_ ruleCase: RuleCase) {
        func run(threads: Int) -> [[Float]] {
            var random = RandomSource(seed: 1)
            let dense = Single(weight: Parameter(Tensor.normal([300, 333], using: &random)))
            let table = Embedding(20_000, 16, using: &random)
            var optimizers = [Optimizer(ruleCase.rule, for: dense), Optimizer(ruleCase.rule, for: table)]
            let ids = (0..<9000).map { _ in Int32.random(in: 0..<20_000, using: &random) }
            let factor = Tensor.normal([9000, 16], using: &random)
            TensorThreads.limited(to: threads) {
                for _ in 0..<3 {
                    let w = dense.weight.tensor
                    optimizers[0].update((w * w).sum().gradients(), learningRate: 0.1)
                    optimizers[1].update((table(ids) * factor).sum().gradients(), learningRate: 0.1)
                }
            }
            return [dense.weight.value.elements, table.weight.value.elements]
        }
        #expect(run(threads: 1) == run(threads: 2))
    }
}
