import KuklaEvaluation
import KuklaFormats
import KuklaNumerics
import KuklaWeights

/// A task that a parent is tuned on: rows to train on, examples to place a merge by, and how embeddings are judged.
struct MergeTask: Sendable {
    typealias Judge = @Sendable (_ embed: ([String]) throws -> Matrix) throws -> Double

    let name: String
    /// Pairs of texts to train on; with scores, or without.
    let rows: [[String]]
    let scores: [Float]
    /// Pairs of the training set that nothing was trained on.
    let heldOut: MergeProbe
    /// Training rows that stand in the test set.
    let overlap: Int
    /// Test quality times 100.
    let judge: Judge

    var count: Int { rows.count }

    /// The first `count` training rows as a probe: what the paper takes.
    func probe(_ count: Int) -> MergeProbe { Self.probe(name, rows.prefix(count), scores.prefix(count)) }

    private static func probe(
        _ name: String, _ rows: some Sequence<[String]>, _ scores: some Collection<Float>
    ) -> MergeProbe {
        scores.isEmpty
            ? MergeProbe(name: name, rows: Array(rows))
            : MergeProbe(
                name: name,
                scored: zip(rows, scores).map {
                    SentencePair(first: $0[0], second: $0[1], score: Double($1))
                })
    }

    /// Rows of the small tasks; the large one has eight times as many.
    static func small(_ bench: StudyBench) -> Int { bench.choose(quick: 8, full: 500) }
    /// Pairs of a task's probe.
    static func probed(_ bench: StudyBench) -> Int { bench.choose(quick: 8, full: 333) }
    static func tokens(_ bench: StudyBench) -> Int { bench.choose(quick: 16, full: 64) }
    static func distractors(_ bench: StudyBench) -> Int { bench.choose(quick: 10, full: 200) }
    static func references(_ bench: StudyBench) -> Int { bench.choose(quick: 20, full: 400) }

    /// STS-B, which has most, SciFact and AG News.
    static func all(of bench: StudyBench) throws(KuklaError) -> [MergeTask] {
        [try similarity(bench), try retrieval(bench), try classes(bench)]
    }

    private static func similarity(_ bench: StudyBench) throws(KuklaError) -> MergeTask {
        func pairs(_ part: String) throws(KuklaError) -> [SentencePair] {
            try SentencePair.readAll(bench.data("stsbenchmark/sts-\(part).csv"))
        }
        let test = Array(try pairs("test").prefix(bench.choose(quick: 40, full: .max)))
        // A few pairs stand in the test split too, one way round or the other: they are left out.
        let known = Set(test.flatMap { [[$0.first, $0.second], [$0.second, $0.first]] })
        func unknown(_ part: String) throws(KuklaError) -> [SentencePair] {
            shuffled(try pairs(part).filter { !known.contains([$0.first, $0.second]) })
        }
        let training = try unknown("train").prefix(8 * small(bench))
        let task = STSTask(
            pairs: test.map { .init(first: $0.first, second: $0.second, score: $0.score) })
        let dev = try unknown("dev").prefix(probed(bench))
        return MergeTask(
            name: "STS-B", rows: training.map { [$0.first, $0.second] },
            scores: training.map { Float($0.score) },
            heldOut: MergeProbe(name: "STS-B", scored: Array(dev)),
            overlap: (training + dev).count { known.contains([$0.first, $0.second]) }
        ) { 100 * (try task.evaluate(embedding: $0).spearman) }
    }

