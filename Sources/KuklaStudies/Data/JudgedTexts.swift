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

    /// Every other question to learn from, the rest to judge by: for a set that has none to learn from.
    func splittingQuestions() throws(KuklaError) -> JudgedTexts {
        let learned = task.queries.indices.filter { $0 % 2 == 0 }.map { task.queries[$0] }
        let judged = task.queries.indices.filter { $0 % 2 == 1 }.map { task.queries[$0] }
        return JudgedTexts(
            name: name,
            task: try RetrievalTask(documents: documents, queries: judged, qrels: task.qrels),
            trainingQueries: learned, trainingQrels: task.qrels)
    }
}

extension JudgedTexts {
    /// Pairs: each first text asks for its second one among all of them.
    fileprivate init(
        name: String, learned: [(first: String, second: String)], judged: [(first: String, second: String)],
        distractors: [String] = []
    ) throws(KuklaError) {
        var (documents, numbers): ([RetrievalTask.Text], [String: Int]) = ([], [:])
        func document(_ text: String) -> String {
            let number = numbers[text] ?? documents.count
            if number == documents.count {
                numbers[text] = number
                documents.append(.init(id: "\(number)", text: text))
            }
            return "\(number)"
        }
        func questions(
            _ pairs: [(first: String, second: String)], _ prefix: String
        ) -> ([RetrievalTask.Text], Qrels) {
            var qrels = Qrels()
            let texts = pairs.enumerated().map {
                let id = "\(prefix)\($0.offset)"
                qrels.add(query: id, document: document($0.element.second), grade: 1)
                return RetrievalTask.Text(id: id, text: $0.element.first)
            }
            return (texts, qrels)
        }
        let (asked, answers) = questions(judged, "j")
        let (training, trainingAnswers) = questions(learned, "l")
        distractors.forEach { _ = document($0) }
        self.init(
            name: name, task: try RetrievalTask(documents: documents, queries: asked, qrels: answers),
            trainingQueries: training, trainingQrels: trainingAnswers)
    }
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

    /// STS-B as a search: the first sentence of a pair that people scored 4 or more asks for the second, among all second sentences.
    func similarSentences() throws(KuklaError) -> JudgedTexts {
        func pairs(_ part: String) throws(KuklaError) -> [SentencePair] {
            try SentencePair.readAll(data("stsbenchmark/sts-\(part).csv"))
        }
        let (learned, judged) = (try pairs("train"), try pairs("test"))
        func alike(_ pairs: [SentencePair]) -> [(first: String, second: String)] {
            pairs.filter { $0.score >= 4 }.map { ($0.first, $0.second) }
        }
        return try JudgedTexts(
            name: "STS-B", learned: alike(learned), judged: alike(judged),
            distractors: (judged + learned).map(\.second))
    }

    /// The user's texts as a search: the first half of a text's words asks for the second (the inverse cloze task of Lee et al. 2019,
    /// arXiv:1906.00300). Every twentieth text is to be judged by, every fourth to learn from.
    func ownHalves(limit: Int) throws(KuklaError) -> JudgedTexts? {
        guard let own = try ownTexts(limit: limit) else { return nil }
        let halves = own.texts.compactMap { text -> (first: String, second: String)? in
            let words = text.split(whereSeparator: \.isWhitespace)
            guard words.count >= 4 else { return nil }
            return (
                words.prefix(words.count / 2).joined(separator: " "),
                words.dropFirst(words.count / 2).joined(separator: " ")
            )
        }
        func chosen(_ isWanted: (Int) -> Bool) -> [(first: String, second: String)] {
            halves.indices.filter(isWanted).map { halves[$0] }
        }
        return try JudgedTexts(
            name: own.name, learned: chosen { $0 % 4 == 1 }, judged: chosen { $0 % 20 == 0 },
            distractors: halves.map(\.second))
    }
}
