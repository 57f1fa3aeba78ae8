import KuklaEvaluation
import KuklaFormats
import KuklaNumerics

/// Documents and questions with judgements, some of them to learn from.
struct JudgedTexts: Sendable {
    let name: String
    /// The documents, and the questions to be judged by.
    let task: RetrievalTask
    /// Questions to learn from, and what answers them; empty where the set has none.
    let trainingQueries: [RetrievalTask.Text]
    let trainingQrels: Qrels

    var documents: [RetrievalTask.Text] { task.documents }
}

extension StudyBench {
    /// SciFact: 5,183 abstracts, 300 claims to judge by and 809 to learn from (Wadden et al. 2020).
    func sciFact() throws(KuklaError) -> JudgedTexts {
        let folder = try BEIRFolder(data("scifact"))
        func texts(_ reader: TextReader) throws(KuklaError) -> [RetrievalTask.Text] {
            try reader.readAll().map { .init(id: $0.id ?? "", text: $0.text) }
        }
        let queries = try texts(folder.queries())
        let training = Qrels(try folder.judgments("train").grades)
        return JudgedTexts(
            name: "SciFact",
            task: try RetrievalTask(
                documents: texts(folder.corpus()), queries: queries,
                qrels: Qrels(folder.judgments("test").grades)),
            trainingQueries: queries.filter { training[$0.id] != nil }, trainingQrels: training)
    }

    /// Cranfield: 1,400 abstracts of aerodynamics, 225 questions (Cleverdon 1967). There are none to learn from.
    func cranfield() throws(KuklaError) -> JudgedTexts {
        let documents = try SMARTReader(data("cranfield/cran.all.1400.gz")).records.map {
            RetrievalTask.Text(id: $0.id, text: [$0.title, $0.text].joined(separator: " "))
        }
        // Judgements name a question by its place, not by its id.
        let queries = try SMARTReader(data("cranfield/cran.qry")).records.enumerated().map {
            RetrievalTask.Text(id: "q\($0.offset + 1)", text: $0.element.text)
        }
        var qrels = Qrels()
        let judgements = try LineReader(data("cranfield/cranqrel"))
        while let line = try judgements.nextString() {
            let fields = line.split(separator: " ").compactMap { Int($0) }
            guard fields.count == 3 else {
                throw judgements.failure("expected 'query document grade', found '\(line)'")
            }
            // 1 is a complete answer and 4 of least interest; -1, written elsewhere as 5, is of none.
            let grade = fields[2] > 0 ? 5 - fields[2] : 0
            qrels.add(query: "q\(fields[0])", document: "\(fields[1])", grade: grade)
        }
        return JudgedTexts(
            name: "Cranfield",
            task: try RetrievalTask(documents: documents, queries: queries, qrels: qrels),
            trainingQueries: [], trainingQrels: Qrels())
    }
}
