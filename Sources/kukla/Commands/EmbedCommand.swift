import ArgumentParser
import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaNumerics
import KuklaText

/// `kukla embed`: texts in, vectors out.
struct EmbedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "embed",
        abstract: "Embed texts with a sentence-transformers model.",
        discussion: """
            Reads .txt (a text a line), .jsonl ("text", or "title" and "text"), .tsv or .csv, each also as .gz, or stdin \
            (-). Writes .npy, .fvecs or .jsonl, by the name of the output.

            Examples:
              kukla embed notes.jsonl -o vectors.npy
              kukla embed products.csv --text-column name --int8 -o products.npy
              zcat log.gz | kukla embed - --dims 128 -o log.fvecs
              kukla embed notes.jsonl --model elastic --dims 48 --layers 3 -o small.npy
              kukla embed notes.jsonl --plan plan.json -o small.npy
              kukla embed notes.jsonl --multi-vector -o tokens.npy
              kukla embed papers.jsonl --model papers --aspect method -o method.npy
              kukla embed posts.jsonl --model named --top-concepts 8 -o posts.jsonl
              kukla embed claims.txt --model instructed \\
                  --instruction "Given a claim, find abstracts about it" -o q.npy
            """)

    @Argument(help: "The texts: a file, or - for stdin.")
    var texts: String

    @OptionGroup var reading: TextOptionGroup
    @OptionGroup var model: ModelOptions

    @Option(
        help:
            "The plan of `kukla fit --model`: its layers and dimensions, and its model where --model is left out."
    )
    var plan: String?

    @Option(help: "Leading dimensions to keep; the vectors are normalised again.")
    var dims: Int?

    @Option(help: "Layers of the encoder to run, from the first: faster and less exact.")
    var layers: Int?

    @OptionGroup var space: SpaceOptions

    @Option(
        help:
            "What is asked of a model that reads instructions: a task in words, or the name of a prompt that the model knows. For questions; documents have none."
    )
    var instruction: String?

    @Flag(
        help:
            "Write a vector for every token, for late interaction: .safetensors, or .npy with .lengths.npy beside it. Held in memory."
    )
    var multiVector = false

    @Option(name: .shortAndLong, help: "The file to write: .npy, .fvecs or .jsonl.")
    var output: String

    @OptionGroup var compute: ComputeOptions
    @OptionGroup var reporting: OutputOptions

    func validate() throws {
        guard !multiVector || dims == nil else {
            throw ValidationError("--dims is for whole texts: leave it out with --multi-vector.")
        }
        guard !multiVector || instruction == nil else {
            throw ValidationError("--instruction is for whole texts: leave it out with --multi-vector.")
        }
        guard plan == nil || dims == nil && layers == nil && !multiVector else {
            throw ValidationError(
                "--plan says layers and dimensions: leave --dims, --layers and --multi-vector out.")
        }
        let kind = URL(fileURLWithPath: output).pathExtension.lowercased()
        guard !multiVector || ["npy", "safetensors"].contains(kind) else {
            throw ValidationError("--multi-vector writes .npy or .safetensors, not '\(output)'.")
        }
    }

    private struct Result: Encodable {
        let schemaVersion = 1
        let output: String
        /// Texts.
        let count: Int
        let vectors: Int
        let dimensions: Int
        let truncated: Int
        let seconds: Double
        let model: String
    }

    func run() throws {
        let start = ContinuousClock.now
        let planned = try plan.map { path throws(KuklaError) in
            try FitReport(contentsOf: URL(fileURLWithPath: path)).modelOrFailure(path)
        }
        var model = model
        model.model = model.model ?? planned?.folder
        let dims = planned?.dimensions ?? dims
        let folder = try model.folder()
        let layers = planned?.layers ?? layers
        let tokens = multiVector ? try model.load(layers: layers) : nil
        let embedder =
            tokens == nil
            ? try model.embedder(
                folder, space: space, dimensions: dims, layers: layers, instruction: instruction) : nil
        let reader = try reading.reader(texts)
        let progress = reporting.progress
        let target = URL(fileURLWithPath: output)
        let dimensions = tokens?.encoder.tokenDimensions ?? embedder?.dimensions ?? 0
        let names = (embedder as? ConceptModel)?.concepts.map(\.name)
        let writer =
            multiVector ? nil : try VectorFile.create(target, dimensions: dimensions, names: names)
        var sets: [Matrix] = []
        var count = 0
        var truncated = 0
        var isFirst = true
        while true {
            // One chunk is held in memory at a time; the first tells whether it is also the last.
            let (records, isLast) = try reader.chunk(of: 65_536)
            if isFirst {
                progress.begin("Embedding", total: isLast ? records.count : nil, unit: "texts")
                isFirst = false
            }
            let (texts, threads) = (records.map(\.text), try compute.threadCount())
            if let writer, let embedder {
                let embeddings = try embedder.embed(
                    texts, threads: threads, progress: AdvanceOnly(progress))
                let ids = records.compactMap(\.id)
                try writer.append(embeddings.vectors, ids: ids.count == records.count ? ids : nil)
                truncated += embeddings.truncatedCount
            } else if let tokens {
                let embeddings = try tokens.embedTokens(
                    texts, threads: threads, progress: AdvanceOnly(progress))
                sets += (0..<embeddings.sets.count).map { embeddings.sets[$0] }
                truncated += embeddings.truncatedCount
            }
            count += records.count
            if isLast { break }
        }
        progress.end()
        guard count > 0 else {
            throw KuklaError(.badData, "Cannot embed \(reader.name): it holds no texts.")
        }
        if let writer {
            try writer.commit()
        } else {
            try VectorSetsFile.write(VectorSets(sets, dimensions: dimensions), to: target)
        }
        let vectors = multiVector ? sets.reduce(0) { $0 + $1.rows } : count
        if truncated > 0 {
            let limit = tokens?.encoder.maximumLength ?? embedder?.maximumLength ?? 0
            complain(
                "\(truncated) of \(count) texts are longer than the model's \(limit) tokens and were cut.")
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        if reporting.json {
            try printJSON(
                Result(
                    output: output, count: count, vectors: vectors, dimensions: dimensions,
                    truncated: truncated,
                    seconds: seconds,
                    model: folder.path))
        } else if !reporting.quiet {
            note(
                "\(output): \(Quantity.count(vectors)) vectors of \(dimensions) dimensions in \(formatDuration(seconds))"
            )
        }
    }
}

extension FitReport {
    /// The model whose size was chosen.
    ///
    /// - Throws: `KuklaError.badData` where vectors were fitted.
    func modelOrFailure(_ path: String) throws(KuklaError) -> Model {
        guard let model else {
            throw KuklaError(
                .badData,
                "The plan \(path) was fitted to vectors and says no size of a model: make one with `kukla fit --model`."
            )
        }
        return model
    }
}

extension TextReader {
    /// Up to `count` further records, and whether they are the last.
    func chunk(of count: Int) throws(KuklaError) -> (records: [TextRecord], isLast: Bool) {
        var records: [TextRecord] = []
        while records.count < count {
            guard let record = try next() else { return (records, true) }
            records.append(record)
        }
        return (records, false)
    }
}

/// Passes on how far the work is, but neither its beginning nor its end: for work done in chunks under one bar.
struct AdvanceOnly: ProgressReporter {
    private let progress: any ProgressReporter

    init(_ progress: any ProgressReporter) { self.progress = progress }
    func begin(_ task: String, total: Int?, unit: String) {}
    func advance(by count: Int) { progress.advance(by: count) }
    func end() {}
}
