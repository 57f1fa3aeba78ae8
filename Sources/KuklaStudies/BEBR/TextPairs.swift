import KuklaEvaluation
import KuklaFormats
import KuklaNumerics

/// Vectors that belong together, row by row.
struct TextPairs {
    let questions: Matrix
    let answers: Matrix

    /// The training questions of SciFact with their abstracts, and the titles with theirs.
    init(_ bench: StudyBench, _ corpus: VectorCorpus) throws(KuklaError) {
        let texts = try bench.sciFact()
        let known = corpus.task?.documents ?? []
        let rows = Dictionary(uniqueKeysWithValues: known.enumerated().map { ($0.element.id, $0.offset) })
        var asked: [String] = []
        var answers: [Int] = []
        for query in texts.trainingQueries {
            for (document, grade) in (texts.trainingQrels[query.id] ?? [:]).sorted(by: { $0.key < $1.key })
            where grade > 0 {
                guard let row = rows[document] else { continue }
                asked.append(query.text)
                answers.append(row)
            }
        }
        let records = try TextReader(
            bench.data("scifact/corpus.jsonl.gz"), options: TextOptions(textColumn: "title")
        ).readAll()
        let titles = Dictionary(records.map { ($0.id ?? "", $0.text) }) { first, _ in first }
        questions = try bench.embed(asked + known.map { titles[$0.id] ?? "" })
        self.answers = corpus.documents.gathering(rows: answers + Array(known.indices))
    }
}
