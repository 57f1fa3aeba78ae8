public import ArgumentParser
import Foundation
import KuklaFormats
public import KuklaNumerics
import KuklaText

/// How texts are read from a file.
struct TextOptionGroup: ParsableArguments {
    @Option(help: "The JSON key or the column (name, or number from 1) that holds the text.")
    var textColumn: String?

    @Option(help: "The JSON key or the column that holds the id.")
    var idColumn: String?

    @Option(
        help:
            "How the texts lie in the file: \(TextFormat.allCases.map(\.rawValue).joined(separator: ", ")); by its name where left out."
    )
    var format: String?

    /// The texts at `path`, `-` being stdin.
    func reader(_ path: String) throws(KuklaError) -> TextReader {
        var options = TextOptions(textColumn: textColumn, idColumn: idColumn)
        if let format {
            guard let known = TextFormat(rawValue: format) else {
                throw KuklaError(
                    .usage,
                    "Unknown --format \(format): expected one of \(TextFormat.allCases.map(\.rawValue).joined(separator: ", "))."
                )
            }
            options.format = known
        }
        if path == "-" { return try TextReader(.standardInput(), options: options) }
        return try TextReader(URL(fileURLWithPath: path), options: options)
    }
}

/// Which model, and how exactly it computes.
struct ModelOptions: ParsableArguments {
    @Option(
        help:
            "The model: a sentence-transformers folder, or ORG/NAME as fetched by `kukla model get`. Default: KUKLA_MODEL, or the MiniLM that `make model` fetches."
    )
    var model: String?

    @Flag(help: "Compute with 8-bit integers: about twice as fast, cosine to float32 above 0.99.")
    var int8 = false

    func folder() throws(KuklaError) -> URL { try ModelLocation.resolve(model) }

    /// The model, or its first `layers`.
    func load(layers: Int? = nil) throws(KuklaError) -> EmbeddingModel {
        try load(folder(), layers: layers)
    }

    private func load(_ folder: URL, layers: Int?) throws(KuklaError) -> EmbeddingModel {
        try Self.checkIsPlain(folder)
        return try EmbeddingModel(folder: folder, precision: int8 ? .int8 : .float32, layers: layers)
    }
}

extension ModelOptions {
    /// The model asked for, or else as many layers of the one that the collection names.
    func load(namedBy collection: String?, layers: Int? = nil) throws(KuklaError) -> EmbeddingModel {
        try load(ModelLocation.resolve(model ?? collection), layers: model == nil ? layers : nil)
    }

    /// The vectors of `texts`, of `dimensions` components, by the model asked for or else the one that the collection names.
    func embed(
        _ texts: [String], instruction: String? = nil, space: SpaceOptions? = nil,
        namedBy collection: String?, layers: Int? = nil, dimensions: Int, threads: Int
    ) throws(KuklaError) -> Matrix {
        let embedder = try embedder(
            ModelLocation.resolve(model ?? collection), space: space, layers: model == nil ? layers : nil,
            instruction: instruction, cutTo: dimensions)
        return try embedder.embed(texts, threads: threads, progress: SilentProgress()).vectors
    }
}

/// Numbers between commas.
struct NumberList: ExpressibleByArgument {
    let numbers: [Int]
    var defaultValueDescription: String { numbers.map(String.init).joined(separator: ",") }

    init(_ numbers: [Int]) { self.numbers = numbers }

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        numbers = parts.compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
        guard numbers.count == parts.count else { return nil }
    }
}

/// How much of the machine to use.
struct ComputeOptions: ParsableArguments {
    @Option(help: "Threads; all cores where left out.")
    var threads: Int?

    func threadCount() throws(KuklaError) -> Int {
        guard let threads else { return defaultThreadCount }
        guard (1...1024).contains(threads) else {
            throw KuklaError(.usage, "Cannot run on \(threads) threads: expected 1 to 1024.")
        }
        return threads
    }
}

extension Metric: ExpressibleByArgument {}
