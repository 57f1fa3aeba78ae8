import Foundation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaTensor
import Testing

/// A model that knows nothing of adapters.
private struct Tower: Module {
    struct Attention: Module {
        let query, value: Linear
        func visit(_ visitor: inout ModuleVisitor) {
            visitor.visit("query", query)
            visitor.visit("value", value)
        }
    }
    let attention: Attention
    let output: Linear

    init(seed: UInt64) {
        var random = RandomSource(seed: seed)
        attention = Attention(query: Linear(6, 5, using: &random), value: Linear(6, 5, using: &random))
        output = Linear(5, 4, using: &random)
    }

    func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("attention", attention)
        visitor.visit("output", output)
    }

    func callAsFunction(_ x: Tensor, mode: ForwardMode = .inference) -> Tensor {
        output(attention.query(x, mode: mode) * attention.value(x, activation: .relu, mode: mode))
    }
}

@Suite struct AdapterTests {
    private let x = {
        var random = RandomSource(seed: 9)
        return Tensor.normal([2, 3, 6], using: &random)
    }()

    private func trained(_ model: Tower) {
        var optimizer = Optimizer(Adam(), for: model)
        for _ in 0..<20 {
            let y = model(x) - 1
            optimizer.update((y * y).mean().gradients(), learningRate: 0.02)
        }
    }

