import ArgumentParser
import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaNumerics
import KuklaObjectives
import KuklaText

/// `kukla mine`: hard negatives for training.
struct MineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mine",
        abstract: "Find hard negatives: texts that a model ranks high and that are no answer.",
        discussion: """
            Embeds questions and documents with a teacher (--model) and gives every pair of a question and its answer the documents that \
            rank highest without answering it. Those that score nearly as high as the answer are likely answers that nobody marked:
            --rule top-k-percent leaves out what scores above 0.95 of it (--percent), margin what is nearer than --margin, threshold \
            what is above --threshold, top-k nothing. Known answers of a question are never its negatives. Mine with a model that is not \
            the one in training.

            Reads a BEIR folder (--beir), its files one by one (--queries, --corpus, --qrels), or pairs (--pairs: TSV, CSV or JSON lines, \
            where all second texts are the documents). Writes JSON lines of anchor, positive and negatives, as `kukla train contrastive \
            --pairs` and `kukla train instruct` read them; pairs with fewer negatives than asked for are left out.

            Examples:
              kukla mine --beir scifact --split train -o mined.jsonl
              kukla mine --queries q.jsonl --corpus c.jsonl.gz --qrels train.tsv \\
                  --negatives 3 --skip 5 -o mined.jsonl
              kukla mine --pairs captions.tsv --rule margin --margin 0.05 -o mined.jsonl
              kukla mine --beir scifact --split train \\
                  --task "Given a claim, find abstracts that support or refute it" \\
                  -o stage1.jsonl
            """)

    enum Rule: String, CaseIterable, ExpressibleByArgument {
        case topK = "top-k"
        case topKPercent = "top-k-percent"
        case margin, threshold
    }

    @Option(help: "A BEIR folder: corpus.jsonl, queries.jsonl and qrels.")
    var beir: String?

    @Option(help: "With --beir: which judgements, train, dev or test.")
    var split = "train"

    @Option(help: "The questions: JSON lines, TSV or CSV with ids.")
    var queries: String?

    @Option(help: "The documents: JSON lines, TSV or CSV with ids.")
    var corpus: String?

    @Option(help: "Which documents answer which questions: BEIR's TSV or TREC's qrels.")
    var qrels: String?

    @Option(help: "Pairs of a question and its answer, in place of all these.")
    var pairs: String?

    @OptionGroup var model: ModelOptions

    @Option(
        help:
            "What a question's instruction is for the teacher: a task in words, or the name of a prompt that it knows."
    )
    var instruction: String?

    @Option(help: "Which documents may be negatives.")
    var rule = Rule.topKPercent

    @Option(help: "With top-k-percent: the share of the answer's score that a negative may have.")
    var percent = 0.95

    @Option(help: "With margin: how much less than the answer a negative must score.")
    var margin = 0.05

    @Option(help: "With threshold: the score that a negative may have.")
    var threshold = 0.8

    @Option(help: "Negatives of each pair.")
    var negatives = 7

    @Option(help: "Documents at the head of each ranking that are never taken.")
    var skip = 0

    @Option(help: "The task that `kukla train instruct` is to be told of, written into each row.")
    var task: String?

    @Flag(help: "With --task: the instruction stands before all texts of a row, as for similar sentences.")
    var symmetric = false

    @Option(name: .shortAndLong, help: "The file to write, a .jsonl.")
    var output: String

    @OptionGroup var compute: ComputeOptions
    @OptionGroup var reporting: OutputOptions

    func validate() throws {
        let files = [queries, corpus, qrels].compactMap(\.self).count
        guard (beir != nil ? 1 : 0) + (pairs != nil ? 1 : 0) + (files == 3 ? 1 : 0) == 1, files % 3 == 0
        else {
            throw ValidationError("Give --beir, or --pairs, or --queries with --corpus and --qrels.")
        }
        guard negatives > 0, skip >= 0 else {
            throw ValidationError("Expected --negatives of 1 or more and --skip of 0 or more.")
        }
        guard percent > 0, percent <= 1, margin >= 0 else {
            throw ValidationError("Expected --percent above 0 and up to 1, and --margin of 0 or more.")
        }
        guard !symmetric || task != nil else {
            throw ValidationError("--symmetric says where the instruction of --task stands: give that, too.")
        }
    }

    /// What is mined: every list of answers belongs to a question, as rows of the documents.
    private struct Source {
        var questions: [String] = []
        var documents: [String] = []
        var answers: [[Int]] = []
        /// Documents that are a question's own text.
        var own: [[Int]] = []
    }

    private struct Result: Encodable {
        let schemaVersion = 1
        let output: String
        let questions: Int
        let documents: Int
        let kept: Int
        let incomplete: Int
        let droppedByRule: Int
        let answersAvoided: Int
        let seconds: Double
    }

    func run() throws {
        let start = ContinuousClock.now
        let target = URL(fileURLWithPath: output)
        try TextTuples.checkOutput(target)
        let source = try pairs.map { try Self.source(ofPairs: URL(fileURLWithPath: $0)) } ?? judgedSource()
        let teacher = try model.load()
        let (threads, progress) = (try compute.threadCount(), reporting.progress)
        func embed(_ texts: [String], prompt: String = "") throws(KuklaError) -> Matrix {
            progress.begin("Embedding", total: texts.count, unit: "texts")
            defer { progress.end() }
            return try teacher.embed(texts, prompt: prompt, threads: threads, progress: AdvanceOnly(progress))
                .vectors.leadingComponents(teacher.encoder.dimensions)
        }
        let miner = HardNegativeMiner(rule: negativeRule, count: negatives, skip: skip)
        let questions = try embed(
            source.questions, prompt: instruction.map { teacher.prompts.prompt(for: $0) } ?? "")
        let found = miner(
            queries: questions, documents: try embed(source.documents), answers: source.answers,
            excluded: source.own, threads: threads, progress: progress)
        guard !found.rows.isEmpty else {
            throw KuklaError(
                .badData,
                "Found no pair with \(negatives) negatives among \(source.documents.count) documents: ask for fewer, or choose a looser rule."
            )
        }
        let rows = found.rows.map { row in
            [source.questions[row.query], source.documents[row.positive]]
                + row.negatives.map { source.documents[$0] }
        }
        let told = task.map { TextTuples.Task($0, isSymmetric: symmetric) }
        try TextTuples(rows: rows, tasks: told.map { .init(repeating: $0, count: rows.count) } ?? [])
            .write(to: target)
        try report(found, source, (ContinuousClock.now - start) / .seconds(1))
    }

    private var negativeRule: NegativeRule {
        switch rule {
        case .topK: .topK
        case .topKPercent: .topKPercent(percent)
        case .margin: .margin(margin)
        case .threshold: .threshold(threshold)
        }
    }

    private func report(_ found: HardNegativeMiner.Findings, _ source: Source, _ seconds: Double) throws {
        if reporting.json {
            return try printJSON(
                Result(
                    output: output, questions: source.questions.count, documents: source.documents.count,
                    kept: found.rows.count, incomplete: found.incomplete, droppedByRule: found.droppedByRule,
                    answersAvoided: found.answersAvoided, seconds: seconds))
        }
        guard !reporting.quiet else { return }
        note(
            "\(output): \(Quantity.count(found.rows.count)) pairs with \(negatives) negatives each in \(formatDuration(seconds)); the rule left out \(Quantity.count(found.droppedByRule)) documents, \(Quantity.count(found.answersAvoided)) other known answers were avoided, \(Quantity.count(found.incomplete)) pairs had too few negatives"
        )
    }

    /// Questions with judgements, their documents by id.
    private func judgedSource() throws -> Source {
        let (questions, corpus, grades): ([TextRecord], [TextRecord], RelevanceJudgments)
        if let beir {
            let folder = try BEIRFolder(URL(fileURLWithPath: beir))
            (questions, corpus, grades) = (
                try folder.queries().readAll(), try folder.corpus().readAll(), try folder.judgments(split)
            )
        } else {
            func read(_ path: String?) throws(KuklaError) -> [TextRecord] {
                try TextReader(URL(fileURLWithPath: path ?? "")).readAll()
            }
            (questions, corpus, grades) = (
                try read(queries), try read(self.corpus),
                try RelevanceJudgments(URL(fileURLWithPath: qrels ?? ""))
            )
        }
        var rows: [String: Int] = [:]
        for (row, record) in corpus.enumerated() { rows[record.id ?? String(row)] = row }
        var source = Source(documents: corpus.map(\.text))
        for (row, question) in questions.enumerated() {
            let id = question.id ?? String(row)
            let answers = (grades.grades[id] ?? [:]).filter { $0.value > 0 }.keys.compactMap { rows[$0] }
                .sorted()
            guard !answers.isEmpty else { continue }
            source.questions.append(question.text)
            source.answers.append(answers)
            source.own.append(rows[id].map { [$0] } ?? [])
        }
        guard !source.questions.isEmpty else {
            throw KuklaError(
                .badData,
                "Cannot mine: no question has an answer among the documents. Do the judgements name these questions and documents by their ids?"
            )
        }
        return source
    }

    /// All different second texts are documents; equal first texts are one question.
    private static func source(ofPairs url: URL) throws(KuklaError) -> Source {
        var source = Source()
        var (questions, documents): ([String: Int], [String: Int]) = ([:], [:])
        for row in try TextTuples.readAll(url).rows {
            if questions[row[0]] == nil {
                questions[row[0]] = source.questions.count
                source.questions.append(row[0])
                source.answers.append([])
            }
            if documents[row[1]] == nil {
                documents[row[1]] = source.documents.count
                source.documents.append(row[1])
            }
            let (question, document) = (questions[row[0]]!, documents[row[1]]!)
            if !source.answers[question].contains(document) { source.answers[question].append(document) }
        }
        source.own = source.questions.map { documents[$0].map { [$0] } ?? [] }
        return source
    }
}
