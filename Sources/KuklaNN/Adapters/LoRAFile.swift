public import Foundation
import KuklaFormats
public import KuklaNumerics
import KuklaTensor

// A LoRA of a model in PEFT's form: a folder with adapter_model.safetensors and adapter_config.json.

extension Module {
    /// Writes every `LoRA` of the model into the folder `url`, which is made where it is not there, as PEFT would.
    ///
    /// - Throws: `KuklaError` (`usage` where the model has none, or of several ranks or scales; `inputOutput`).
    public func saveLoRA(to url: URL, baseModel: String? = nil) throws(KuklaError) {
        let adapted = adaptedLayers.compactMap { path, linear in (linear.adapter as? LoRA).map { (path, $0) }
        }
        guard let first = adapted.first?.1 else {
            throw KuklaError(.usage, "Cannot save the LoRA to \(url.path): the model has none.")
        }
        if let other = adapted.first(where: { $0.1.rank != first.rank || $0.1.scale != first.scale }) {
            throw KuklaError(
                .usage,
                "Cannot save the LoRA to \(url.path): \(other.0) has rank \(other.1.rank) and scale \(other.1.scale), others "
                    + "\(first.rank) and \(first.scale); the format has room for one of each.")
        }
        do {
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        } catch {
            throw KuklaError(.inputOutput, "Cannot make the folder \(url.path).", cause: error)
        }
        var writer = SafetensorsWriter(metadata: ["format": "pt"])
        for (path, lora) in adapted {
            for named in lora.parameters {
                writer.add(named.parameter.value, named: LoRAConfiguration.prefix + path + "." + named.path)
            }
        }
        try writer.write(to: url.appending(path: "adapter_model.safetensors"))
        let configuration = LoRAConfiguration(
            rank: first.rank, alpha: first.scale * Float(first.rank), dropout: first.dropout.rate,
            targets: adapted.map(\.0), baseModel: baseModel)
        try configuration.write(to: url.appending(path: "adapter_config.json"))
    }

    /// Puts the LoRA of a PEFT folder onto this model, and freezes everything else; see `addLoRA`.
    ///
    /// - Returns: the paths of the layers.
    /// - Throws: `KuklaError` where a file is missing or not what it should be, a layer is not in the model, has another shape
    ///   (both are named) or has an adapter; nothing has then changed.
    @discardableResult
    public func loadLoRA(from url: URL) throws(KuklaError) -> [String] {
        let configuration = try LoRAConfiguration(url.appending(path: "adapter_config.json"))
        let file = try SafetensorsFile(url.appending(path: "adapter_model.safetensors"))
        let linears = Dictionary(modules(of: Linear.self).map { ($0.path, $0.module) }) { first, _ in first }
        var found: [(path: String, linear: Linear, lora: LoRA)] = []
        var unused = Set(file.tensors.map(\.name))
        func fail(_ what: String) -> KuklaError {
            KuklaError(.badData, "Cannot load the LoRA \(url.path): \(what).")
        }
        for tensor in file.tensors {
            guard tensor.name.hasPrefix(LoRAConfiguration.prefix), tensor.name.hasSuffix(".lora_A.weight")
            else {
                continue
            }
            let path = String(
                tensor.name.dropFirst(LoRAConfiguration.prefix.count).dropLast(".lora_A.weight".count))
            guard let linear = linears[path] else {
                let near = EditDistance.likely(path, among: linears.keys.sorted())
                throw fail(
                    "the model has no linear layer \"\(path)\"\(near.map { "; the nearest is \"\($0)\"" } ?? "")"
                )
            }
            guard linear.adapter == nil else {
                throw fail("\"\(path)\" has an adapter already; remove that first")
            }
            // Before memory of a claimed rank is taken.
            let expected = [configuration.rank, linear.inputDimensions]
            guard tensor.shape == expected else {
                throw fail(
                    "\"\(tensor.name)\" has shape \(tensor.shape), and rank \(configuration.rank) on this model needs \(expected)"
                )
            }
            var random = RandomSource(seed: 0)
            let lora = LoRA(
                around: linear, rank: configuration.rank, alpha: configuration.alpha,
                dropout: configuration.dropout, using: &random)
            for named in lora.parameters {
                let name = LoRAConfiguration.prefix + path + "." + named.path
                let values = try file.values(named: name)
                guard values.shape == named.parameter.shape else {
                    throw fail(
                        "\"\(name)\" has shape \(values.shape), and rank \(configuration.rank) on this model needs "
                            + "\(named.parameter.shape)")
                }
                named.parameter.value = values
                unused.remove(name)
            }
            found.append((path, linear, lora))
        }
        if let other = unused.min() { throw fail("\"\(other)\" is no part of a LoRA on linear layers") }
        guard !found.isEmpty else { throw fail("it has no tensors") }
        setTrainable(false)
        for (_, linear, lora) in found { linear.slot.adapter = lora }
        for (_, _, lora) in found { lora.setTrainable(true) }
        return found.map(\.path)
    }
}
