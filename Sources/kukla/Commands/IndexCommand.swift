import ArgumentParser
import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaIndex
import KuklaNumerics

/// `kukla index`: vectors in, a searchable collection file out.
struct IndexCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "index",
        abstract: "Build a searchable collection file from vectors.",
        discussion: """
            The plan is what `kukla fit` wrote, or a factory string: transforms (MRLd, PCAd, PCAWd, PCARd, RR, OPQm), then a
            quantizer (F32, F16, BF16, SQ8, SQ6, SQ4, PQm, PQmx4fs, B1, RQb), then optionally Refine(...). With --texts the
            collection can be searched by text and shows the texts it finds.

            Examples:
              kukla index vectors.npy --plan plan.json --texts notes.jsonl -o notes.kukla
              kukla index vectors.npy --factory "PCA128,SQ8" -o vectors.kukla
              kukla index base.fvecs --factory "PQ32x4fs,Refine(SQ8)" --metric l2 -o base.kukla
            """)

    @Argument(help: "The vectors: .npy, .fvecs, .bvecs, .jsonl or idx, each also as .gz.")
    var vectors: String

    @Option(help: "The plan that `kukla fit` wrote.")
    var plan: String?

    @Option(help: "The factory string, in place of a plan.")
    var factory: String?

    @Option(help: "How vectors compare: cosine, ip or l2. Default: as in the plan, else cosine.")
    var metric: Metric?

    @Option(help: "The texts that the vectors were made from, row by row.")
    var texts: String?

    @OptionGroup var reading: TextOptionGroup

    @Option(
        help:
            "The model that made the vectors, for searches by text. Default: the default model, where --texts is given."
    )
    var model: String?

    @Option(help: "The seed of samples and training. Default: as in the plan, else 1.")
    var seed: UInt64?

    @Option(name: .shortAndLong, help: "The collection file to write.")
    var output: String

    @OptionGroup var compute: ComputeOptions
    @OptionGroup var reporting: OutputOptions

    private struct Result: Encodable {
        let schemaVersion = 1
        let output: String
        let count: Int
        let dimensions: Int
        let plan: String
        let bytesPerVector: Double
        let fileBytes: Int
        let seconds: Double
    }

    func validate() throws {
        guard (plan == nil) != (factory == nil) else {
            throw ValidationError("Give either --plan plan.json or --factory \"PCA128,SQ8\".")
        }
    }

    func run() throws {
        let start = ContinuousClock.now
        let threads = try compute.threadCount()
        let fitted = try plan.map { try FitReport(contentsOf: URL(fileURLWithPath: $0)) }
        let configuration = try IndexConfiguration(parsing: fitted?.plan ?? factory ?? "F32")
        let metric = metric ?? fitted?.metric ?? .cosine
        let seed = seed ?? fitted?.seed ?? 1
        let source = URL(fileURLWithPath: vectors)
        let target = URL(fileURLWithPath: output)
        let progress = reporting.progress

        progress.begin("Reading a sample", total: nil, unit: "vectors")
        let sample = try VectorSample(
            of: source, limit: IndexConfiguration.trainingLimit, seed: seed)
        progress.end()
        if let fitted, fitted.dimensions != sample.vectors.columns {
            throw KuklaError(
                .badData,
                "The plan \(plan ?? "") was fitted to \(fitted.dimensions) dimensions, but \(source.path) holds \(sample.vectors.columns): fit again, or take the vectors that it was fitted to."
            )
        }
        let empty = try configuration.makeIndex(
            on: sample.vectors, metric: metric, seed: seed, threads: threads,
            progress: progress)

        let writer = try CollectionWriter(
            target, index: empty, origin: try origin(of: source),
            plan: try fitted?.json(), threads: threads)
        let reader = try VectorFile.open(source)
        let textReader = try texts.map { try reading.reader($0) }
        progress.begin("Indexing", total: sample.count, unit: "vectors")
        while let chunk = try reader.next(maxRows: 16_384) {
            let records = try textReader.map { try $0.chunk(of: chunk.rows).records }
            if let records, records.count < chunk.rows {
                throw KuklaError(
                    .badData,
                    "\(texts ?? "") holds \(writer.count + records.count) texts, but \(source.path) has more vectors: give the texts that the vectors were made from, in the same order."
                )
            }
            try writer.append(
                chunk,
                ids: records.flatMap { records in
                    records.allSatisfy { $0.id != nil } ? records.map { .text($0.id ?? "") } : nil
                },
                texts: records?.map(\.text))
            progress.advance(by: chunk.rows)
        }
        if let extra = try textReader?.next() {
            throw KuklaError(
                .badData,
                "\(texts ?? "") holds more texts than \(source.path) has vectors (\(writer.count)); the first too many is '\(extra.text.prefix(60))'."
            )
        }
        try writer.finish()
        progress.end()

        let result = Result(
            output: output, count: writer.count, dimensions: empty.dimensions,
            plan: configuration.description,
            bytesPerVector: empty.bytesPerVector,
            fileBytes: (try? target.resourceValues(forKeys: [.fileSizeKey]).fileSize) ?? 0,
            seconds: (ContinuousClock.now - start) / .seconds(1))
        if reporting.json {
            try printJSON(result)
        } else if !reporting.quiet {
            note(
                "\(output): \(Quantity.count(result.count)) vectors as \(result.plan), \(Quantity.bytesPerVector(result.bytesPerVector)) bytes each; file \(Quantity.bytes(result.fileBytes))"
            )
        }
    }

    private func origin(of source: URL) throws(KuklaError) -> CollectionDetails.Origin {
        var folder: String?
        if let model {
            folder = try ModelLocation.resolve(model).path
        } else if texts != nil {
            folder = ModelLocation.defaultFolder?.path
        }
        return .init(
            model: folder, source: source.path, software: "kukla \(kuklaVersion)",
            created: Date.now.formatted(.iso8601))
    }
}
