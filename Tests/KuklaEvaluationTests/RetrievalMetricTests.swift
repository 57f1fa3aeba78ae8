import KuklaEvaluation
import KuklaNumerics
import Testing

@Suite struct RetrievalMetricTests {
    struct File: Decodable {
        struct Case: Decodable {
            let name: String
            let qrels: [String: [String: Int]]
            let run: [String: [String: Double]]
            let scores: [String: [String: Double]]
        }
        let cases: [Case]
    }

    /// Our metric and pytrec_eval's name for it.
    static let names: [(RetrievalMetric, String)] =
        [1, 3, 5, 10, 100].map { (.nDCG(at: $0), "ndcg_cut_\($0)") }
        + [1, 5, 10, 100].map { (.recall(at: $0), "recall_\($0)") }
        + [1, 5, 10].map { (.precision(at: $0), "P_\($0)") }
        + [
            (.averagePrecision, "map"), (.reciprocalRank(at: .max), "recip_rank"),
            (.reciprocalRank(at: 10), "recip_rank_10"),
        ]

    @Test func `every metric of every query equals pytrec_eval's`() throws {
        let cases = try golden("retrieval.json", as: File.self).cases
        #expect(cases.count == 5)
        for c in cases {
            let evaluation = RetrievalEvaluation(
                qrels: Qrels(c.qrels), run: try RetrievalRun(scores: c.run), metrics: Self.names.map(\.0))
            #expect(evaluation.queryCount == c.scores.count, "\(c.name)")
            for (metric, name) in Self.names {
                let ours = evaluation.perQuery(metric)
                #expect(ours.map(\.query) == c.scores.keys.sorted(), "\(c.name)")
                for (query, value) in ours {
                    let theirs = try #require(c.scores[query]?[name])
                    #expect(abs(value - theirs) < 1e-12, "\(c.name), \(query), \(metric)")
                }
                let mean = c.scores.values.reduce(0) { $0 + ($1[name] ?? .nan) } / Double(c.scores.count)
                #expect(abs(evaluation.mean(of: metric) - mean) < 1e-12, "\(c.name), \(metric)")
            }
        }
    }

    @Test func `adding query by query gives what the whole run gives`() throws {
        let c = try #require(try golden("retrieval.json", as: File.self).cases.last)
        let run = try RetrievalRun(scores: c.run)
        let whole = RetrievalEvaluation(qrels: Qrels(c.qrels), run: run)
        var streamed = RetrievalEvaluation(qrels: Qrels(c.qrels))
        for (query, hits) in run.answers { try streamed.add(query: query, hits: hits.reversed()) }
        #expect(streamed.values == whole.values)
        // "no judgements" and "not in the qrels"; "missing from the run".
        #expect(streamed.unjudgedCount == 2)
        #expect(streamed.missingCount == 1)
    }

    @Test func `a missing query is skipped, or counts as zero where asked`() throws {
        let qrels = Qrels(["a": ["d": 1], "b": ["d": 1]])
        let evaluation = RetrievalEvaluation(
            qrels: qrels, run: try RetrievalRun(scores: ["a": ["d": 1]]), metrics: [.averagePrecision])
        #expect(evaluation.mean(of: .averagePrecision) == 1)
        #expect(evaluation.mean(of: .averagePrecision, missing: .countedAsZero) == 0.5)
        #expect(RetrievalEvaluation(qrels: qrels).mean(of: .nDCG(at: 10)) == 0)
    }

    @Test func `a run that cannot be ranked is refused`() throws {
        #expect(throws: KuklaError.self) { try RetrievalRun(scores: ["q": ["d": .nan]]) }
        var run = RetrievalRun()
        let hit = RetrievalRun.Hit(document: "d", score: 1)
        #expect(throws: KuklaError.self) { try run.add(query: "q", hits: [hit, hit]) }
        try run.add(query: "q", hits: [hit])
        #expect(throws: KuklaError.self) { try run.add(query: "q", hits: []) }
        var evaluation = RetrievalEvaluation(qrels: Qrels(["q": ["d": 1]]))
        #expect(throws: KuklaError.self) { try evaluation.add(query: "q", hits: [hit, hit]) }
        try evaluation.add(query: "q", hits: [hit])
        #expect(throws: KuklaError.self) { try evaluation.add(query: "q", hits: [hit]) }
        #expect(evaluation.queryCount == 1)
    }

    @Test func `judgements are counted and the last one of a pair stands`() {
        var qrels = Qrels()
        qrels.add(query: "q", document: "a", grade: 1)
        qrels.add(query: "q", document: "a", grade: -1)
        qrels.add(query: "p", document: "b", grade: 2)
        #expect(qrels.queryCount == 2)
        #expect(qrels.judgementCount == 2)
        #expect(qrels["q"] == ["a": -1])
        #expect(qrels["r"] == nil)
    }

    @Test func `metrics print under their usual names`() {
        #expect(RetrievalMetric.standard.map(\.description) == ["nDCG@10", "Recall@100", "MRR@10", "MAP"])
        #expect(RetrievalMetric.precision(at: 5).description == "P@5")
    }
}
