import Foundation
import KuklaEvaluation
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaText

/// Retrieval after the same fine-tuning on SciFact's claims: bar 3, with BM25 beside.
struct FineTunedRetrieval {
    let bench: StudyBench
    let duplex, words: SmallEncoder
    let scratch: URL

    private enum Arm: CaseIterable {
        case words, duplex, hybrid

        var name: String {
            switch self {
            case .words: "hidden words, first token"
            case .duplex: "DupMAE, first token"
            case .hybrid: "DupMAE, hybrid \(DupMAEStudy.denseDimensions) + \(DupMAEStudy.lexicalCount)"
            }
        }
    }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let corpus = try bench.sciFact()
        var tasks = [(corpus.name, corpus.task)]
        if bench.scale == .full { tasks.append(("Cranfield", try bench.cranfield().task)) }
        if bench.scale == .quick {
            // A few documents, those that answer first.
            let queries = Array(corpus.task.queries.prefix(4))
            let answers = Set(queries.flatMap { corpus.task.qrels[$0.id]?.keys.map { $0 } ?? [] })
            let documents =
                corpus.documents.filter { answers.contains($0.id) } + corpus.documents.prefix(20)
            tasks = [
                (
                    corpus.name,
                    try RetrievalTask(
                        documents: Array(Set(documents.map(\.id))).sorted().compactMap { id in
                            documents.first { $0.id == id }
                        }, queries: queries, qrels: corpus.task.qrels)
                )
            ]
        }
        let pairs = pairs(of: corpus)
        var figures: [Arm: [[Double]]] = [:]
        for seed in bench.seeds {
            for arm in Arm.allCases {
                let encoder = try tuned(arm, pairs, seed: seed)
                var found: [Double] = []
                for (_, task) in tasks { found.append(try ndcg(encoder, task)) }
                figures[arm, default: []].append(found)
            }
        }
        var references: [[Double]] = [[], []]
        for (_, task) in tasks {
            references[0].append(try measured { try BM25.evaluate(task).mean(of: .nDCG(at: 10)) })
            references[1].append(
                try measured {
                    try task.evaluate(
                        documentEmbedding: { try bench.embed($0) }, queryEmbedding: { try bench.embed($0) },
                        threads: bench.threads
                    ).mean(of: .nDCG(at: 10))
                })
        }
        func mean(_ arm: Arm, _ set: Int) -> Double {
            let all = figures[arm, default: []].map { $0[set] }
            return all.reduce(0, +) / Double(max(1, all.count))
        }
        var table = StudyTable(
            "nDCG@10 after fine-tuning on SciFact's claims, mean of \(bench.seeds.count) seeds",
            columns: ["encoder"] + tasks.map(\.0))
        for arm in Arm.allCases {
            table.rows.append(
                [.text(arm.name)] + tasks.indices.map { .number(mean(arm, $0), decimals: 4) })
        }
        for (name, row) in zip(["BM25", "all-MiniLM-L6-v2 as it is"], references) {
            table.rows.append([.text(name)] + row.map { .number($0, decimals: 4) })
        }
        findings.tables.append(table)
        findings.charts.append(Self.chart(of: table))
        for (set, (name, _)) in tasks.enumerated() {
            func gain(_ a: Arm, _ b: Arm, _ words: String, _ bound: Double) -> StudyBar {
                let each = zip(figures[a, default: []], figures[b, default: []]).map {
                    100 * ($0[set] - $1[set])
                }
                return StudyBar(
                    "3. \(name): nDCG@10 of \(words), points", 100 * (mean(a, set) - mean(b, set)),
                    .atLeast, bound,
                    note: "seeds " + each.map { String(format: "%.2f", $0) }.joined(separator: ", "))
            }
            findings.bars += [
                gain(.duplex, .words, "DupMAE's start over hidden words alone", 1.5),
                gain(.hybrid, .duplex, "the hybrid over the first token alone", 1),
            ]
        }
    }

    /// - Parameter table: a row for each encoder, a column for each set.
    static func chart(of table: StudyTable) -> StudyChart {
        StudyChart(
            "retrieval", title: table.title,
            chart: table.dotPlot(table.columns.dropFirst().map { ($0, $0) }, xTitle: "nDCG@10"))
    }

    /// Claims to learn from with what answers them.
    private func pairs(of corpus: JudgedTexts) -> [[String]] {
        let texts = Dictionary(uniqueKeysWithValues: corpus.documents.map { ($0.id, $0.text) })
        let pairs = corpus.trainingQueries.flatMap { query in
            (corpus.trainingQrels[query.id] ?? [:]).filter { $0.value > 0 }.keys.sorted().compactMap {
                texts[$0].map { [query.text, $0] }
            }
        }
        return Array(pairs.prefix(bench.choose(quick: 16, full: .max)))
    }

    private func tuned(
        _ arm: Arm, _ pairs: [[String]], seed: UInt64
    ) throws(KuklaError) -> (HybridEncoder, WordPieceTokenizer) {
        let start = arm == .words ? words : duplex
        // Read again: training changes it.
        let model = try PretrainingModel(
            folder: start.folder, dropout: .init(hidden: 0, attention: 0), seed: seed)
        var random = RandomSource(seed: seed)
        let isHybrid = arm == .hybrid
        let encoder = HybridEncoder(
            model, dimensions: isHybrid ? DupMAEStudy.denseDimensions : nil,
            lexicalCount: isHybrid ? DupMAEStudy.lexicalCount : 0, using: &random)
        var recipe = Recipe(options: NoOptions())
        recipe.training.seed = seed
        recipe.training.length = .epochs(bench.choose(quick: 1, full: 4))
        recipe.training.batchSize = bench.choose(quick: 4, full: 32)
        recipe.training.learningRate = 3e-4
        recipe.training.clipNorm = 1
        recipe.training.schedule.warmupFraction = 0.1
        recipe.training.threads = bench.threads
        recipe.training.checkpointEvery = 1_000_000
        let task = HybridTask(
            model: encoder,
            examples: TextExamples(
                rows: pairs, tokenizer: start.tokenizer, maximumLength: DupMAEStudy.tokens,
                threads: bench.threads))
        let run = try TrainingRun(
            scratch.appending(path: "tuning-\(arm)-\(seed)"), recipe: recipe, isFresh: true)
        _ = try run.train(task, progress: bench.progress)
        return (encoder, start.tokenizer)
    }

    private func ndcg(
        _ tuned: (encoder: HybridEncoder, tokenizer: WordPieceTokenizer), _ task: RetrievalTask
    ) throws(KuklaError) -> Double {
        func represent(_ texts: [String]) -> HybridRepresentation {
            tuned.encoder.represent(texts, tokenizer: tuned.tokenizer, maximumLength: DupMAEStudy.tokens)
        }
        let documents = represent(task.documents.map(\.text))
        return try measured {
            try task.evaluate { queries, depth in
                let scores = documents.scores(
                    of: represent(queries.map(\.text)), threads: bench.threads)
                return queries.indices.map { query in
                    let row = scores.row(query)
                    return row.indices.sorted { (row[$1], $0) < (row[$0], $1) }.prefix(depth).map {
                        .init(document: task.documents[$0].id, score: Double(row[$0]))
                    }
                }
            }.mean(of: .nDCG(at: 10))
        }
    }

    private func measured(_ body: () throws -> Double) throws(KuklaError) -> Double {
        do { return try body() } catch let error as KuklaError { throw error } catch {
            throw KuklaError(.badData, "Cannot measure retrieval.", cause: error)
        }
    }
}
