import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives

/// Rows to learn from: claims and titles with abstracts for the first stage; claims, news, fields of papers and sentences that mean
/// the same for the second.
struct InstructExamples {
    static let claims = "Given a claim, find abstracts that support or refute it"
    static let titles = "Given a title, find the abstract that it belongs to"
    static let news = "Given a news article, find articles of the same topic"
    static let fields = "Given the title of a paper, find titles of the same field"
    static let sentences = "Find sentences that mean the same"

    private static let negatives = 2

    let stage1: TextTuples
    let stage2: TextTuples
    /// Both, for a single stage.
    let union: TextTuples
    /// Of each row of the union the set and class of its anchor; nil where it has none.
    let classes: [String?]

    private struct Row {
        let texts: [String]
        let task: TextTuples.Task
        var label: String?
    }

    init(bench: StudyBench, sciFact: JudgedTexts) throws(KuklaError) {
        var random = RandomSource(seed: 11)
        let (first, second) = (bench.choose(quick: 8, full: 288), bench.choose(quick: 4, full: 144))
        let retrieval = try Self.retrieval(bench, sciFact)
        func pick(_ rows: [Row], _ count: Int) -> [Row] {
            random.sample(min(count, rows.count), below: rows.count).map { rows[$0] }
        }
        let claims = pick(retrieval.claims, first + second)
        let one = Array(claims.prefix(first)) + pick(retrieval.titles, first)
        var two = Array(claims.dropFirst(first))
        for (texts, task) in [
            (try bench.agNewsTraining(), Self.news), (try bench.paperFields("dev"), Self.fields),
        ] {
            two += Self.classified(texts, task, count: second, using: &random)
        }
        two += pick(try Self.sentences(bench), second)
        func tuples(_ rows: [Row]) -> TextTuples {
            TextTuples(rows: rows.map(\.texts), tasks: rows.map(\.task))
        }
        (stage1, stage2, union) = (tuples(one), tuples(two), tuples(one + two))
        classes = (one + two).map(\.label)
    }

    /// Claims and titles of SciFact with their abstracts and mined negatives. Abstracts that questions are later searched in have no
    /// title among these.
    private static func retrieval(
        _ bench: StudyBench, _ texts: JudgedTexts
    ) throws(KuklaError) -> (claims: [Row], titles: [Row]) {
        let judged = Set(InstructTasks.corpus(texts, bench).map(\.id))
        let queries = bench.choose(
            quick: Array(texts.trainingQueries.prefix(16)), full: texts.trainingQueries)
        let wanted = Set(queries.flatMap { (texts.trainingQrels[$0.id] ?? [:]).keys })
        let documents = bench.choose(
            quick: texts.documents.filter { wanted.contains($0.id) } + texts.documents.suffix(20),
            full: texts.documents)
        let rows = Dictionary(documents.enumerated().map { ($1.id, $0) }) { first, _ in first }
        let records = try TextReader(
            bench.data("scifact/corpus.jsonl.gz"), options: TextOptions(textColumn: "title")
        ).readAll()
        let titles = Dictionary(records.map { ($0.id ?? "", $0.text) }) { first, _ in first }
        let chosen = documents.indices.filter { !judged.contains(documents[$0].id) }
            .suffix(bench.choose(quick: 20, full: 1_000))
        let vectors = try bench.embed(documents.map(\.text))
        func mined(_ questions: [String], _ answers: [[Int]], _ task: String) throws(KuklaError) -> [Row] {
            let found = HardNegativeMiner(rule: .topKPercent(0.95), count: negatives)(
                queries: try bench.embed(questions), documents: vectors, answers: answers,
                threads: bench.threads)
            return found.rows.map { row in
                Row(
                    texts: [questions[row.query], documents[row.positive].text]
                        + row.negatives.map { documents[$0].text }, task: .init(task))
            }
        }
        // An abstract without its title, which stands at its head, is what a title has to find.
        func body(_ row: Row) -> Row {
            Row(
                texts: [row.texts[0], String(row.texts[1].dropFirst(row.texts[0].count))]
                    + row.texts.dropFirst(2),
                task: row.task)
        }
        return (
            try mined(
                queries.map(\.text),
                queries.map { query in
                    (texts.trainingQrels[query.id] ?? [:]).filter { $0.value > 0 }.keys.compactMap {
                        rows[$0]
                    }
                    .sorted()
                }, claims),
            try mined(chosen.map { titles[documents[$0].id] ?? "" }, chosen.map { [$0] }, self.titles).map(
                body
            )
            .filter { !$0.texts[1].allSatisfy(\.isWhitespace) }
        )
    }

