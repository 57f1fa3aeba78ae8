import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaNumerics
import KuklaTensor
import KuklaText

/// What a trained model is judged by: questions of SciFact among 800 abstracts, sentences of STS-B, and classes by nearest
/// neighbours.
struct InstructTasks {
    /// In points: nDCG@10, Spearman's correlation, and two accuracies, all times 100.
    struct Scores {
        static let names = ["SciFact nDCG@10", "STS-B Spearman", "AG News kNN", "paper fields kNN"]
        var values: [Double]
        var retrieval: Double { values[0] }
        var sentences: Double { values[1] }
        /// The mean of both accuracies.
        var classes: Double { (values[2] + values[3]) / 2 }
        var mean: Double { values.reduce(0, +) / Double(values.count) }
    }

    private let retrieval: RetrievalTask
    private let sentences: STSTask
    private let classes: [(known: LabelledTexts, asked: LabelledTexts, task: String)]
    private let threads: Int

    init(bench: StudyBench, sciFact texts: JudgedTexts) throws(KuklaError) {
        retrieval = try RetrievalTask(
            documents: Self.corpus(texts, bench),
            queries: bench.choose(quick: Array(texts.task.queries.prefix(10)), full: texts.task.queries),
            qrels: texts.task.qrels)
        sentences = STSTask(
            pairs: try SentencePair.readAll(bench.data("stsbenchmark/sts-test.csv")).prefix(
                bench.choose(quick: 20, full: 10_000)
            ).map { .init(first: $0.first, second: $0.second, score: $0.score) })
        let (known, asked) = (bench.choose(quick: 20, full: 600), bench.choose(quick: 10, full: 800))
        var random = RandomSource(seed: 5)
        func some(_ texts: LabelledTexts, _ count: Int) -> LabelledTexts {
            let rows = random.sample(count, below: texts.texts.count)
            return LabelledTexts(
                name: texts.name, texts: rows.map { texts.texts[$0] }, labels: rows.map { texts.labels[$0] })
        }
        classes = [
            (
                some(try bench.agNewsTraining(), known), some(try bench.agNews(), asked),
                InstructExamples.news
            ),
            (
                some(try bench.paperFields("dev"), known), some(try bench.paperFields("test"), asked),
                InstructExamples.fields
            ),
        ]
        threads = bench.threads
    }

    /// All abstracts that answer a test question, and others up to 800.
    static func corpus(_ texts: JudgedTexts, _ bench: StudyBench) -> [RetrievalTask.Text] {
        let queries = bench.choose(quick: Array(texts.task.queries.prefix(10)), full: texts.task.queries)
        let answers = Set(queries.flatMap { (texts.task.qrels[$0.id] ?? [:]).keys })
        let others = texts.documents.filter { !answers.contains($0.id) }
        return texts.documents.filter { answers.contains($0.id) }
            + others.prefix(bench.choose(quick: 20, full: 800 - answers.count))
    }

    /// Judges a folder. Instructions are those of training: before questions and anchors, before both sentences.
    ///
    /// - Parameter isInstructed: whether instructions are given at all.
    func scores(_ folder: URL, isInstructed: Bool = true) throws(KuklaError) -> Scores {
        let model = try EmbeddingModel(folder: folder)
        func embed(_ task: String?) -> ([String]) throws(KuklaError) -> Matrix {
            { (texts) throws(KuklaError) in
                let prompt = task.map { isInstructed ? model.prompts.prompt(for: $0) : "" } ?? ""
                return try model.embed(texts, prompt: prompt, threads: threads).vectors
            }
        }
        do {
            let ranked = try retrieval.evaluate(
                documentEmbedding: embed(nil), queryEmbedding: embed(InstructExamples.claims),
                threads: threads)
            let spearman = try sentences.evaluate(embedding: embed(InstructExamples.sentences)).spearman
            var values = [ranked.mean(of: .nDCG(at: 10)), spearman]
            for (known, asked, task) in classes {
                values.append(
                    Self.accuracy(
                        try embed(nil)(known.texts), known.labels, try embed(task)(asked.texts), asked.labels)
                )
            }
            return Scores(values: values.map { 100 * $0 })
        } catch let error as KuklaError {
            throw error
        } catch {
            throw KuklaError(.badData, "Cannot judge the model.", cause: error)
        }
    }

    /// The share of texts whose class most of their 10 nearest neighbours have; of classes that tie, the one of the nearest.
    private static func accuracy(
        _ known: Matrix, _ labels: [Int], _ asked: Matrix, _ truth: [Int]
    ) -> Double {
        let count = min(10, known.rows)
        let best = Tensor(asked).normalized().matmul(Tensor(known).normalized(), transposingOther: true).topK(
            count)
        let right = truth.indices.count { row in
            let classes = best.indices[row * count..<(row + 1) * count].map { labels[Int($0)] }
            let votes = Dictionary(grouping: classes) { $0 }.mapValues(\.count)
            let most = votes.values.max() ?? 0
            return classes.first { votes[$0] == most } == truth[row]
        }
        return Double(right) / Double(truth.count)
    }
}
