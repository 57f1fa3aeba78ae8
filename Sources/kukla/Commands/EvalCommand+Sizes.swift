import ArgumentParser
import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaIndex
import KuklaNumerics
import KuklaText

extension EvalCommand {
    /// `kukla eval sizes`: what every size of a model is worth.
    struct Sizes: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "sizes",
            abstract: "Measure a model at every size: layers by dimensions, with time and bytes.",
            discussion: """
                sts reads pairs with scores (as `eval sts` does; Spearman), retrieval a BEIR folder (nDCG@10); which of them is told by \
                what DATA is, where --task is left out. Dimensions are those that the model was trained for, else its own halved again \
                and again. A * marks the Pareto line: no size with fewer layers or dimensions is as good. --report writes a page \
                (.html) or the heat map alone (.svg).

                Examples:
                  kukla eval sizes sts-test.csv --model elastic --task sts
                  kukla eval sizes scifact --model elastic --task retrieval --int8 \\
                      --layers 2,4,6 --report sizes.html
                """)

        enum Task: String, ExpressibleByArgument, CaseIterable { case sts, retrieval }

        @Argument(help: "The pairs with their scores, or the BEIR folder.")
        var data: String

        @Option(help: "sts or retrieval.")
        var task: Task?

        @Option(help: "The dimensions to measure: 384,96,24, say.")
        var dims: NumberList?

        @Option(help: "The numbers of layers to measure: 2,4,6, say; all where left out.")
        var layers: NumberList?

        @Option(help: "For retrieval: which judgements, test, dev or train.")
        var split = "test"

        @Option(
            help:
                "What is asked of a model that reads instructions, as for `kukla embed`: before both sentences of sts, before the questions of retrieval."
        )
        var instruction: String?

        @Flag(
            help:
                "Write what was measured, as float32, int8 and binary, into the model's config.json: `kukla serve` gives recorded sizes only."
        )
        var record = false

        @Option(help: "A page (.html) or picture (.svg) to write.")
        var report: String?

        @OptionGroup var model: ModelOptions
        @OptionGroup var compute: ComputeOptions
        @OptionGroup var reporting: OutputOptions

        private struct Cell: Encodable {
            let layers: Int
            let dimensions: Int
            let quality: Double
            let millisecondsPerText: Double
            let bytesPerVector: Int
            let modelBytes: Int
            let isPareto: Bool
        }

        private struct Result: Encodable {
            let schemaVersion = 1
            let model: String
            let data: String
            let metric: String
            let sizes: [Cell]
        }

        func validate() throws {
            if let report, !["html", "svg"].contains(URL(fileURLWithPath: report).pathExtension.lowercased())
            {
                throw ValidationError("--report \(report): expected a name that ends in .html or .svg.")
            }
        }

        func run() throws {
            let folder = try model.folder()
            let embedder = try model.load()
            let counts = layers?.numbers ?? Array(1...embedder.encoder.layerCount)
            let dimensions = try dims?.numbers ?? ownDimensions(folder, embedder)
            for count in counts { try embedder.check(dimensions: nil, layers: count) }
            for size in dimensions { try embedder.check(dimensions: size) }
            let prompt = instruction.map { embedder.prompts.prompt(for: $0) } ?? ""
            let (metric, judgement) = try judgement(prompt)
            let progress = reporting.progress
            let grid = try SizeGrid(
                of: embedder, layers: Set(counts).sorted(), dimensions: Set(dimensions).sorted(),
                metric: metric, forms: record ? VectorForm.allCases : [],
                modelBytes: { try ModelExport(folder, layers: $0).weightBytes },
                threads: compute.threadCount(), progress: progress, judgement: judgement)
            if record { try keep(grid, in: folder) }
            if let report { try write(grid, folder: folder, to: URL(fileURLWithPath: report)) }
            if reporting.json { return try printJSON(result(grid, folder: folder)) }
            print(grid.table().text(), terminator: "")
            if !reporting.quiet {
                note(
                    "\(metric) on \(URL(fileURLWithPath: data).lastPathComponent) by layers and dimensions; * no smaller size is as good"
                )
            }
        }

        private func keep(_ grid: SizeGrid, in folder: URL) throws(KuklaError) {
            var entries: [SizeTable.Entry] = []
            for (row, depth) in grid.depths.enumerated() {
                for (column, dimensions) in grid.dimensions.enumerated() {
                    var entry = SizeTable.Entry(
                        ModelSize(layers: depth.layers, dimensions: dimensions),
                        quality: grid.quality[row][column])
                    entry.int8 = grid.roundedQuality[.int8]?[row][column]
                    entry.binary = grid.roundedQuality[.binary]?[row][column]
                    entries.append(entry)
                }
            }
            try SizeTable.record(
                entries, metric: grid.metric, measuredOn: URL(fileURLWithPath: data).lastPathComponent,
                in: folder)
        }

        private func ownDimensions(
            _ folder: URL, _ embedder: EmbeddingModel
        ) throws(KuklaError) -> [Int] {
            if let table = try SizeTable.read(folder) { return table.sizes.map(\.dimensions) }
            return ModelSize.halvings(of: embedder.encoder.dimensions)
        }

        private func judgement(_ prompt: String) throws -> (metric: String, SizeGrid.Judgement) {
            let url = URL(fileURLWithPath: data)
            var isFolder: ObjCBool = false
            _ = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
            switch task ?? (isFolder.boolValue ? .retrieval : .sts) {
            case .sts:
                let task = STSTask(
                    pairs: try SentencePair.readAll(url).map {
                        .init(first: $0.first, second: $0.second, score: $0.score)
                    })
                return (
                    "spearman",
                    { embed in try task.evaluate(embedding: { try embed($0, prompt) }).spearman }
                )
            case .retrieval:
                var task = try RetrievalTask(BEIRFolder(url), split: split)
                task.metrics = [.nDCG(at: 10)]
                task.depth = 10
                let (exact, threads) = (
                    try IndexConfiguration(parsing: "F32"), try compute.threadCount()
                )
                return (
                    "ndcg_at_10",
                    { [task] embed in
                        try task.evaluate(
                            as: exact, threads: threads, documents: { try embed($0, "") },
                            questions: { try embed($0, prompt) }
                        ).evaluation.mean(of: .nDCG(at: 10))
                    }
                )
            }
        }

        private func result(_ grid: SizeGrid, folder: URL) -> Result {
            Result(
                model: folder.path, data: data, metric: grid.metric,
                sizes: grid.depths.enumerated().flatMap { row, depth in
                    grid.dimensions.enumerated().map { column, dimensions in
                        Cell(
                            layers: depth.layers, dimensions: dimensions, quality: grid.quality[row][column],
                            millisecondsPerText: depth.secondsPerText * 1000,
                            bytesPerVector: SizeGrid.bytesPerVector(dimensions), modelBytes: depth.modelBytes,
                            isPareto: grid.isOnFront(row, column))
                    }
                })
        }

        private func write(_ grid: SizeGrid, folder: URL, to url: URL) throws(KuklaError) {
            guard url.pathExtension.lowercased() == "html" else {
                return try AtomicFile.write(grid.heatMap().svg(), to: url)
            }
            let name = folder.lastPathComponent
            let page = grid.report(
                title: "The sizes of \(name)",
                summary:
                    "\(grid.metric) on \(URL(fileURLWithPath: data).lastPathComponent) at \(grid.depths.count * grid.dimensions.count) sizes of one model.",
                facts: [
                    .init(
                        title: "Measured with",
                        facts: [
                            ("model", folder.path), ("arithmetic", model.int8 ? "8-bit integers" : "float32"),
                            ("threads", String(try compute.threadCount())), ("kukla", kuklaVersion),
                        ])
                ],
                commands: [
                    CommandLine.arguments.dropFirst().reduce("kukla") { "\($0) \($1)" }
                ])
            try AtomicFile.write(page.html(), to: url)
        }
    }
}
