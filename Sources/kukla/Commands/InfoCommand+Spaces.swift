import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaText

/// Folders that hold more than a plain model.
extension InfoCommand {
    private struct Aspects: Encodable {
        struct Aspect: Encodable {
            let name: String
            let kind: String
            let bytes: Int
        }

        let schemaVersion = 1
        let path: String
        let format = "model with a space for each aspect"
        let base: String
        let dimensions: Int
        let layers: Int
        let aspects: [Aspect]
    }

    private struct Concepts: Encodable {
        let schemaVersion = 1
        let path: String
        let format = "model with named dimensions"
        let dimensions: Int
        /// Tokens that are read of a text; absent where texts are read whole.
        let maximumLength: Int?
        let concepts: [String]
    }

    /// Shows a folder of aspects or of concepts; says whether it was one.
    func showSpaces(_ url: URL) throws -> Bool {
        if AspectFolder.isOne(url) {
            try showAspects(AspectFolder(url))
        } else if ConceptFolder.isOne(url) {
            try showConcepts(ConceptModel(url))
        } else {
            return false
        }
        return true
    }

    private func showAspects(_ folder: AspectFolder) throws {
        let model = try EmbeddingModel(folder: folder.base)
        let summary = Aspects(
            path: path, base: folder.base.path, dimensions: model.encoder.dimensions,
            layers: model.encoder.layerCount,
            aspects: folder.aspects.map { .init(name: $0.name, kind: $0.kind.rawValue, bytes: $0.bytes) })
        if reporting.json { return try printJSON(summary) }
        print("\(path): \(summary.format)")
        print("  base  \(summary.layers) layers, \(summary.dimensions) dimensions")
        for aspect in summary.aspects {
            print("  \(aspect.name)  \(aspect.kind), \(Quantity.bytes(aspect.bytes))")
        }
    }

    private func showConcepts(_ model: ConceptModel) throws {
        let names = model.concepts.map(\.name)
        let summary = Concepts(
            path: path, dimensions: model.dimensions,
            maximumLength: model.maximumLength == .max ? nil : model.maximumLength, concepts: names)
        if reporting.json { return try printJSON(summary) }
        let length = summary.maximumLength.map { "at most \($0) tokens of a text" } ?? "whole texts"
        print("\(path): \(summary.format)")
        print("  \(Quantity.count(summary.dimensions)) dimensions, reads \(length)")
        let more = names.count > 8 ? ", and \(Quantity.count(names.count - 8)) more" : ""
        print("  \(names.prefix(8).joined(separator: ", "))\(more)")
    }
}
