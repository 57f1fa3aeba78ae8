import ArgumentParser
import Foundation
import KuklaCodecs
import KuklaFormats
import KuklaNumerics
import KuklaText

/// `kukla export`: a model of a smaller size as a folder of its own.
struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract:
            "Cut a model to its first layers and its leading dimensions, its own or its principal ones.",
        discussion: """
            Writes a sentence-transformers folder that any loader takes: its vectors are those of \
            `kukla embed --dims D --layers L` with the whole model. Sensible for models that were trained for it \
            (`kukla train matryoshka`); `kukla eval sizes` says what each size is worth.

            --principal turns the vectors so that leading dimensions are the principal components of those of some texts: what a \
            model can be cut to without training, and a good start for `kukla train matryoshka`. Cosines of whole vectors stay.

            Examples:
              kukla export --model elastic --dims 48 --layers 3 -o small
              kukla export --principal notes.jsonl --dims 96 -o small
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

    @Option(help: "Texts, of whose vectors the leading dimensions are to be the principal components.")
    var principal: String?

    @Option(name: .shortAndLong, help: "The folder to write.")
    var output: String

    @OptionGroup var compute: ComputeOptions
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
        guard dims != nil || layers != nil || principal != nil else {
            throw ValidationError(
                "Give --dims, --layers or --principal: there is nothing to change otherwise.")
        }
    }

    func run() throws {
        let source = try ModelLocation.resolve(model)
        let target = URL(fileURLWithPath: output)
        let export = try ModelExport(
            source, layers: layers, dimensions: dims, directions: principal.map { try directions($0, source) }
        )
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

    /// The principal directions of the vectors of texts, by as many layers as are kept.
    private func directions(_ path: String, _ source: URL) throws -> Matrix {
        try ModelOptions.checkIsPlain(source)
        let texts = try TextReader(URL(fileURLWithPath: path)).readAll().map(\.text)
        let model = try EmbeddingModel(folder: source, layers: layers)
        let wanted = dims ?? model.encoder.dimensions
        guard texts.count > wanted else {
            throw KuklaError(
                .badData,
                "Cannot find \(wanted) principal components of \(texts.count) texts in \(path): give more texts than dimensions."
            )
        }
        // As many tell directions as well as all do.
        var random = RandomSource(seed: 1)
        let count = min(texts.count, Self.sample)
        let sample = random.sample(count, below: texts.count).map { texts[$0] }
        let progress = reporting.progress
        progress.begin("Embedding", total: count, unit: "texts")
        defer { progress.end() }
        let threads = try compute.threadCount()
        let vectors = try model.embed(sample, threads: threads, progress: AdvanceOnly(progress)).vectors
        return try PrincipalComponents(of: vectors, threads: threads).directions
    }

    private static let sample = 20_000
}
