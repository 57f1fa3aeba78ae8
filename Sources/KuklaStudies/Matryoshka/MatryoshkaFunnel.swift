import Foundation
import KuklaCodecs
import KuklaEvaluation
import KuklaIndex
import KuklaNumerics
import KuklaObjectives
import KuklaText

/// Retrieval through a funnel: few components of all documents, all components of the few that remain.
struct MatryoshkaFunnel {
    let bench: StudyBench

    private struct Row {
        let name: String
        let exact: Double
        let found: Double
        let products: Double
    }

    private static let stages = [24, 384]
    private static let kept = 200

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let all = try bench.sciFact()
        let corpus = try sample(of: all)
        let (documents, questions) = (corpus.documents.map(\.text), corpus.task.queries.map(\.text))
        let plain = (documents: try bench.embed(documents), questions: try bench.embed(questions))
        let trained = try trained(on: all, documents, questions)
        let start = try TurnedModel(bench, texts: documents, vectors: plain.documents)
        defer { start.removeTemporary() }
        let turnedFirst = try self.trained(on: all, documents, questions, start: start.folder)
        let funnel = try Funnel([
            .init(dimensions: Self.stages[0], count: Self.kept), .init(dimensions: Self.stages[1], count: 20),
        ])
        let formula = documents.count * Self.stages[0] + min(Self.kept, documents.count) * Self.stages[1]
        let mrl = try row("MRL", corpus.task, trained.documents, trained.questions, funnel)
        let second = try row(
            "MRL, begun with the turned model", corpus.task, turnedFirst.documents, turnedFirst.questions,
            funnel)
        var rows = [mrl, second]
        rows.append(try row("untouched", corpus.task, plain.documents, plain.questions, funnel))
        let turned = try PrincipalPrefixes(of: plain.documents, isCentred: false, threads: bench.threads)
        rows.append(
            try row(
                "untouched, turned by PCA", corpus.task, turned(plain.documents), turned(plain.questions),
                funnel))
        let exhaustive = Double(documents.count * Self.stages[1])
        findings.bars += [
            StudyBar(
                "5. SciFact: nDCG@10 that the funnel keeps, share", mrl.found / mrl.exact, .atLeast, 0.99),
            StudyBar(
                "5. SciFact: the same of MRL that begins with MiniLM turned to its principal components, share",
                second.found / second.exact, .atLeast, 0.99),
            StudyBar(
                "5. SciFact: multiplications of exact search beside the funnel's, ratio",
                exhaustive / mrl.products,
                .atLeast,
                8,
                note: bench.scale == .quick
                    ? "A sample of \(documents.count) documents: nothing to save." : nil),
            StudyBar(
                "5. SciFact: multiplications counted beside N D1 + K D2, difference a query",
                abs(mrl.products - Double(formula)), .atMost, 0),
        ]
        var table = StudyTable(
            "SciFact, \(documents.count) documents through the funnel \(funnel); one seed",
            columns: [
                "vectors", "nDCG@10 exact", "nDCG@10 through it", "kept", "multiplications a query",
                "of exact",
            ])
        for row in rows {
            table.rows.append([
                .text(row.name), .number(row.exact, decimals: 4), .number(row.found, decimals: 4),
                .number(row.found / row.exact, decimals: 4), .count(Int(row.products)),
                .number(row.products / exhaustive, decimals: 3),
            ])
        }
        findings.tables.append(table)
        findings.notes.append(
            "The funnel's model is MiniLM after one epoch over the claims of SciFact's training split and the abstracts that answer them (in-batch negatives at temperature 0.05, batch 32, rate 5e-5, 64 tokens of a text; sizes 384, 192, 96, 48 and 24 by MRL); nothing was chosen. PCA, of the documents' vectors, turns without taking the mean off, so that the last stage is exact; a model is turned by `kukla export --principal`, and all of it is trained then."
        )
    }

    private func row(
        _ name: String, _ task: RetrievalTask, _ documents: Matrix, _ questions: Matrix, _ funnel: Funnel
    ) throws(KuklaError) -> Row {
        var flat = FlatIndex(codec: FloatCodec(metric: .cosine, dimensions: documents.columns))
        try flat.insert(documents, threads: bench.threads)
        var narrowing = try FunnelIndex(flat, funnel: funnel, threads: bench.threads)
        let counter = MultiplicationCounter()
        narrowing.multiplicationCounter = counter
        let found = try narrowing.search(questions, count: 20, threads: bench.threads)
        return Row(
            name: name, exact: try ndcg(flat.search(questions, count: 20, threads: bench.threads), task),
            found: try ndcg(found, task), products: Double(counter.count) / Double(questions.rows))
    }

    private func ndcg(_ answers: [[Match]], _ task: RetrievalTask) throws(KuklaError) -> Double {
        var evaluation = RetrievalEvaluation(qrels: task.qrels, metrics: [.nDCG(at: 10)])
        for (query, answer) in zip(task.queries, answers) {
            try evaluation.add(
                query: query.id,
                hits: answer.filter { task.documents[$0.id].id != query.id }.map {
                    .init(document: task.documents[$0.id].id, score: Double($0.score))
                })
        }
        return evaluation.mean(of: .nDCG(at: 10))
    }

    /// All of it; the beginnings of a few documents in quick runs.
    private func sample(of texts: JudgedTexts) throws(KuklaError) -> JudgedTexts {
        guard bench.scale == .quick else { return texts }
        let queries = Array(texts.task.queries.prefix(8))
        let answers = Set(queries.flatMap { (texts.task.qrels[$0.id] ?? [:]).keys })
        let documents =
            texts.documents.filter { answers.contains($0.id) }
            + texts.documents.filter { !answers.contains($0.id) }.prefix(30)
        let short = documents.map { RetrievalTask.Text(id: $0.id, text: String($0.text.prefix(150))) }
        return JudgedTexts(
            name: texts.name,
            task: try RetrievalTask(documents: short, queries: queries, qrels: texts.task.qrels),
            trainingQueries: [], trainingQrels: Qrels())
    }

    /// The vectors of documents and questions by a model trained to find the abstracts of claims at several sizes.
    private func trained(
        on corpus: JudgedTexts, _ documents: [String], _ questions: [String], start: URL? = nil
    ) throws(KuklaError) -> (documents: Matrix, questions: Matrix) {
        let texts = Dictionary(uniqueKeysWithValues: corpus.documents.map { ($0.id, $0.text) })
        let rows = corpus.trainingQueries.prefix(bench.choose(quick: 16, full: .max)).flatMap { query in
            (corpus.trainingQrels[query.id] ?? [:]).filter { $0.value > 0 }.keys.sorted().compactMap { id in
                texts[id].map { [query.text, $0] }
            }
        }
        let training = try ArmTraining(
            ArmExamples(
                answers: rows, batchSize: bench.choose(quick: 8, full: 32),
                maximumTokens: bench.choose(quick: 32, full: 64)), bench: bench, start: start)
        let loss = MatryoshkaLoss(
            MultipleNegativesRankingLoss(temperature: 0.05), dimensions: [384, 192, 96, 48, 24])
        let layers = try training.base().layerCount
        let arm = Arm(
            name: "MRL on SciFact", loss: WholeModelLoss(loss, layers: layers), seed: bench.seeds[0])
        return (
            try training.vectors(documents, of: arm, layers: [layers])[0],
            try training.vectors(questions, of: arm, layers: [layers])[0]
        )
    }
}
