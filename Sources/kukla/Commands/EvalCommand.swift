import ArgumentParser
import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaIndex
import KuklaNumerics
import KuklaText

/// `kukla eval`: how good embeddings are on judged data.
struct EvalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval", abstract: "Measure embeddings on judged data.",
        subcommands: [STS.self, Pairs.self, Retrieval.self, Sizes.self])

    /// How the texts of a task are embedded.
    struct Embedding: ParsableArguments {
        @OptionGroup var model: ModelOptions

        @Option(help: "Leading dimensions to keep; the vectors are normalised again.")
        var dims: Int?

        @Option(help: "Layers of the encoder to run, from the first.")
        var layers: Int?

        @OptionGroup var space: SpaceOptions
        @OptionGroup var compute: ComputeOptions
        @OptionGroup var reporting: OutputOptions

        /// From texts to vectors.
        typealias Function = ([String]) throws(KuklaError) -> Matrix

        /// Functions from texts to vectors, with an instruction before them and without, with a bar for each call.
        func functions(
            instruction: String?
        ) throws(KuklaError) -> (questions: Function, documents: Function) {
            let asked = try model.embedder(
                model.folder(), space: space, dimensions: dims, layers: layers, instruction: instruction)
            let bare = (asked as? SizedModel)?.withoutInstruction ?? asked
            let progress = reporting.progress
            let threads = try compute.threadCount()
            func function(_ embedder: any TextEmbedder) -> Function {
                { (texts) throws(KuklaError) in
                    progress.begin("Embedding", total: texts.count, unit: "texts")
                    defer { progress.end() }
                    return try embedder.embed(texts, threads: threads, progress: AdvanceOnly(progress))
                        .vectors
                }
            }
            return (function(asked), function(bare))
        }
    }

    /// `kukla eval sts`: agreement of cosines with people's similarity scores.
    struct STS: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "sts",
            abstract: "Spearman and Pearson correlation of cosines with people's scores.",
            discussion: """
                Reads the STS benchmark's files (genre, file, year, id, score, sentence1, sentence2), or a TSV or CSV of \
                sentence1, sentence2 and score.

                Example:
                  kukla eval sts sts-test.csv --int8
                """)

        @Argument(help: "The pairs with their scores.")
        var pairs: String

        @Option(
            help:
                "What is asked of a model that reads instructions, as for `kukla embed`: before both sentences."
        )
        var instruction: String?

        @OptionGroup var embedding: Embedding

        private struct Result: Encodable {
            let schemaVersion = 1
            let pairs: Int
            let spearman: Double
            let pearson: Double
        }

        func run() throws {
            let embed = try embedding.functions(instruction: instruction).questions
            let task = STSTask(
                pairs: try SentencePair.readAll(URL(fileURLWithPath: pairs)).map {
                    .init(first: $0.first, second: $0.second, score: $0.score)
                })
            let found = try task.evaluate(embedding: embed)
            if embedding.reporting.json {
                return try printJSON(
                    Result(pairs: found.pairCount, spearman: found.spearman, pearson: found.pearson))
            }
            print(String(format: "Spearman  %.4f", found.spearman))
            print(String(format: "Pearson   %.4f", found.pearson))
            note("\(Quantity.count(found.pairCount)) pairs")
        }
    }

    /// `kukla eval pairs`: does a text find the one that belongs to it?
    struct Pairs: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "pairs",
            abstract: "Recall@1, recall@10 and MRR@10 of finding a text's partner among all partners.",
            discussion: """
                Reads pairs of texts: TSV, CSV or JSON lines, each also as .gz. The first text of every pair is a question, all \
                second texts are candidates; a first text that stands in several pairs may find any of its partners.

                Examples:
                  kukla eval pairs captions.tsv --model tuned
                  kukla eval pairs claims.tsv --model instructed \\
                      --instruction "Given a claim, find abstracts about it"
                """)

        @Argument(help: "The pairs.")
        var pairs: String

        @Option(
            help: "What is asked of a model that reads instructions, as for `kukla embed`: before questions.")
        var instruction: String?

        @OptionGroup var embedding: Embedding

        private struct Result: Encodable {
            let schemaVersion = 1
            let queries: Int
            let candidates: Int
            let recallAt1: Double
            let recallAt10: Double
            let mrrAt10: Double
        }

        func run() throws {
            let embed = try embedding.functions(instruction: instruction)
            let task = PairRetrievalTask(
                pairs: try TextTuples.readAll(URL(fileURLWithPath: pairs)).rows.map { ($0[0], $0[1]) })
            let threads = try embedding.compute.threadCount()
            let found =
                instruction == nil
                ? try task.evaluate(threads: threads, embedding: embed.documents)
                : try task.evaluate(
                    threads: threads, questions: embed.questions, candidates: embed.documents)
            if embedding.reporting.json {
                return try printJSON(
                    Result(
                        queries: found.queryCount, candidates: found.candidateCount,
                        recallAt1: found.recallAt1, recallAt10: found.recallAt10, mrrAt10: found.mrrAt10))
            }
            for (name, value) in [
                ("Recall@1", found.recallAt1), ("Recall@10", found.recallAt10), ("MRR@10", found.mrrAt10),
            ] {
                print(name.padding(toLength: 12, withPad: " ", startingAt: 0) + String(format: "%.4f", value))
            }
            note(
                "\(Quantity.count(found.queryCount)) texts, \(Quantity.count(found.candidateCount)) candidates"
            )
        }
    }

    /// `kukla eval retrieval`: ranking quality on a BEIR folder.
    struct Retrieval: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "retrieval",
            abstract: "nDCG@10, Recall@100, MRR@10 and MAP on a BEIR folder, as trec_eval counts them.",
            discussion: """
                The folder holds corpus.jsonl, queries.jsonl (each also as .gz) and qrels/SPLIT.tsv. With --factory the documents \
                are searched as codes of that kind, to see what a plan costs in quality; else exactly.

                Examples:
                  kukla eval retrieval scifact
                  kukla eval retrieval scifact --factory "PCA96,SQ4" --json
                """)

        @Argument(help: "The BEIR folder.")
        var folder: String

        @Option(help: "Which judgements: test, dev or train.")
        var split = "test"

        @Option(help: "The factory string of the index to search with.")
        var factory: String?

        @Option(
            help: "What is asked of a model that reads instructions, as for `kukla embed`: before questions.")
        var instruction: String?

        @OptionGroup var embedding: Embedding

        private struct Result: Encodable {
            let schemaVersion = 1
            let documents: Int
            let queries: Int
            let plan: String
            let bytesPerVector: Double
            let metrics: [String: Double]
        }

        func run() throws {
            let beir = try BEIRFolder(URL(fileURLWithPath: folder))
            let configuration = try IndexConfiguration(parsing: factory ?? "F32")
            let embed = try embedding.functions(instruction: instruction)
            let task = try RetrievalTask(beir, split: split)
            let threads = try embedding.compute.threadCount()
            let (found, bytesPerVector) = try task.evaluate(
                as: configuration, threads: threads, documents: embed.documents, questions: embed.questions)
            let values = RetrievalMetric.standard.map { ($0.description, found.mean(of: $0)) }
            if embedding.reporting.json {
                return try printJSON(
                    Result(
                        documents: task.documents.count, queries: found.queryCount,
                        plan: configuration.description,
                        bytesPerVector: bytesPerVector,
                        metrics: Dictionary(uniqueKeysWithValues: values)))
            }
            for (name, value) in values {
                print(name.padding(toLength: 12, withPad: " ", startingAt: 0) + String(format: "%.4f", value))
            }
            note(
                "\(Quantity.count(found.queryCount)) questions, \(Quantity.count(task.documents.count)) documents as \(configuration), \(Quantity.bytesPerVector(bytesPerVector)) bytes a vector"
            )
        }
    }
}

