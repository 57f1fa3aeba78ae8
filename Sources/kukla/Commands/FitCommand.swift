import ArgumentParser
import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaNumerics

/// `kukla fit`: the best way to store and find vectors within limits, measured.
struct FitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fit",
        abstract:
            "Choose how to store and find vectors within limits of size, latency and recall, by measuring.",
        discussion: """
            Tries every codec family at the sizes that fit, on the vectors themselves, against exact float search. Without \
            --queries, vectors are held out to be the queries. With --qrels (and --texts, --query-texts for the ids), nDCG@10 \
            is measured too.

            --budget and --memory, --latency and --recall are limits; give one or more. Without --recall the plan with the best \
            recall within the others is chosen; with it the smallest that reaches the recall, and of those at most a tenth larger \
            the fastest. With --latency or --recall graphs (HNSWm) and lists (IVFn) compete too, and the plan says with which \
            effort to search; `kukla index --plan` takes it over. Where nothing meets all limits, the nearest plans are named.

            With --model and --corpus in place of vectors, the model's layers and dimensions are chosen, too: those that it was trained \
            for (`kukla train matryoshka`), else all layers with dimensions halved again and again. A sample of the texts is embedded. \
            Recall is then of the whole model's exact neighbours, with --qrels nDCG@10 decides, and a query's time is its embedding and its \
            search. `kukla embed --plan` and `kukla index --plan` take the size over.

            Examples:
              kukla fit vectors.npy --budget 48B -o plan.json --report report.html
              kukla fit vectors.npy --memory 512MB --latency 2ms -o plan.json
              kukla fit vectors.npy --recall 0.95 --latency 500us --memory 1GB -o plan.json
              kukla fit docs.npy --budget 96 --queries q.npy --qrels qrels.tsv \\
                  --texts docs.jsonl --query-texts q.jsonl
              kukla fit --model elastic --corpus notes.jsonl --budget 48B --latency 2ms \\
                  -o plan.json
            """)

    @Argument(help: "The vectors: .npy, .fvecs, .bvecs, .jsonl or idx, each also as .gz.")
    var vectors: String?

    @Option(help: "A model whose layers and dimensions are to be chosen, in place of vectors.")
    var model: String?

    @Option(help: "With --model: the texts, .jsonl, .txt, .tsv or .csv, each also as .gz.")
    var corpus: String?

    @Option(help: "With --model: texts that are measured on, at most (4000). Judged ones come first.")
    var sample: Int?

    @Option(
        help: "Bytes that one vector may cost, for instance 48B: codes, links of a graph, places in lists.")
    var budget: ByteQuantity?

    @Option(
        help:
            "Bytes that the index of all vectors may take in memory, codebooks and centres too: 512MB, 2GiB.")
    var memory: ByteQuantity?

    @Option(
        help:
            "Time that the median query may take, alone on one thread: 2ms, 500us. The report shows the 99th percentile too."
    )
    var latency: Milliseconds?

    @Option(help: "The part of the k best that searches must find, such as 0.95.")
    var recall: Double?

    @Option(help: "Query vectors (with --model: texts); held out of the vectors where left out.")
    var queries: String?

    @Option(help: "Relevance judgements: a TSV of query id, document id and grade.")
    var qrels: String?

    @Option(help: "The texts that the vectors were made from, for their ids; else rows are 0, 1, 2 ...")
    var texts: String?

    @Option(help: "The texts that the queries were made from, for their ids; else rows are 0, 1, 2 ...")
    var queryTexts: String?

    @Option(help: "How vectors compare: cosine, ip or l2.")
    var metric: Metric = .cosine

    @Option(name: .short, help: "The k of recall@k.")
    var k: Int = 10

    @Option(help: "The seed of samples and training.")
    var seed: UInt64 = 1

    @Option(name: .shortAndLong, help: "Where to write the plan with its evidence, as JSON.")
    var output: String?

    @Option(help: "Where to write the page with chart and table.")
    var report: String?

    @OptionGroup var compute: ComputeOptions
    @OptionGroup var reporting: OutputOptions

    func validate() throws {
        guard k >= 1 else { throw ValidationError("-k \(k): ask for at least 1 neighbour.") }
        guard budget != nil || memory != nil || latency != nil || recall != nil else {
            throw ValidationError(
                "Say what the plan must keep to: --budget 48B, --memory 512MB, --latency 2ms or --recall 0.95."
            )
        }
        if let recall, !(0...1).contains(recall) || recall == 0 {
            throw ValidationError("--recall \(recall): expected a part, such as 0.95.")
        }
        guard qrels == nil || queries != nil else { throw ValidationError("--qrels needs --queries.") }
        guard (vectors == nil) != (model == nil), (model == nil) == (corpus == nil) else {
            throw ValidationError("Give either the vectors, or --model with --corpus.")
        }
        guard model == nil || texts == nil && queryTexts == nil else {
            throw ValidationError("--texts and --query-texts name vectors: leave them out with --model.")
        }
        guard sample == nil || model != nil else { throw ValidationError("--sample is for --model.") }
        if let sample, sample < 20 { throw ValidationError("--sample \(sample): expected 20 texts or more.") }
    }

    func run() throws {
        let (found, name) = try fitted()
        let json = try found.json()
        if let output { try AtomicFile.write(json, to: URL(fileURLWithPath: output)) }
        if let report {
            let page = found.page(title: name, command: commandLine, version: kuklaVersion)
            try AtomicFile.write(page.html(), to: URL(fileURLWithPath: report))
        }
        if reporting.json {
            print(String(decoding: json, as: UTF8.self))
        } else {
            if found.model != nil { print(found.sizeTable()) }
            print(found.table())
            print("")
            print(found.summary)
            for skipped in found.skipped { note("Left out \(skipped.plan): \(skipped.reason)") }
        }
    }

    private func fitted() throws -> (FitReport, name: String) {
        guard let vectors else { return try fittedModel() }
        let source = URL(fileURLWithPath: vectors)
        let all = try VectorFile.readAll(source)
        let queryVectors = try queries.map { try VectorFile.readAll(URL(fileURLWithPath: $0)) }
        let found = try planner().fit(
            vectors: all, queries: queryVectors,
            judgements: try judgements(vectors: all.rows, queries: queryVectors?.rows ?? 0),
            progress: reporting.progress)
        return (found, source.lastPathComponent)
    }

    func planner() throws(KuklaError) -> BudgetPlanner {
        var planner = BudgetPlanner(
            limits: PlanLimits(
                bytesPerVector: budget?.bytes, residentBytes: memory?.bytes,
                latencyMilliseconds: latency?.milliseconds, recall: recall))
        planner.metric = metric
        planner.neighbors = k
        planner.seed = seed
        planner.threads = try compute.threadCount()
        return planner
    }

    private func judgements(vectors: Int, queries: Int) throws(KuklaError) -> VectorJudgements? {
        guard let qrels else { return nil }
        let judged = try RelevanceJudgments(URL(fileURLWithPath: qrels))
        return VectorJudgements(
            qrels: Qrels(judged.grades), queryIDs: try ids(queryTexts, count: queries),
            documentIDs: try ids(texts, count: vectors))
    }

    private func ids(_ path: String?, count: Int) throws(KuklaError) -> [String] {
        guard let path else { return (0..<count).map(String.init) }
        let reader = try TextReader(URL(fileURLWithPath: path))
        return try reader.readAll().enumerated().map { $0.element.id ?? String($0.offset) }
    }

    private var commandLine: String {
        (["kukla"] + CommandLine.arguments.dropFirst()).joined(separator: " ")
    }
}

