public import Foundation
import KuklaFormats
import KuklaNN
package import KuklaNumerics
import KuklaTensor

/// A folder with an encoder whose dimensions have names.
///
/// ```
/// sesa.json                what reads a text, and how its concepts are made of that
/// concepts.tsv             the names of the dimensions, in order
/// model.safetensors        the head; with the recurrent encoder, all of it
/// encoder/                 the tokenizer; with a transformer, its sentence-transformers folder
/// ```
/// With ESA, `words.txt` and `esa.safetensors` in place of the last two.
public enum ConceptFolder {
    enum Encoder: String, Codable { case recurrent, transformer, esa }

    struct Settings: Codable {
        var version = 1
        var encoder: Encoder
        /// Of `recurrent`.
        var units: Int?
        var isBidirectional: Bool?
        /// Of trained encoders.
        var threshold: Float?
        var maximumTokens: Int?

        enum CodingKeys: String, CodingKey {
            case version, encoder, units, threshold
            case isBidirectional = "bidirectional"
            case maximumTokens = "max_tokens"
        }
    }

    static let settingsFile = "sesa.json"
    static let conceptFile = "concepts.tsv"
    static let weightFile = "model.safetensors"
    static let encoderFolder = "encoder"

    /// Whether `url` is such a folder.
    public static func isOne(_ url: URL) -> Bool {
        FileManager.default.fileExists(atPath: url.appending(path: settingsFile).path)
    }

    /// Writes a trained encoder, whole or not at all.
    ///
    /// - Parameters:
    ///   - base: the folder that tokenizer and first weights came from.
    ///   - maximumTokens: that are read of a text.
    package static func write(
        _ model: ConceptEncoder, concepts: [Concept], base: URL, maximumTokens: Int, card: ModelCard,
        to url: URL
    ) throws(KuklaError) {
        let folder = try AtomicFolder(url)
        var settings = Settings(encoder: .recurrent)
        settings.threshold = model.threshold
        settings.maximumTokens = maximumTokens
        let encoder = folder.staging.appending(path: encoderFolder)
        let weights = folder.staging.appending(path: weightFile)
        switch model.backbone {
        case .recurrent(let network):
            settings.units = network.units
            settings.isBidirectional = network.isBidirectional
            try ModelFolder.make(encoderFolder, in: folder.staging)
            for name in ModelFolder.transformerFiles {
                try ModelFolder.copy(name, from: base, to: encoder)
            }
            try model.save(to: weights)
        case .transformer(let module):
            settings.encoder = .transformer
            try module.write(to: encoder, card: card, maximumLength: maximumTokens)
            try model.head.save(to: weights, prefix: "head.")
        }
        try write(settings, concepts, card, url.lastPathComponent, to: folder.staging)
        try folder.commit()
    }

    /// Writes an ESA encoder, whole or not at all.
    package static func write(
        _ encoder: ESAEncoder, concepts: [Concept], card: ModelCard, to url: URL
    ) throws(KuklaError) {
        let folder = try AtomicFolder(url)
        try encoder.write(to: folder.staging)
        try write(Settings(encoder: .esa), concepts, card, url.lastPathComponent, to: folder.staging)
        try folder.commit()
    }

    private static func write(
        _ settings: Settings, _ concepts: [Concept], _ card: ModelCard, _ name: String, to staging: URL
    ) throws(KuklaError) {
        try Concept.write(concepts, to: staging.appending(path: conceptFile))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let data: Data
        do { data = try encoder.encode(settings) } catch {
            throw KuklaError(.badData, "Cannot write \(settingsFile).", cause: error)
        }
        try AtomicFile.write(data, to: staging.appending(path: settingsFile))
        try AtomicFile.write(
            "# \(name)\n\n\(card.objective) \(concepts.count) named dimensions, made from \(card.base) with \(card.examples) examples.\n"
                + "`kukla embed --model` gives vectors, `kukla explain --model` says why two texts are alike.\n\n```yaml\n\(card.recipe)```\n",
            to: staging.appending(path: "README.md"))
    }
}