extension RetrievalTask {
    /// The judged questions of one split of a BEIR folder.
    init(_ beir: BEIRFolder, split: String) throws {
        func texts(_ reader: TextReader) throws(KuklaError) -> [Text] {
            try reader.readAll().enumerated().map {
                .init(id: $0.element.id ?? String($0.offset), text: $0.element.text)
            }
        }
        try self.init(
            documents: texts(beir.corpus()), queries: texts(beir.queries()),
            qrels: Qrels(beir.judgments(split).grades))
    }

    /// Scores search of the documents as codes of `configuration`; also the bytes that a vector takes then.
    func evaluate(
        as configuration: IndexConfiguration, threads: Int,
        documents embedDocuments: ([String]) throws -> Matrix,
        questions embedQuestions: ([String]) throws -> Matrix
    ) throws -> (evaluation: RetrievalEvaluation, bytesPerVector: Double) {
        let vectors = try embedDocuments(documents.map(\.text))
        var index = try configuration.makeIndex(on: vectors, metric: .cosine, threads: threads)
        try index.insert(vectors, threads: threads)
        let evaluation = try evaluate { queries, depth in
            try index.search(
                embedQuestions(queries.map(\.text)), count: min(depth, index.count), threads: threads
            ).map { $0.map { .init(document: documents[$0.id].id, score: Double($0.score)) } }
        }
        return (evaluation, index.bytesPerVector)
    }
}