/// An amount of memory: `48`, `48B`, `0.5kB`, `512MB`, `2GiB`.
struct ByteQuantity: ExpressibleByArgument {
    let bytes: Double
    var defaultValueDescription: String { Quantity.bytes(Int(bytes)) }

    init(bytes: Double) { self.bytes = bytes }

    init?(argument: String) {
        let units: [(String, Double)] = [
            ("kib", 0x1p10), ("mib", 0x1p20), ("gib", 0x1p30), ("tib", 0x1p40), ("kb", 1e3), ("mb", 1e6),
            ("gb", 1e9), ("tb", 1e12), ("bytes", 1), ("b", 1), ("", 1),
        ]
        guard let bytes = parse(argument, units) else { return nil }
        self.bytes = bytes
    }
}

/// A span of time: `2ms`, `500us`, `0.1s`; milliseconds without a unit.
struct Milliseconds: ExpressibleByArgument {
    let milliseconds: Double

    init?(argument: String) {
        let units: [(String, Double)] = [("ms", 1), ("us", 1e-3), ("µs", 1e-3), ("s", 1000), ("", 1)]
        guard let milliseconds = parse(argument, units) else { return nil }
        self.milliseconds = milliseconds
    }
}

/// A number above 0 and one of `units`, the longer ones first.
private func parse(_ argument: String, _ units: [(String, Double)]) -> Double? {
    let text = argument.lowercased().trimmingCharacters(in: .whitespaces)
    guard let (suffix, scale) = units.first(where: { text.hasSuffix($0.0) }),
        let number = Double(text.dropLast(suffix.count).trimmingCharacters(in: .whitespaces)),
        number.isFinite, number > 0
    else { return nil }
    return number * scale
}