    /// A text, another of its class, and texts of other classes.
    private static func classified(
        _ texts: LabelledTexts, _ task: String, count: Int, using random: inout RandomSource
    ) -> [Row] {
        func draw(_ anchor: Int, isAlike: Bool) -> String {
            while true {
                let other = Int.random(in: 0..<texts.texts.count, using: &random)
                if other != anchor, (texts.labels[other] == texts.labels[anchor]) == isAlike {
                    return texts.texts[other]
                }
            }
        }
        return random.sample(count, below: texts.texts.count).map { anchor in
            Row(
                texts: [texts.texts[anchor], draw(anchor, isAlike: true)]
                    + (0..<negatives).map { _ in draw(anchor, isAlike: false) },
                task: .init(task), label: "\(texts.name) \(texts.labels[anchor])")
        }
    }

    /// Sentences of STS-B that people gave 4 or more, in both orders, with mined negatives.
    private static func sentences(_ bench: StudyBench) throws(KuklaError) -> [Row] {
        let pairs = try SentencePair.readAll(bench.data("stsbenchmark/sts-train.csv"))
        let alike = pairs.filter { $0.score >= 4 }.prefix(bench.choose(quick: 12, full: 400))
        let ordered = alike.flatMap { [($0.first, $0.second), ($0.second, $0.first)] }.filter { $0.0 != $0.1 }
        let texts = Set(ordered.map(\.0)).sorted()
        let rows = Dictionary(uniqueKeysWithValues: texts.enumerated().map { ($1, $0) })
        let vectors = try bench.embed(texts)
        let found = HardNegativeMiner(rule: .topKPercent(0.95), count: negatives)(
            queries: vectors.gathering(rows: ordered.map { rows[$0.0]! }), documents: vectors,
            answers: ordered.map { [rows[$0.1]!] }, excluded: ordered.map { [rows[$0.0]!] },
            threads: bench.threads)
        return found.rows.map { row in
            Row(
                texts: [ordered[row.query].0, texts[row.positive]] + row.negatives.map { texts[$0] },
                task: .init(sentences, isSymmetric: true))
        }
    }

    /// How often a negative of the batch has its anchor's class: among negatives of the anchor's own set, and among all of them.
    func collisions(batchSize: Int, seed: UInt64) -> [(set: String, own: Double, all: Double)] {
        var counts: [String: (alike: Int, own: Int, all: Int)] = [:]
        for batch in ShuffledSampler(count: classes.count, batchSize: batchSize, seed: seed).batches(
            inEpoch: 0)
        {
            for anchor in batch {
                guard let label = classes[anchor] else { continue }
                let set = String(label.prefix { !$0.isNumber }).trimmingCharacters(in: .whitespaces)
                for other in batch where other != anchor {
                    counts[set, default: (0, 0, 0)].all += 1
                    if classes[other]?.hasPrefix(set) == true { counts[set]?.own += 1 }
                    if classes[other] == label { counts[set]?.alike += 1 }
                }
            }
        }
        return counts.sorted { $0.key < $1.key }.map {
            (
                $0.key, Double($0.value.alike) / Double(max($0.value.own, 1)),
                Double($0.value.alike) / Double(max($0.value.all, 1))
            )
        }
    }
}