    @Test func `a LoRA starts unchanged, trains only itself, and lowers the loss`() throws {
        var random = RandomSource(seed: 1)
        let model = Tower(seed: 2)
        let before = model(x)
        let weights = model.parameterValues
        let paths = try model.addLoRA(matching: "*attention.*", rank: 2, alpha: 4, using: &random)
        #expect(paths == ["attention.query", "attention.value"])
        #expect(model(x).elements == before.elements)
        #expect(
            model.trainableParameters.map(\.path) == [
                "attention.query.lora_A.weight", "attention.query.lora_B.weight",
                "attention.value.lora_A.weight",
                "attention.value.lora_B.weight",
            ])
        func loss() -> Float {
            let y = model(x) - 1
            return (y * y).mean().item
        }
        let first = loss()
        trained(model)
        #expect(loss() < 0.8 * first)
        for (path, value) in weights {
            let now = model.parameterValues.first { $0.path == path }
            #expect(now?.value.elements == value.elements, "\(path)")
        }
    }

    @Test func `merged is unmerged within rounding`() throws {
        var random = RandomSource(seed: 1)
        let model = Tower(seed: 2)
        try model.addLoRA(matching: "*", rank: 3, alpha: 6, using: &random)
        trained(model)
        let apart = model(x)
        let weight = model.output.weight.value
        model.mergeLoRA()
        #expect(model.output.weight.value.elements != weight.elements)
        #expect(difference(model(x).elements, apart.elements) < 1e-6)
        model.mergeLoRA()  // once is enough
        #expect(difference(model(x).elements, apart.elements) < 1e-6)
        model.unmergeLoRA()
        #expect(difference(model(x).elements, apart.elements) < 1e-6)
        #expect(difference(model.output.weight.value.elements, weight.elements) < 1e-6)
        model.mergeLoRA()
        model.removeAdapters()
        #expect(difference(model(x).elements, apart.elements) < 1e-6)
        #expect(model.adaptedLayers.isEmpty)
        #expect(model.parameters.count == 6)
    }

    @Test func `a LoRA goes through a folder with the names of PEFT`() throws {
        var random = RandomSource(seed: 1)
        try withTemporaryFolder { folder in
            let url = folder.appending(path: "adapter")
            let model = Tower(seed: 2)
            try model.addLoRA(matching: "*.query", rank: 2, alpha: 8, dropout: 0.25, using: &random)
            trained(model)
            try model.saveLoRA(to: url, baseModel: "tower")
            let file = try SafetensorsFile(url.appending(path: "adapter_model.safetensors"))
            #expect(
                Set(file.tensors.map(\.name)) == [
                    "base_model.model.attention.query.lora_A.weight",
                    "base_model.model.attention.query.lora_B.weight",
                ])
            let json = try JSONSerialization.jsonObject(
                with: Data(contentsOf: url.appending(path: "adapter_config.json")))
            let settings = try #require(json as? [String: Any])
            #expect(settings["peft_type"] as? String == "LORA")
            #expect(settings["r"] as? Int == 2)
            #expect(settings["lora_alpha"] as? Double == 8)
            #expect(settings["target_modules"] as? [String] == ["attention.query"])
            let other = Tower(seed: 2)
            #expect(try other.loadLoRA(from: url) == ["attention.query"])
            #expect(other(x).elements == model(x).elements)
            #expect(other.trainableParameters.count == 2)
            // A second one, and one of a file that was changed.
            #expect(
                kuklaMessage { try other.loadLoRA(from: url) }?.contains("has an adapter already") == true)
            other.removeAdapters()
            let configuration = url.appending(path: "adapter_config.json")
            let text = try String(contentsOf: configuration, encoding: .utf8)
            for (old, new, word) in [
                ("\"r\" : 2", "\"r\" : 3", "rank 3 on this model needs [3, 6]"),
                ("\"r\" : 2", "\"r\" : -1", "r is -1"),
                ("\"r\" : 2", "\"r\" : \"x\"", "no adapter_config.json"),
                ("LORA", "IA3", "type IA3"), ("\"none\"", "\"all\"", "bias \"all\""),
            ] {
                let changed = text.replacingOccurrences(of: old, with: new)
                #expect(changed != text)
                try Data(changed.utf8).write(to: configuration)
                #expect(kuklaMessage { try other.loadLoRA(from: url) }?.contains(word) == true, "\(new)")
                #expect(other.adaptedLayers.isEmpty)
            }
        }
    }

    @Test func `wrong patterns and second adapters are refused`() throws {
        var random = RandomSource(seed: 1)
        let model = Tower(seed: 2)
        let message = kuklaMessage { try model.addLoRA(matching: "*.key", rank: 2, using: &random) }
        #expect(message?.contains("\"*.key\"") == true)
        #expect(message?.contains("attention.query, attention.value, output") == true)
        try model.addLoRA(matching: "*.query", rank: 2, using: &random)
        #expect(
            kuklaMessage { try model.addLoRA(matching: "*", rank: 2, using: &random) }?
                .contains("\"attention.query\": it has an adapter already") == true)
        #expect(model.adaptedLayers.map(\.path) == ["attention.query"])
    }

    @Test func `dropout of a LoRA is for training only`() throws {
        var random = RandomSource(seed: 1)
        let model = Tower(seed: 2)
        try model.addLoRA(matching: "*.query", rank: 2, dropout: 0.5, using: &random)
        trained(model)
        #expect(model(x).elements == model(x).elements)
        func training(_ seed: UInt64) -> [Float] {
            model(x, mode: .training(RandomStream(seed: seed))).elements
        }
        #expect(training(1) == training(1))
        #expect(training(1) != training(2))
        #expect(training(1) != model(x).elements)
    }

    @Test func `bottleneck adapters start all but unchanged and train only themselves`() throws {
        var random = RandomSource(seed: 1)
        let model = Tower(seed: 2)
        let before = model(x)
        try model.addBottleneckAdapters(matching: "output", size: 3, using: &random)
        #expect(difference(model(x).elements, before.elements) < 1e-4)
        #expect(
            model.trainableParameters.map(\.path) == [
                "output.adapter.down.weight", "output.adapter.down.bias", "output.adapter.up.weight",
                "output.adapter.up.bias",
            ])
        // A LoRA beside it: the layers inside the adapter are not the model's.
        let paths = try model.addLoRA(matching: "attention.*", rank: 2, using: &random)
        #expect(paths.count == 2)
        #expect(model.trainableParameters.count == 8)
        #expect(model.adaptedLayers.map(\.path) == ["attention.query", "attention.value", "output"])
        trained(model)
        try withTemporaryFolder { folder in
            // Both kinds go with the whole model's weights too.
            let url = folder.appending(path: "model.safetensors")
            try model.save(to: url)
            let other = Tower(seed: 3)
            try other.addBottleneckAdapters(matching: "output", size: 3, using: &random)
            try other.addLoRA(matching: "attention.*", rank: 2, using: &random)
            try other.load(from: SafetensorsFile(url))
            #expect(other(x).elements == model(x).elements)
        }
    }
}
