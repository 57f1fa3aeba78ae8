import KuklaEvaluation
import KuklaFormats
public import KuklaNumerics

/// Whether codes that are trained to find, and vectors that are trained to rank what these find, beat codes and vectors that know
/// nothing of each other.
public struct BiDRStudy: Study {
    public let name = "bidr"
    public let title = "Codes that find, vectors that rank"
    public let paper =
        "Xiao et al. 2022, \"Progressively Optimized Bi-Granular Document Representation for Scalable Embedding Based Retrieval\", arXiv:2201.05409."
    public let claim =
        "Small codes in memory, trained to find answers, and full vectors on disk, trained on negatives among what these codes rank high in locality-centric batches, find more than codes and vectors that are trained apart: up to 4.3 % recall on millions of documents, 17.5 % on a billion."
    public let data = ["scifact", "cranfield", "stsbenchmark", "multi30k_captions"]

    /// Bytes of a code.
    static let codeBytes = 24
    /// Bytes of codes that leave room: beside the bars.
    static let shortCodeBytes = 6

    public init() {}

    public func run(on bench: StudyBench) throws(KuklaError) -> StudyFindings {
        var findings = StudyFindings()
        // Abstracts take longest to embed: a quick run looks at captions alone.
        if bench.scale == .full {
            let corpora =
                [
                    try bench.sciFact(), try bench.cranfield().splittingQuestions(),
                    try bench.similarSentences(),
                ]
                + [try bench.ownHalves(limit: 20_000)].compactMap(\.self)
            for corpus in corpora {
                try BiDRComparison(set: BiDRSet(corpus, on: bench), bench: bench).add(to: &findings)
            }
        }
        try BiDRComparison(set: .captions(on: bench), bench: bench).add(to: &findings)
        findings.charts.append(Self.chart(of: findings.tables))
        findings.notes += [
            "A head is a linear layer with a layer norm over frozen MiniLM vectors (384 to 384), where the paper trains whole encoders. NFCorpus, the card's first set, is not in the collection: SciFact and Multi30k captions (caption 1 asks for caption 2 of the same picture) take its place. Of Cranfield every other question is learned from; of STS-B a sentence asks for one that people scored 4 or more beside it; of the user's texts the first half asks for the second. MNIST and SIFT have no questions.",
            "Figures are of test queries that no stage has seen; epochs, rates (3e-4 or 1e-3) and which of the two walks counts are chosen by training queries that were kept out. Candidates are 5 % of the documents. Every ranking of candidates went through a collection file with Tiered(...) and was read by offset.",
        ]
        return findings
    }

    /// - Parameter tables: one for each set, with the same rows; its title begins with the set's name.
    static func chart(of tables: [StudyTable]) -> StudyChart {
        let rows = tables[0].rows.indices.filter { tables[0].rows[$0][1].description == "Recall@100" }
        return StudyChart(
            "recall", title: "Recall@100 by what is searched",
            chart: DotPlot(
                rows: rows.map { tables[0].names[$0] },
                series: tables.map { table in
                    let values = table.values("value")
                    return .init(
                        name: String(table.title.prefix { $0 != ":" }), values: rows.map { values[$0] })
                }, xTitle: "Recall@100"))
    }
}

/// Vectors of documents and queries, and what answers what.
struct BiDRSet: Sendable {
    let name: String
    let documents: Matrix
    let training: (queries: Matrix, answers: [[Int]])
    let test: (queries: Matrix, answers: [[Int]])
}

extension BiDRSet {
    /// Questions that have an answer, and all documents.
    init(_ corpus: JudgedTexts, on bench: StudyBench) throws(KuklaError) {
        let rows = Dictionary(
            uniqueKeysWithValues: corpus.documents.enumerated().map { ($0.element.id, $0.offset) })
        func answers(_ grades: [String: Int]?) -> [Int] {
            (grades ?? [:]).filter { $0.value > 0 }.compactMap { rows[$0.key] }.sorted()
        }
        let judged = corpus.task.queries.filter { !answers(corpus.task.qrels[$0.id]).isEmpty }
        self.init(
            name: corpus.name, documents: try bench.embed(corpus.documents.map(\.text)),
            training: (
                try bench.embed(corpus.trainingQueries.map(\.text)),
                corpus.trainingQueries.map { answers(corpus.trainingQrels[$0.id]) }
            ),
            test: (
                try bench.embed(judged.map(\.text)), judged.map { answers(corpus.task.qrels[$0.id]) }
            ))
    }

    static func captions(on bench: StudyBench) throws(KuklaError) -> BiDRSet {
        let learned = try bench.captions("train", limit: bench.choose(quick: 300, full: 5000))
        let asked = try bench.captions("val", limit: bench.choose(quick: 100, full: .max))
        let training = try bench.embed(Array(learned.first.prefix(bench.choose(quick: 200, full: 5000))))
        let test = try bench.embed(asked.first)
        return BiDRSet(
            name: "Captions", documents: try bench.embed(asked.second + learned.second),
            training: (training, (0..<training.rows).map { [asked.second.count + $0] }),
            test: (test, (0..<test.rows).map { [$0] }))
    }
}
