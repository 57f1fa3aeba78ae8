import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaText

/// CSFCube: abstracts that people judged as alike in background, method or result (Mysore et al. 2021, arXiv:2103.12906).
struct FacetSpaces {
    let bench: StudyBench

    /// Tags of the sentences that make a facet.
    private static let facets: [(name: String, tags: Set<String>)] = [
        ("background", ["background", "objective"]), ("method", ["method"]), ("result", ["result"]),
    ]

    private struct Abstract: Decodable {
        let _id: String
        let title: String
        let sentences: [String]
        let facets: [String]

        func text(_ tags: Set<String>? = nil) -> String {
            zip(sentences, facets).filter { tags?.contains($0.1) ?? true }.map(\.0).joined(separator: " ")
        }
    }

    private struct Judged: Decodable {
        let cands: [String]
        let relevance_adju: [Int]
    }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let abstracts = try readAbstracts()
        let whole = try bench.embed(abstracts.map { "\($0.title). \($0.text())" })
        let rows = Dictionary(
            uniqueKeysWithValues: abstracts.enumerated().map { ($0.element._id, $0.offset) })
        var table = StudyTable(
            "CSFCube: each query's judged candidates in order of the cosine, by facet, mean of \(bench.seeds.count) seeds",
            columns: [
                "facet", "queries", "generic: MAP", "generic: nDCG@20", "facet's sentences: MAP",
                "facet's sentences: nDCG@20", "retrofitted: MAP", "retrofitted: nDCG@20",
            ])
        for facet in Self.facets {
            let texts = abstracts.map { $0.text(facet.tags) }
            // A text without the facet is what it is as a whole.
            let present = texts.indices.filter { !texts[$0].isEmpty }
            let partial = try bench.embed(present.map { texts[$0] })
            var parts = present.enumerated().reduce(into: [Int: Int]()) { $0[$1.element] = $1.offset }
            let own = Matrix(rows: whole.rows, columns: whole.columns) { out in
                for row in 0..<whole.rows {
                    let from = parts.removeValue(forKey: row).map { partial.row($0) } ?? whole.row(row)
                    for i in from.indices { out[row * whole.columns + i] = from[i] }
                }
            }
            let judged = try readJudged(facet.name)
            let generic = try figures(whole, rows, judged)
            let sentences = try figures(own, rows, judged)
            var maps: [Double] = []
            var gains: [Double] = []
            var differences: [[Double]] = []
            for seed in bench.seeds {
                let map = try retrofitted(whole.gathering(rows: present), partial, seed: seed)
                let found = try figures(map.mapped(whole), rows, judged)
                maps.append(Spread(found.map).mean)
                gains.append(Spread(found.ndcg).mean)
                differences.append(zip(found.map, generic.map).map { 100 * ($0 - $1) })
            }
            table.rows.append([
                .text(facet.name), .count(judged.count), .number(Spread(generic.map).mean, decimals: 4),
                .number(Spread(generic.ndcg).mean, decimals: 4),
                .number(Spread(sentences.map).mean, decimals: 4),
                .number(Spread(sentences.ndcg).mean, decimals: 4), .number(Spread(maps).mean, decimals: 4),
                .number(Spread(gains).mean, decimals: 4),
            ])
            let mean = differences[0].indices.map { query in
                differences.reduce(0) { $0 + $1[query] } / Double(differences.count)
            }
            let interval = ConfidenceInterval.bootstrapOfMean(mean, seed: 1)
            findings.bars.append(
                StudyBar(
                    "3. CSFCube, \(facet.name): MAP of the retrofitted space over the generic one, points",
                    Spread(mean).mean, .atLeast, 1,
                    note: String(
                        format:
                            "\(judged.count) queries, 95 %% %.1f to %.1f; the facet's own sentences without training: %.1f",
                        interval.lowerBound, interval.upperBound,
                        100 * (Spread(sentences.map).mean - Spread(generic.map).mean))))
        }
        findings.tables.append(table)
        findings.charts.append(Self.chart(of: table))
        findings.notes.append(
            "CSFCube has no labels to train on: its retrofitted spaces learn that an abstract and its own sentences of the facet are alike. They see all abstracts with the tags of their sentences, and no judgement. Candidates count as relevant from grade 1."
        )
    }

    static func chart(of table: StudyTable) -> StudyChart {
        StudyChart(
            "facets", title: "CSFCube: MAP of the judged candidates by facet",
            chart: table.dotPlot(
                ["generic", "facet's sentences", "retrofitted"].map { ($0, "\($0): MAP") }, xTitle: "MAP"))
    }

    /// A map under which rows of one number meet.
    private func retrofitted(_ first: Matrix, _ second: Matrix, seed: UInt64) throws(KuklaError)
        -> RetrofitMap
    {
        let (n, width) = (first.rows, first.columns)
        let both = Matrix(rows: 2 * n, columns: width) { out in
            for (part, matrix) in [first, second].enumerated() {
                matrix.withUnsafeBufferPointer {
                    _ = UnsafeMutableBufferPointer(rebasing: out[(part * n * width)...])
                        .update(fromContentsOf: $0)
                }
            }
        }
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "kukla-facets-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        var recipe = AspectOptions.recipe(.retrofit)
        recipe.training.seed = seed
        recipe.training.threads = bench.threads
        recipe.training.length = .epochs(5)
        var random = RandomSource(seed: seed)
        let map = RetrofitMap(dimensions: width, hidden: recipe.options.hidden, using: &random)
        let labels = (0..<Int32(n)).map { $0 }
        _ = try TrainingRun(folder, recipe: recipe).train(
            RetrofitTask(
                model: map, vectors: both, labels: labels + labels, rows: (0..<n).map { [$0, n + $0] },
                options: recipe.options), progress: bench.progress)
        return map
    }

    private func readAbstracts() throws(KuklaError) -> [Abstract] {
        let lines = try LineReader(bench.data("csfcube/abstracts_from_readable.jsonl.gz"))
        var all: [Abstract] = []
        while let line = try lines.nextString() {
            guard let abstract = try? JSONDecoder().decode(Abstract.self, from: Data(line.utf8)) else {
                throw lines.failure("expected _id, title, sentences and facets")
            }
            all.append(abstract)
        }
        return all
    }

    private func readJudged(_ facet: String) throws(KuklaError) -> [(query: String, judged: Judged)] {
        let url = bench.data("csfcube/test-pid2anns-csfcube-\(facet).json")
        do {
            return try JSONDecoder().decode([String: Judged].self, from: Data(contentsOf: url))
                .sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        } catch {
            throw KuklaError(.badData, "Cannot read \(url.path): expected judgements by query.", cause: error)
        }
    }

    /// MAP and nDCG@20 of each query over its judged candidates.
    private func figures(
        _ vectors: Matrix, _ rows: [String: Int], _ judged: [(query: String, judged: Judged)]
    ) throws(KuklaError) -> (map: [Double], ndcg: [Double]) {
        var qrels = Qrels()
        var run = RetrievalRun()
        for (query, judged) in judged {
            guard let row = rows[query] else { continue }
            let question = vectors.row(row)
            var hits: [RetrievalRun.Hit] = []
            for (candidate, grade) in zip(judged.cands, judged.relevance_adju) where candidate != query {
                guard let place = rows[candidate] else { continue }
                qrels.add(query: query, document: candidate, grade: grade)
                let score = zip(question, vectors.row(place)).reduce(0) { $0 + Double($1.0 * $1.1) }
                hits.append(.init(document: candidate, score: score))
            }
            try run.add(query: query, hits: hits)
        }
        let metrics: [RetrievalMetric] = [.averagePrecision, .nDCG(at: 20)]
        let evaluation = RetrievalEvaluation(qrels: qrels, run: run, metrics: metrics)
        return (
            evaluation.perQuery(metrics[0]).map(\.value), evaluation.perQuery(metrics[1]).map(\.value)
        )
    }
}
