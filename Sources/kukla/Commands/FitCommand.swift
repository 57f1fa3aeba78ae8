import ArgumentParser
import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaNumerics

/// `kukla fit`: the best way to store vectors within a byte budget, measured.
struct FitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fit",
        abstract: "Choose how to store vectors within a budget of bytes a vector, by measuring.",
        discussion: """
            Tries every codec family at the sizes that fit, on the vectors themselves, against exact float search. Without
            --queries, vectors are held out to be the queries. With --qrels (and --texts, --query-texts for the ids), nDCG@10
            is measured too.

            Examples:
              kukla fit vectors.npy --budget 48B -o plan.json --report report.html
              kukla fit docs.npy --budget 96 --queries q.npy --qrels qrels.tsv --texts docs.jsonl --query-texts q.jsonl
            """)

    @Argument(help: "The vectors: .npy, .fvecs, .bvecs, .jsonl or idx, each also as .gz.")
    var vectors: String

    @Option(help: "Bytes that one vector may cost, for instance 48B.")
    var budget: ByteBudget

    @Option(help: "Query vectors; held out of the vectors where left out.")
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
        guard qrels == nil || queries != nil else { throw ValidationError("--qrels needs --queries.") }
    }

    func run() throws {
        let source = URL(fileURLWithPath: vectors)
        let all = try VectorFile.readAll(source)
        let queryVectors = try queries.map { try VectorFile.readAll(URL(fileURLWithPath: $0)) }
        var planner = BudgetPlanner(budget: budget.bytes)
        planner.metric = metric
        planner.neighbors = k
        planner.seed = seed
        planner.threads = try compute.threadCount()
        let found = try planner.fit(
            vectors: all, queries: queryVectors,
            judgements: try judgements(vectors: all.rows, queries: queryVectors?.rows ?? 0),
            progress: reporting.progress)
        let json = try found.json()
        if let output { try AtomicFile.write(json, to: URL(fileURLWithPath: output)) }
        if let report {
            let page = found.page(
                title: source.lastPathComponent, command: commandLine, version: kuklaVersion)
            try AtomicFile.write(page.html(), to: URL(fileURLWithPath: report))
        }
        if reporting.json {
            print(String(decoding: json, as: UTF8.self))
        } else {
            print(found.table())
            print("")
            print(found.summary)
            for skipped in found.skipped { note("Left out \(skipped.plan): \(skipped.reason)") }
        }
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

/// Bytes that one vector may cost: `48`, `48B`, `0.5kB`.
struct ByteBudget: ExpressibleByArgument {
    let bytes: Double

    init?(argument: String) {
        let units: [(String, Double)] = [("kib", 1024), ("kb", 1000), ("bytes", 1), ("b", 1), ("", 1)]
        let text = argument.lowercased().trimmingCharacters(in: .whitespaces)
        guard let (suffix, scale) = units.first(where: { text.hasSuffix($0.0) }),
            let number = Double(text.dropLast(suffix.count).trimmingCharacters(in: .whitespaces)),
            number.isFinite, number > 0
        else { return nil }
        bytes = number * scale
    }
}
