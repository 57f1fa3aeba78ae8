import ArgumentParser
import Foundation
import KuklaCodecs
import KuklaEvaluation
import KuklaFormats
import KuklaIndex
import KuklaNumerics
import KuklaText

/// `kukla search`: a question or query vectors in, the best matches out.
struct SearchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search",
        abstract: "Search a collection by text or by vectors.",
        discussion: """
            Text is embedded with the model that the collection names, or with --model. A collection of sets of vectors is \
            searched by late interaction; --vectors then names sets too. With --query-codec, vectors of a newer model search \
            what an older codec has stored.

            Examples:
              kukla search notes.kukla "where did we decide on the logo?"
              kukla search notes.kukla --vectors q.npy -k 100 --json
              kukla search notes.kukla --examples 3
              kukla search vectors.kukla --vectors q.npy --within 0.3
              kukla search old.kukla --vectors new-q.npy --query-codec new.safetensors
              kukla search vectors.kukla "a question" --funnel 24:200,96:50,384:10
              kukla search methods.kukla "a question" --model papers --aspect method
            """)

    @Argument(help: "The collection file.")
    var collection: String

    @Argument(help: "The question.")
    var text: String?

    @Option(help: "Query vectors, in place of a question.")
    var vectors: String?

    @Option(
        help:
            "Ask so many questions made of the first words of random items, to see whether search makes sense."
    )
    var examples: Int?

    @Option(name: .short, help: "How many matches (10).")
    var k: Int?

    @Option(help: "All matches within this distance, in place of the k best.")
    var within: Float?

    @Option(help: "How hard a graph or lists look (efSearch, nprobe), in place of the collection's own.")
    var effort: Int?

    @Option(
        help:
            "Narrow in stages DIMENSIONS:COUNT: leading dimensions among all vectors, more of them for the few that remain (24:200,96:50,384:10). For flat collections of vectors whose prefixes are good, such as Matryoshka models make."
    )
    var funnel: String?

    @Option(
        help: "In sets of vectors: how many candidates are ranked exactly, in place of the collection's own.")
    var candidates: Int?

    @Option(
        help:
            "What codes the queries, in place of the collection's codec: made of that by `kukla train binary --compatible-with`."
    )
    var queryCodec: String?

    @Option(help: "What is asked of a model that reads instructions, as for `kukla embed`.")
    var instruction: String?

    @OptionGroup var space: SpaceOptions
    @OptionGroup var model: ModelOptions
    @OptionGroup var compute: ComputeOptions
    @OptionGroup var reporting: OutputOptions

    private struct Answer: Encodable {
        struct Hit: Encodable {
            let rank: Int
            let id: String
            let score: Float
            let distance: Float
            let text: String?
        }

        let query: String?
        let row: Int?
        let hits: [Hit]
    }

    private struct Result: Encodable {
        let schemaVersion = 1
        let collection: String
        let k: Int
        let metric: Metric
        let searchSeconds: Double
        /// What a query read of finer codes that stay on disk, on average; absent where there are none.
        let bytesReadPerQuery: Double?
        let readsPerQuery: Double?
        let answers: [Answer]
    }

    func validate() throws {
        guard [text != nil, vectors != nil, examples != nil].count(where: { $0 }) == 1 else {
            throw ValidationError("Give one of a question, --vectors FILE, or --examples N.")
        }
        if let k, k < 1 { throw ValidationError("-k \(k): ask for at least 1 match.") }
        guard funnel == nil || within == nil && effort == nil && queryCodec == nil else {
            throw ValidationError(
                "--funnel is a search of its own: leave --within, --effort and --query-codec out.")
        }
        if let examples, examples < 1 { throw ValidationError("--examples \(examples): ask for at least 1.") }
    }

    func run() throws {
        let file = try CollectionFile(URL(fileURLWithPath: collection))
        let questions = try text.map { [$0] } ?? examples.map { try self.questions($0, of: file) }
        let (lists, seconds) =
            try MultiVectorFile.holdsSets(file) ? findSets(questions, in: file) : find(questions, in: file)
        let reads = file.index.fileReads
        func perQuery(_ total: Int?) -> Double? { total.map { Double($0) / Double(max(1, lists.count)) } }
        let answers = lists.enumerated().map { row, hits in
            Answer(
                query: questions?[row], row: questions == nil ? row : nil,
                hits: hits.enumerated().map {
                    .init(
                        rank: $0.offset + 1, id: $0.element.id.description, score: $0.element.match.score,
                        distance: $0.element.match.distance, text: $0.element.text)
                })
        }
        if reporting.json {
            try printJSON(
                Result(
                    collection: collection, k: try wanted(of: file), metric: file.details.metric,
                    searchSeconds: seconds,
                    bytesReadPerQuery: perQuery(reads?.bytes), readsPerQuery: perQuery(reads?.reads),
                    answers: answers))
        } else {
            answers.forEach(show)
            let read =
                reads.map { "; read \(Quantity.bytes($0.bytes)) in \(Quantity.count($0.reads)) reads" } ?? ""
            note(
                "\(answers.count == 1 ? "Searched" : "\(answers.count) searches of") \(Quantity.count(file.details.count)) vectors (\(file.details.factory)) in \(String(format: "%.1f ms", seconds * 1000))\(read)"
            )
        }
    }

    private typealias Found = (lists: [[CollectionFile.Hit]], seconds: Double)

    private func timed(_ search: () throws -> [[CollectionFile.Hit]]) throws -> Found {
        let start = ContinuousClock.now
        return (try search(), (ContinuousClock.now - start) / .seconds(1))
    }

    private func find(_ questions: [String]?, in file: CollectionFile) throws -> Found {
        if candidates != nil {
            throw KuklaError(
                .usage,
                "--candidates is for collections of sets of vectors, and \(collection) holds single vectors.")
        }
        let threads = try compute.threadCount()
        var index = file.index
        if let queryCodec { index = try self.index(of: file, queriedBy: URL(fileURLWithPath: queryCodec)) }
        if let effort { index = try index.searched(withEffort: effort) }
        let queries =
            try questions.map { try embed($0, for: file, dimensions: index.dimensions) }
            ?? VectorFile.readAll(URL(fileURLWithPath: vectors ?? ""))
        if let funnel {
            let through = try self.index(through: Funnel(parsing: funnel), in: file, threads: threads)
            return try timed {
                try file.hits(through.search(queries, count: wanted(of: file), threads: threads))
            }
        }
        return try timed { [index] in
            guard let within else {
                return try file.hits(index.search(queries, count: wanted(of: file), threads: threads))
            }
            return try file.hits(index.search(queries, within: within, threads: threads))
        }
    }

    private func index(of file: CollectionFile, queriedBy codec: URL) throws(KuklaError) -> any CodedIndex {
        guard let flat = file.index as? FlatIndex else {
            throw KuklaError(
                .usage,
                "--query-codec is for collections of recurrent binary codes without a graph or lists, and \(collection) is '\(file.details.factory)'."
            )
        }
        return try flat.queried(by: CodecFile.read(codec, searching: flat.codec))
    }

    private func index(
        through funnel: Funnel, in file: CollectionFile, threads: Int
    ) throws(KuklaError) -> FunnelIndex {
        guard let flat = file.index as? FlatIndex else {
            throw KuklaError(
                .usage,
                "Cannot search '\(file.details.factory)' through a funnel: expected a flat collection, such as F32 or SQ8."
            )
        }
        if !reporting.quiet {
            note(
                "funnel \(funnel): \(Quantity.count(funnel.multiplications(among: flat.count))) multiplications a query, in place of \(Quantity.count(flat.count * flat.dimensions))"
            )
        }
        return try FunnelIndex(flat, funnel: funnel, threads: threads)
    }

    /// How many matches: as asked, else what the funnel ends with, else 10.
    private func wanted(of file: CollectionFile) throws(KuklaError) -> Int {
        if let k { return k }
        guard let funnel else { return 10 }
        return min(try Funnel(parsing: funnel).stages.last?.count ?? 10, file.details.count)
    }

    private func findSets(_ questions: [String]?, in file: CollectionFile) throws -> Found {
        if within != nil || effort != nil || queryCodec != nil || funnel != nil {
            throw KuklaError(
                .usage,
                "--within, --effort, --query-codec and --funnel are for single vectors, and \(collection) holds sets of them."
            )
        }
        let threads = try compute.threadCount()
        let sets = try MultiVectorFile(file)
        let queries =
            try questions.map {
                try model.load(namedBy: file.details.origin.model).embedTokens($0, threads: threads).sets
            }
            ?? VectorSetsFile.read(URL(fileURLWithPath: vectors ?? ""))
        return try timed {
            // Sets without vectors come last, with a score that is no number: nobody looks for them.
            try sets.search(queries, count: wanted(of: file), candidates: candidates, threads: threads).map {
                $0.filter(\.match.score.isFinite)
            }
        }
    }

    private func show(_ answer: Answer) {
        if answer.row != nil || examples != nil {
            print(answer.query.map { "# \($0)" } ?? "# query \(answer.row ?? 0)")
        }
        for hit in answer.hits {
            let text = hit.text.map { "  " + $0.prefix(160).replacing("\n", with: " ") } ?? ""
            // The id often opens the text; twice says nothing more.
            let id = hit.text?.hasPrefix(hit.id + ":") == true ? "" : "  \(hit.id)"
            print(String(format: "%3d  %.4f", hit.rank, hit.score) + id + text)
        }
    }

    private func embed(
        _ questions: [String], for file: CollectionFile, dimensions: Int
    ) throws(KuklaError) -> Matrix {
        try model.embed(
            questions, instruction: instruction, space: space, namedBy: file.details.origin.model,
            layers: file.details.origin.modelLayers, dimensions: dimensions, threads: compute.threadCount())
    }

    private func questions(_ count: Int, of file: CollectionFile) throws(KuklaError) -> [String] {
        guard file.hasTexts else {
            throw KuklaError(
                .usage,
                "\(collection) holds no texts to make examples of: build it with `kukla index --texts`.")
        }
        var random = RandomSource(seed: 7)
        var questions: [String] = []
        for row in random.sample(count, below: file.details.count) {
            let words = (try file.text(of: row) ?? "").split(whereSeparator: \.isWhitespace)
            questions.append(words.prefix(8).joined(separator: " "))
        }
        return questions
    }
}