    private static func retrieval(_ bench: StudyBench) throws(KuklaError) -> MergeTask {
        let sciFact = try bench.sciFact()
        let texts = Dictionary(uniqueKeysWithValues: sciFact.documents.map { ($0.id, $0.text) })
        let pairs = shuffled(
            sciFact.trainingQueries.flatMap { query in
                (sciFact.trainingQrels[query.id] ?? [:]).filter { $0.value > 0 }.keys.sorted().compactMap {
                    texts[$0].map { [query.text, $0] }
                }
            })
        let queries = Array(sciFact.task.queries.prefix(bench.choose(quick: 10, full: .max)))
        let cited = Set(queries.flatMap { sciFact.task.qrels[$0.id]?.keys.map(\.self) ?? [] })
        let others = sciFact.documents.filter { !cited.contains($0.id) }.prefix(distractors(bench))
        var task = try RetrievalTask(
            documents: sciFact.documents.filter { cited.contains($0.id) } + others, queries: queries,
            qrels: sciFact.task.qrels)
        task.metrics = [.nDCG(at: 10)]
        task.depth = 10
        let claims = Set(queries.map(\.text))
        let rows = Array(pairs.prefix(small(bench)))
        let threads = bench.threads
        return MergeTask(
            name: "SciFact", rows: rows, scores: [],
            heldOut: MergeProbe(
                name: "SciFact", rows: Array(pairs.dropFirst(rows.count).prefix(probed(bench)))),
            overlap: rows.count { claims.contains($0[0]) }
        ) { [task] embed in
            100
                * (try task.evaluate(
                    documentEmbedding: embed, queryEmbedding: embed, threads: threads
                ).mean(of: .nDCG(at: 10)))
        }
    }

    private static func classes(_ bench: StudyBench) throws(KuklaError) -> MergeTask {
        let test = try bench.agNews()
        let training = try bench.agNewsTraining()
        // Test articles come in no order; every twelfth is enough.
        let chosen = stride(from: 0, to: test.texts.count, by: bench.choose(quick: 380, full: 12)).map { $0 }
        let known = Set(test.texts)
        var byClass: [[String]] = [[], [], [], []]
        for (text, label) in zip(training.texts, training.labels) where !known.contains(text) {
            byClass[label - 1].append(text)
        }
        func take(_ label: Int) -> String { byClass[label].removeLast() }
        let references = (0..<references(bench)).map { (text: take($0 % 4), label: $0 % 4) }
        func pairs(_ count: Int) -> (rows: [[String]], scores: [Float]) {
            var rows: [[String]] = []
            var scores: [Float] = []
            // Every other pair is of one class; all classes, and all pairs of two, come equally often.
            for i in 0..<count {
                let label = i / 2 % 4
                let other = i % 2 == 0 ? label : (label + 1 + i / 8 % 3) % 4
                rows.append([take(label), take(other)])
                scores.append(i % 2 == 0 ? 1 : 0)
            }
            return (rows, scores)
        }
        let (rows, scores) = pairs(small(bench))
        let held = pairs(probed(bench))
        let (texts, labels) = (chosen.map { test.texts[$0] }, chosen.map { test.labels[$0] - 1 })
        return MergeTask(
            name: "AG News", rows: rows, scores: scores,
            heldOut: probe("AG News", held.rows, held.scores),
            overlap: rows.count { $0.contains(where: known.contains) }
        ) { embed in
            let all = try embed(references.map(\.text) + texts)
            let base = all[rows: 0..<references.count]
            let similar = all[rows: references.count..<all.rows].multiplied(
                by: base, transposed: true, threads: 1)
            let right = texts.indices.count { text in
                let row = similar.row(text)
                var votes = [0.0, 0, 0, 0]
                for near in row.indices.sorted(by: { row[$0] > row[$1] }).prefix(10) {
                    // A little for being near decides where as many vote for either.
                    votes[references[near].label] += 1 + 1e-3 * Double(row[near])
                }
                return votes.indices.max { votes[$0] < votes[$1] } == labels[text]
            }
            return 100 * Double(right) / Double(texts.count)
        }
    }

    private static func shuffled<T>(_ items: [T]) -> [T] {
        var random = RandomSource(seed: 60)
        return random.sample(items.count, below: items.count).map { items[$0] }
    }
}
