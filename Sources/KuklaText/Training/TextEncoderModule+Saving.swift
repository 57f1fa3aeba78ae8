public import Foundation
import KuklaFormats
import KuklaNN
public import KuklaNumerics
import KuklaTensor

extension TextEncoderModule {
    /// Writes a complete sentence-transformers folder, whole or not at all: what the folder that the model came from says
    /// about modules and tokenizer, these weights, and a README.
    ///
    /// Tensors of the old `model.safetensors` that are no parameter here (BERT's pooler) are kept. Adapters are merged into
    /// the weights first and taken off.
    /// - Parameters:
    ///   - maximumLength: what the new folder gives as the longest sequence; the old value where nil.
    ///   - prompts: what the new folder says about instructions; what the old one does where nil.
    ///   - addFiles: writes what else belongs into the folder.
    /// - Throws: `KuklaError` (`missingFile` where the folder around it or a source file is not there, `inputOutput`); what
    ///   `addFiles` throws.
    public func write(
        to url: URL, card: ModelCard, maximumLength: Int? = nil, prompts: PromptTable? = nil,
        adding addFiles: (_ folder: URL) throws(KuklaError) -> Void = { _ in }
    ) throws(KuklaError) {
        mergeLoRA()
        removeAdapters()
        let folder = try AtomicFolder(url)
        let sizes = try card.sizes?.json
        try ModelFolder.copySettings(from: self.folder, to: folder.staging) {
            $0[SizeTable.key] = sizes
            if isRebuilt { $0["is_decoder"] = "\(configuration.mask == .causal)" }
        }
        if let prompts { try ModelFolder.write(prompts, to: folder.staging) }
        try writePooling(to: folder.staging)
        if let maximumLength { try ModelFolder.write(maximumLength: maximumLength, to: folder.staging) }
        try transformerWeights().write(to: folder.staging.appending(path: "model.safetensors"))
        for (layer, linear) in zip(configuration.dense, dense) {
            var writer = SafetensorsWriter(metadata: ["format": "pt"])
            for named in linear.parameters {
                writer.add(named.parameter.value, named: "linear.\(named.path)")
            }
            let path = ModelFolder.relativePath(of: layer.folder, in: self.folder)
            try writer.write(to: folder.staging.appending(path: "\(path)/model.safetensors"))
        }
        var known = prompts
        if known == nil { known = try PromptTable(folder: self.folder) }
        let text = card.markdown(
            name: url.lastPathComponent, dimensions: dimensions,
            maximumLength: maximumLength ?? self.maximumLength,
            prompts: known ?? PromptTable(), isForKuklaAlone: latent != nil)
        try AtomicFile.write(text, to: folder.staging.appending(path: "README.md"))
        if let chart = card.sizes?.chart() {
            try AtomicFile.write(chart, to: folder.staging.appending(path: ModelCard.chartName))
        }
        try addFiles(folder.staging)
        try folder.commit()
    }

    /// The module that pools, where it is not the old folder's, and what it has learned.
    private func writePooling(to staging: URL) throws(KuklaError) {
        var path = ModelFolder.relativePath(of: configuration.poolingFolder, in: self.folder)
        if isRebuilt { path = try ModelFolder.replacePooling(configuration, in: staging) }
        guard let latent else { return }
        var writer = SafetensorsWriter(metadata: ["format": "pt"])
        for named in latent.parameters { writer.add(named.parameter.value, named: named.path) }
        try writer.write(to: staging.appending(path: "\(path)/model.safetensors"))
    }

    /// The parameters of the transformer and what else the old file holds.
    private func transformerWeights() throws(KuklaError) -> SafetensorsWriter {
        // "format" is what Hugging Face's loader asks for.
        var writer = SafetensorsWriter(metadata: ["format": "pt"])
        var names = Set<String>()
        for named in parameters where !Self.hasOwnFile(named.path) {
            writer.add(named.parameter.value, named: named.path)
            names.insert(named.path)
        }
        let old = try SafetensorsFile(folder.appending(path: "model.safetensors"))
        for tensor in old.tensors {
            let name = tensor.name.hasPrefix("bert.") ? String(tensor.name.dropFirst(5)) : tensor.name
            guard names.insert(name).inserted else { continue }
            writer.add(
                bytes: old.withUnsafeBytes(of: tensor) { Data($0) }, named: name,
                elementType: tensor.elementType,
                shape: tensor.shape)
        }
        return writer
    }
}
