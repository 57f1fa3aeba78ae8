import Foundation
import KuklaCodecs
import KuklaEvaluation
import KuklaIndex
import KuklaNumerics
import KuklaText

/// Whether embeddings rank otherwise when their documents are found by a graph and not by exact search.
struct ModelRankings {
    let bench: StudyBench

    /// A way to make vectors of texts.
    private struct Model {
        let name: String
        let documents: Matrix
        let queries: Matrix
    }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let corpus = try bench.sciFact()
        var table = StudyTable(
            "nDCG@10 on \(corpus.name) by exact search and by a graph at ef 10, mean of \(bench.seeds.count) level seeds",
            columns: ["model", "dimensions", "exact", "graph", "lost, points", "recall@10"])
        var exact: [Double] = []
        var found: [Double] = []
        var missed: [Double] = []
        for model in try models(of: corpus) {
            let judged = try ndcg(of: model, corpus.task)
            exact.append(judged.exact)
            found.append(judged.graph)
            missed.append(1 - judged.recall)
            table.rows.append([
                .text(model.name), .count(model.documents.columns), .number(judged.exact, decimals: 4),
                .number(judged.graph, decimals: 4),
                .number(100 * (judged.exact - judged.graph), decimals: 2),
                .number(judged.recall, decimals: 4),
            ])
        }
        findings.tables.append(table)
        var swaps = 0
        for a in exact.indices {
            for b in 0..<a where (exact[a] - exact[b]) * (found[a] - found[b]) < 0 { swaps += 1 }
        }
        findings.bars.append(
            StudyBar(
                "5. pairs of models that change places, of \(exact.count * (exact.count - 1) / 2)",
                Double(swaps), .atLeast, 1))
        // Where nothing is lost, as on the sample of a quick run, there is no correlation.
        let correlation = try? Correlation.pearson(missed, zip(exact, found).map { $0 - $1 })
        findings.bars.append(
            StudyBar(
                "5. correlation of recall lost with nDCG@10 lost", correlation ?? .nan, .atLeast, 0.5))
    }

    private func models(of corpus: JudgedTexts) throws(KuklaError) -> [Model] {
        let documentTexts = corpus.documents.prefix(HNSWRecallStudy.limit(bench)).map(\.text)
        let queryTexts = corpus.task.queries.prefix(bench.choose(quick: 100, full: .max)).map(\.text)
        let documents = try bench.embed(documentTexts)
        let queries = try bench.embed(queryTexts)
        var models = [384, 192, 96, 48, 24].map { size in
            Model(
                name: "MiniLM, leading components", documents: documents.leadingComponents(size),
                queries: queries.leadingComponents(size))
        }
        let directions = try Matrix.randomRotation(dimensions: 384, seed: 1)[rows: 0..<128]
        models.append(
            Model(
                name: "MiniLM, random projection",
                documents: documents.multiplied(by: directions, transposed: true),
                queries: queries.multiplied(by: directions, transposed: true)))
        let binary = try CodecConfiguration(parsing: "B1").train(on: documents, metric: .cosine)
        models.append(
            Model(
                name: "MiniLM, signs",
                documents: try decoded(documents, by: binary), queries: try decoded(queries, by: binary)))
        let words = HashedWords(documentTexts)
        let counts = words.vectors(of: documentTexts)
        let components = try PrincipalComponents(of: counts, threads: bench.threads)
        func projected(_ vectors: Matrix) -> Matrix {
            vectors.multiplied(by: components.directions[rows: 0..<256], transposed: true)
        }
        models.append(
            Model(
                name: "TF-IDF, principal components", documents: projected(counts),
                queries: projected(words.vectors(of: queryTexts))))
        return models
    }

    private func decoded(_ vectors: Matrix, by codec: any VectorCodec) throws(KuklaError) -> Matrix {
        let configuration = IndexConfiguration(codec: codec.configuration)
        var index = try configuration.train(on: vectors, metric: .cosine, codec: codec)
        try index.insert(vectors, threads: bench.threads)
        return index.vectors(0..<index.count)
    }

    private func ndcg(
        of model: Model, _ task: RetrievalTask
    ) throws(KuklaError) -> (exact: Double, graph: Double, recall: Double) {
        let corpus = try HeldOutVectors(
            model.name, base: model.documents, queries: model.queries, threads: bench.threads)
        func ndcg(_ answers: [[Match]]) throws(KuklaError) -> Double {
            var evaluation = RetrievalEvaluation(qrels: task.qrels, metrics: [.nDCG(at: 10)])
            for (query, matches) in zip(task.queries, answers) {
                try evaluation.add(
                    query: query.id,
                    hits: matches.map { .init(document: task.documents[$0.id].id, score: Double($0.score)) })
            }
            return evaluation.mean(of: .nDCG(at: 10))
        }
        var flat = FlatIndex(codec: FloatCodec(metric: .cosine, dimensions: corpus.base.columns))
        try flat.insert(corpus.base, threads: bench.threads)
        let exact = try ndcg(
            try flat.search(corpus.queries, count: HNSWRecallStudy.k, threads: bench.threads))
        var graph = 0.0
        var recall = 0.0
        for seed in bench.seeds {
            var index = try corpus.graph(seed: seed, threads: bench.threads)
            index.effort = 10
            let share = 1 / Double(bench.seeds.count)
            graph +=
                share
                * (try ndcg(
                    try index.search(corpus.queries, count: HNSWRecallStudy.k, threads: bench.threads)))
            recall += share * (try corpus.recall(of: index, effort: 10))
        }
        return (exact, graph, recall)
    }
}

/// Texts as weighted counts of words, each word in one of a fixed number of places (Weinberger et al. 2009, "Feature
/// Hashing for Large Scale Multitask Learning").
struct HashedWords {
    private static let places = 1024
    /// The inverse document frequency of each place.
    private let weights: [Float]

    init(_ texts: [String]) {
        var frequency = [Float](repeating: 0, count: Self.places)
        for text in texts { for place in Set(Self.words(of: text)) { frequency[place] += 1 } }
        weights = frequency.map { log((1 + Float(texts.count)) / (1 + $0)) }
    }

    func vectors(of texts: [String]) -> Matrix {
        var vectors = Matrix(rows: texts.count, columns: Self.places)
        vectors.withUnsafeMutableBufferPointer { elements in
            for (row, text) in texts.enumerated() {
                for place in Self.words(of: text) { elements[row * Self.places + place] += weights[place] }
            }
        }
        return vectors
    }

    private static func words(of text: String) -> [Int] {
        text.lowercased().split { !$0.isLetter && !$0.isNumber }.map { word in
            var hash = TextHash()
            hash.add(String(word))
            return Int(hash.value % UInt64(places))
        }
    }
}
