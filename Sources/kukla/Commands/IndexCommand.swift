import ArgumentParser
import Foundation
import KuklaCodecs
import KuklaEvaluation
import KuklaFormats
import KuklaIndex
import KuklaNumerics

/// `kukla index`: collections of vectors that can be searched.
struct IndexCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "index",
        abstract: "Build a searchable collection file from vectors, change or examine one.",
        subcommands: [Build.self, Add.self, Remove.self, Doctor.self], defaultSubcommand: Build.self)
}

extension IndexCommand {
    /// `kukla index build`: vectors in, a searchable collection file out.
    struct Build: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "build",
            abstract: "Build a searchable collection file from vectors.",
            discussion: """
                The plan is what `kukla fit` wrote, or a factory string: optionally a structure (HNSWm: a graph of m links; IVFn: n \
                lists, IVFnr over residuals, IVFnb balanced, IVFn_HNSWm with a graph over the centres), transforms (MRLd, PCAd, \
                PCAWd, PCARd, RR, OPQm), a quantizer (F32, F16, BF16, SQ8, SQ6, SQ4, PQm, PQmx4fs, B1, RQb, RBEmxk), and optionally \
                Refine(...), or Tiered(...), whose finer codes stay on disk. With --texts the collection can be searched by text and \
                shows the texts it finds. Graphs and lists miss a few matches: --recall chooses how hard they look, by measuring.

                Examples:
                  kukla index build vectors.npy --plan plan.json --texts notes.jsonl \\
                      -o notes.kukla
                  kukla index vectors.npy --factory "PCA128,SQ8" -o vectors.kukla
                  kukla index vectors.npy --factory "HNSW16,SQ8,Refine(F16)" --recall 0.95 \\
                      -o vectors.kukla
                  kukla index vectors.npy --factory "PQ48x4fs,Tiered(F32,factor=20)" \\
                      -o vectors.kukla
                  kukla index vectors.npy --codec codec.safetensors \\
                      --factory "RBE384x2,Refine(SQ8)" -o vectors.kukla
                  kukla index tokens.npy --multi-vector --factory "FDE20x5x16,SQ8" \\
                      --texts notes.jsonl -o notes.kukla
                  kukla index base.fvecs --factory "IVF1024,PQ32x4fs,Refine(SQ8)" --metric l2 \\
                      -o base.kukla
                """)

        @Argument(help: "The vectors: .npy, .fvecs, .bvecs, .jsonl or idx, each also as .gz.")
        var vectors: String

        @Option(help: "The plan that `kukla fit` wrote.")
        var plan: String?

        @Option(help: "The factory string, in place of a plan.")
        var factory: String?

        @Option(
            help:
                "A codec that `kukla train binary` or `kukla train bidr` wrote, in place of training one. A --factory beside it names the same code."
        )
        var codec: String?

        @Option(
            help:
                "A second codec, of the refinement: what `kukla train bidr` wrote to rank by. Without --factory its codes stay on disk: Tiered."
        )
        var fineCodec: String?

        @Flag(
            help:
                "Every item is a set of vectors (`kukla embed --multi-vector`), compared by late interaction. The factory string is FDEr x k x d (MUVERA's encoding: repetitions, bits, dimensions) and an index over the encodings."
        )
        var multiVector = false

        @Option(help: "How vectors compare: cosine, ip or l2. Default: as in the plan, else cosine.")
        var metric: Metric?

        @OptionGroup var items: ItemOptions

        @Option(
            help:
                "The model that made the vectors, for searches by text. Default: as in the plan, else the default model, where --texts is given."
        )
        var model: String?

        @Option(help: "The seed of samples and training. Default: as in the plan, else 1.")
        var seed: UInt64?

        @Option(
            help:
                "How much of the 10 best a graph or lists should find, such as 0.95: chooses the effort of searches."
        )
        var recall: Double?

        @Option(help: "Queries to measure --recall with; some of the vectors where left out.")
        var queries: String?

        @Option(
            help:
                "In which order vectors enter a graph: given, random, lid-desc or lid-asc (by local dimension). All but given hold the vectors in memory."
        )
        var order = Order.given

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
            let fileBytesPerVector: Double
            let fileBytes: Int
            let effort: EffortMeasurement?
            let seconds: Double
        }

        enum Order: String, CaseIterable, ExpressibleByArgument {
            case given, random
            case lidDesc = "lid-desc"
            case lidAsc = "lid-asc"

            func insertion(seed: UInt64) -> InsertionOrder {
                switch self {
                case .given: .given
                case .random: .random(seed: seed)
                case .lidDesc: .descendingLocalDimension
                case .lidAsc: .ascendingLocalDimension
                }
            }
        }

        func validate() throws {
            guard (plan == nil) != (factory == nil && codec == nil) else {
                throw ValidationError(
                    "Give either --plan plan.json, or --factory \"PCA128,SQ8\", or --codec codec.safetensors."
                )
            }
            if let recall, !(0...1).contains(recall) || recall == 0 {
                throw ValidationError("--recall \(recall): expected a part, such as 0.95.")
            }
            guard !multiVector || factory != nil && codec == nil && recall == nil && order == .given else {
                throw ValidationError(
                    "--multi-vector goes with --factory, such as FDE20x5x16,SQ8, and without --plan, --codec, --recall and --order."
                )
            }
            guard fineCodec == nil || codec != nil else {
                throw ValidationError("--fine-codec goes with --codec.")
            }
            guard !multiVector || items.duplicates == .reject else {
                throw ValidationError(
                    "--duplicates replace is for single vectors: leave it out with --multi-vector.")
            }
            guard queries == nil || recall != nil else { throw ValidationError("--queries needs --recall.") }
        }

        func run() throws {
            if multiVector { return try buildSets() }
            let start = ContinuousClock.now
            let threads = try compute.threadCount()
            let fitted = try plan.map { try FitReport(contentsOf: URL(fileURLWithPath: $0)) }
            let trained = try codec.map { path throws(KuklaError) in
                try CodecFile.read(URL(fileURLWithPath: path))
            }
            let finer = try fineCodec.map { path throws(KuklaError) in
                try CodecFile.read(URL(fileURLWithPath: path))
            }
            let codecs =
                (trained?.configuration.description ?? "F32")
                + (finer.map { ",Tiered(\($0.configuration))" } ?? "")
            let configuration = try IndexConfiguration(parsing: fitted?.plan ?? factory ?? codecs)
            if case .lists = configuration.structure, order != .given {
                throw KuklaError(
                    .usage,
                    "'\(configuration)' is the same in any order: --order is for graphs. Leave it out.")
            }
            if configuration.structure == .flat, recall != nil || order != .given {
                throw KuklaError(
                    .usage,
                    "'\(configuration)' compares all vectors: --recall is for graphs and lists, --order for graphs. Leave them out, or put HNSW16 or IVF1024 in front."
                )
            }
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
                    "The plan \(plan ?? "") was fitted to \(fitted.dimensions) dimensions, but \(source.path) holds \(sample.vectors.columns): \(fitted.model == nil ? "fit again, or take the vectors that it was fitted to" : "embed the texts with `kukla embed --plan`")."
                )
            }
            let empty = try configuration.makeIndex(
                on: sample.vectors, metric: metric, codec: trained, finer: finer, seed: seed,
                threads: threads,
                progress: progress)

            let writer = try CollectionWriter(
                target, index: empty, origin: try origin(of: source, fitted?.model),
                plan: try fitted?.json(), threads: threads)
            writer.order = order.insertion(seed: seed)
            var items = try ItemReader(source, items, isWhole: order != .given)
            progress.begin("Indexing", total: sample.count, unit: "vectors")
            while let chunk = try items.next() {
                try writer.append(chunk.vectors, ids: chunk.ids, texts: chunk.texts)
                progress.advance(by: chunk.rowsRead)
            }
            progress.end()
            let effort = try chooseEffort(
                writer, planned: fitted?.effort, seed: seed, threads: threads, progress: progress)
            try writer.finish()

            try report(
                Result(
                    output: output, count: writer.count, dimensions: empty.dimensions,
                    plan: configuration.description, bytesPerVector: empty.bytesPerVector,
                    fileBytesPerVector: empty.fileBytesPerVector, fileBytes: fileBytes, effort: effort,
                    seconds: (ContinuousClock.now - start) / .seconds(1)
                ),
                items: "vectors")
            if let recall, let effort, effort.recall < recall {
                complain(
                    "no effort finds \(recall) of the 10 best: the codes rank otherwise. Add a refinement, such as Refine(SQ8), or take finer codes."
                )
            }
        }

        private func report(_ result: Result, items: String) throws {
            if reporting.json {
                try printJSON(result)
            } else if !reporting.quiet {
                let onDisk = onDisk(result.fileBytesPerVector)
                note(
                    "\(output): \(Quantity.count(result.count)) \(items) as \(result.plan), \(Quantity.bytesPerVector(result.bytesPerVector)) bytes each\(onDisk); file \(Quantity.bytes(result.fileBytes))"
                )
                if let effort = result.effort {
                    note(
                        "Searches with effort \(effort.effort) find \(Quantity.fraction(effort.recall)) of the 10 best, \(Quantity.rate(effort.queriesPerSecond)) queries/s on one thread"
                    )
                }
            }
        }

        private var fileBytes: Int {
            let values = try? URL(fileURLWithPath: output).resourceValues(forKeys: [.fileSizeKey])
            return values?.fileSize ?? 0
        }

        /// `--multi-vector`.
        private func buildSets() throws {
            let start = ContinuousClock.now
            let threads = try compute.threadCount()
            let progress = reporting.progress
            let (source, target) = (URL(fileURLWithPath: vectors), URL(fileURLWithPath: output))
            let configuration = try MultiVectorConfiguration(parsing: factory ?? "")
            let sets = try VectorSetsFile.read(source)
            let empty = try configuration.train(
                on: sets, metric: metric ?? .cosine, seed: seed ?? 1, threads: threads, progress: progress)
            let writer = try MultiVectorWriter(
                target, index: empty, origin: try origin(of: source), threads: threads)
            let records = try items.texts.map { try items.reading.reader($0).readAll() }
            if let records, records.count != sets.count {
                throw KuklaError(
                    .badData,
                    "\(items.texts ?? "") holds \(records.count) texts, but \(source.path) \(sets.count) sets of vectors: give the texts that they were made from, in the same order."
                )
            }
            var areNamed: Bool?
            let ids = try records.flatMap { try items.names(of: $0, areNamed: &areNamed, firstRow: 0) }
            progress.begin("Indexing", total: sets.count, unit: "sets")
            for first in stride(from: 0, to: sets.count, by: 1024) {
                let range = first..<min(first + 1024, sets.count)
                try writer.append(
                    sets[sets: range], ids: ids.map { Array($0[range]) },
                    texts: records.map { $0[range].map(\.text) })
                progress.advance(by: range.count)
            }
            try writer.finish()
            progress.end()
            let vectorBytes = Double(4 * sets.dimensions * sets.vectors.rows) / Double(max(1, sets.count))
            try report(
                Result(
                    output: output, count: sets.count, dimensions: sets.dimensions,
                    plan: configuration.description, bytesPerVector: empty.inner.bytesPerVector + vectorBytes,
                    fileBytesPerVector: empty.inner.fileBytesPerVector, fileBytes: fileBytes, effort: nil,
                    seconds: (ContinuousClock.now - start) / .seconds(1)),
                items: "sets of vectors")
        }

        private func chooseEffort(
            _ writer: CollectionWriter, planned: Int?, seed: UInt64, threads: Int,
            progress: any ProgressReporter
        ) throws(KuklaError) -> EffortMeasurement? {
            guard let recall else {
                try writer.withApproximateIndex { index in if let planned { index.effort = planned } }
                return nil
            }
            let asked = try queries.map { path throws(KuklaError) in
                try VectorFile.readAll(URL(fileURLWithPath: path))
            }
            progress.begin("Choosing the effort", total: nil, unit: "efforts")
            defer { progress.end() }
            var found: EffortMeasurement?
            try writer.withApproximateIndex { index throws(KuklaError) in
                if let asked {
                    found = try index.chooseEffort(
                        recall: recall, queries: asked, count: min(10, index.count), threads: threads)
                } else {
                    found = try index.chooseEffort(recall: recall, seed: seed, threads: threads)
                }
            }
            return found
        }

        private func origin(
            of source: URL, _ planned: FitReport.Model? = nil
        ) throws(KuklaError) -> CollectionDetails.Origin {
            var folder: String?
            if let model {
                folder = try ModelLocation.resolve(model).path
            } else if let planned {
                folder = planned.folder
            } else if items.texts != nil {
                folder = ModelLocation.defaultFolder?.path
            }
            return .init(
                model: folder, modelDimensions: planned?.dimensions, modelLayers: planned?.layers,
                source: source.path, software: "kukla \(kuklaVersion)",
                created: Date.now.formatted(.iso8601))
        }
    }
}
