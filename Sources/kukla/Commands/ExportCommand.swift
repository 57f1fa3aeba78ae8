import ArgumentParser
import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaText

/// `kukla export`: a model of a smaller size as a folder of its own.
struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Cut a model to its first layers and its leading dimensions.",
        discussion: """
            Writes a sentence-transformers folder that any loader takes: its vectors are those of
            `kukla embed --dims D --layers L` with the whole model. Sensible for models that were trained for it
            (`kukla train matryoshka`); `kukla eval sizes` says what each size is worth.

            Example:
              kukla export --model elastic --dims 48 --layers 3 -o small
            """)

    @Option(
        help:
            "The model: a sentence-transformers folder, or ORG/NAME as fetched by `kukla model get`; the default model where left out."
    )
    var model: String?

    @Option(help: "Leading dimensions to keep; the vectors are normalised again.")
    var dims: Int?

    @Option(help: "Layers to keep, from the first.")
    var layers: Int?

    @Option(name: .shortAndLong, help: "The folder to write.")
    var output: String

    @OptionGroup var reporting: OutputOptions

    private struct Result: Encodable {
        let schemaVersion = 1
        let output: String
        let layers: Int
        let dimensions: Int
        let modelBytes: Int
        let modelBytesBefore: Int
    }

    func validate() throws {
        guard dims != nil || layers != nil else {
            throw ValidationError("Give --dims, --layers or both: there is nothing to cut otherwise.")
        }
    }

    func run() throws {
        let source = try ModelLocation.resolve(model)
        let target = URL(fileURLWithPath: output)
        let export = try ModelExport(source, layers: layers, dimensions: dims)
        try export.write(to: target)
        let result = Result(
            output: output, layers: export.size.layers, dimensions: export.size.dimensions,
            modelBytes: try export.weightBytes, modelBytesBefore: try ModelExport(source).weightBytes)
        if reporting.json { return try printJSON(result) }
        if !reporting.quiet {
            note(
                "\(output): \(result.layers) layers, vectors of \(result.dimensions) dimensions, \(Quantity.bytes(result.modelBytes)) of weights (before \(Quantity.bytes(result.modelBytesBefore)))"
            )
        }
    }
}
