import KuklaEvaluation
import KuklaNumerics
import KuklaObjectives

/// How many answers that nobody told the miner of it takes for negatives, with and without its rule.
struct MinedAnswers {
    let bench: StudyBench
    let sciFact: JudgedTexts

    private static let share = 0.95

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        var table = StudyTable(
            "Answers that were held back and mined as negatives: each answer of a question in turn is the known one, 7 negatives each",
            columns: [
                "set", "rule", "pairs", "held-back answers", "mined as negatives", "pairs with 7 negatives",
            ])
        let cranfield = try bench.cranfield()
        // So few abstracts as a quick run takes of SciFact answer no question twice.
        for texts in bench.choose(quick: [cranfield], full: [sciFact, cranfield]) {
            let found = try measure(texts)
            for (rule, negatives) in [("top-k", found.plain), ("top-k-percent 0.95", found.ruled)] {
                table.rows.append([
                    .text(texts.name), .text(rule), .count(found.pairs), .count(found.heldBack),
                    .count(negatives.wrong), .count(negatives.rows),
                ])
            }
            findings.bars.append(
                StudyBar(
                    "4. held-back answers mined as negatives, fewer with top-k-percent 0.95 than with top-k, \(texts.name), percent",
                    100 * (1 - Double(found.ruled.wrong) / Double(found.plain.wrong)), .atLeast, 40,
                    note: "\(found.ruled.wrong) in place of \(found.plain.wrong)"))
        }
        findings.tables.append(table)
    }

    private func measure(
        _ texts: JudgedTexts
    ) throws(KuklaError) -> (
        pairs: Int, heldBack: Int, plain: (wrong: Int, rows: Int), ruled: (wrong: Int, rows: Int)
    ) {
        let documents = bench.choose(quick: Array(texts.documents.prefix(40)), full: texts.documents)
        let rows = Dictionary(uniqueKeysWithValues: documents.enumerated().map { ($1.id, $0) })
        var questions: [String] = []
        var answers: [[Int]] = []
        func take(_ queries: [RetrievalTask.Text], _ qrels: Qrels) {
            for query in queries {
                let found = (qrels[query.id] ?? [:]).filter { $0.value > 0 }.keys.compactMap { rows[$0] }
                    .sorted()
                guard found.count > 1 else { continue }
                questions.append(query.text)
                answers.append(found)
            }
        }
        take(texts.task.queries, texts.task.qrels)
        take(texts.trainingQueries, texts.trainingQrels)
        guard !questions.isEmpty else { return (0, 0, (0, 0), (0, 0)) }
        let vectors = try bench.embed(documents.map(\.text))
        let asked = try bench.embed(questions)
        // A query for every answer that is known in turn.
        let turns = answers.indices.flatMap { query in answers[query].map { (query: query, known: $0) } }
        let queries = asked.gathering(rows: turns.map(\.query))
        func count(_ rule: NegativeRule) -> (wrong: Int, rows: Int) {
            let found = HardNegativeMiner(rule: rule, count: 7)(
                queries: queries, documents: vectors, answers: turns.map { [$0.known] },
                threads: bench.threads)
            let wrong = found.rows.reduce(0) { sum, row in
                sum + row.negatives.count { answers[turns[row.query].query].contains($0) }
            }
            return (wrong, found.rows.count)
        }
        return (
            turns.count, answers.reduce(0) { $0 + $1.count * ($1.count - 1) }, count(.topK),
            count(.topKPercent(Self.share))
        )
    }
}
