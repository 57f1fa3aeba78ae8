import KuklaNN
import KuklaNumerics
import KuklaTensor
import Testing

private struct GoldenTensor: Decodable {
    var shape: [Int]
    var elements: [Float]
    var tensor: Tensor { Tensor(shape: shape, elements: elements) }
}

private struct GoldenCase: Decodable {
    var parameters, inputs, outputs, weights, gradients, buffers: [String: GoldenTensor]
}

private struct GoldenCases: Decodable {
    var cases: [String: GoldenCase]
}

/// Layers beside PyTorch: results, and the gradients of all parameters and inputs.
@Suite struct GoldenLayerTests {
    private func compare(
        _ name: String, _ module: some Module, _ run: ([String: Tensor]) -> [String: Tensor]
    ) throws {
        let truth = try #require(try golden("layers.json", as: GoldenCases.self).cases[name])
        for named in module.parameters where truth.parameters[named.path] != nil {
            named.parameter.value = try #require(truth.parameters[named.path]).tensor
        }
        let known = Set(module.parameters.map(\.path))
        #expect(truth.parameters.keys.allSatisfy { known.contains($0) }, "\(known.sorted())")
        let inputs = truth.inputs.mapValues { $0.tensor.watched() }
        let outputs = run(inputs)
        var loss = Tensor(0)
        for (output, wanted) in truth.outputs {
            let found = try #require(outputs[output])
            #expect(found.shape == wanted.shape)
            let gap = difference(found.elements, wanted.elements)
            #expect(gap < 2e-6, "\(output): off by \(gap)")
            loss = loss + (found * (try #require(truth.weights[output]).tensor)).sum()
        }
        let gradients = loss.gradients()
        for (path, wanted) in truth.gradients {
            let parameter = module.parameters.first { $0.path == path }?.parameter
            let found = try #require(parameter.map { gradients[$0] } ?? inputs[path].map { gradients[$0] })
            let gap = difference(found?.dense.elements ?? [], wanted.elements)
            #expect(gap < 1e-5, "gradient of \(path): off by \(gap)")
        }
        for (path, wanted) in truth.buffers {
            let buffer = try #require(module.parameters.first { $0.path == path }?.parameter)
            #expect(difference(buffer.value.elements, wanted.elements) < 1e-6, "\(path)")
        }
    }

    @Test(arguments: [
        ("gru", [3, 1, 4], 1, false, true), ("gru_layers", [2, 5, 5, 1], 3, false, false),
        ("gru_bidirectional", [4, 1, 3], 2, true, true),
    ])
    func `gated recurrent units`(
        _ name: String, _ lengths: [Int], layers: Int, isBidirectional: Bool, bias: Bool
    ) throws {
        var random = RandomSource(seed: 1)
        let gru = GRU(5, 6, layers: layers, isBidirectional: isBidirectional, bias: bias, using: &random)
        try compare(name, gru) { inputs in
            guard let x = inputs["x"] else { return [:] }
            let result = gru(x, lengths: SequenceLengths(lengths), initial: inputs["initial"])
            return ["states": result.states, "last": result.last]
        }
    }

    @Test(arguments: [
        ("residual", 3, 1, true), ("residual_narrowing", 4, 2, true), ("residual_used", 4, 2, false),
    ])
    func `residual blocks`(_ name: String, outputs: Int, stride: Int, isTraining: Bool) throws {
        var random = RandomSource(seed: 1)
        let block = ResidualBlock(3, outputs, stride: stride, using: &random)
        try compare(name, block) { inputs in
            let mode: ForwardMode = isTraining ? .training(RandomStream(seed: 1)) : .inference
            return inputs["x"].map { ["y": block($0, mode: mode)] } ?? [:]
        }
    }

    @Test func `ConvNeXt blocks`() throws {
        var random = RandomSource(seed: 1)
        let block = ConvNeXtBlock(4, using: &random)
        try compare("convnext", block) { inputs in inputs["x"].map { ["y": block($0)] } ?? [:] }
    }
}
