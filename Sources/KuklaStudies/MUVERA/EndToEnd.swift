import Foundation
import KuklaEvaluation
import KuklaIndex
import KuklaNumerics
import KuklaText

/// Quality and time of proposing by encodings and ranking the proposed exactly, beside exact late interaction and beside
/// simpler proposals that are ranked alike.
struct EndToEnd {
    let bench: StudyBench
    let corpora: [TokenCorpus]

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        for corpus in corpora { try add(corpus, to: &findings) }
    }

    private func add(_ corpus: TokenCorpus, to findings: inout StudyFindings) throws(KuklaError) {
        let candidates = max(10, corpus.documents.count / 20)
        var rows: [[StudyTable.Cell]] = []
        func row(_ name: String, _ ndcg: Double, bytes: Double?, milliseconds: Double? = nil) {
            rows.append([
                .text(name), bytes.map { .count(Int($0)) } ?? "-", .number(100 * ndcg, decimals: 2),
                milliseconds.map { .number($0, decimals: 2) } ?? "-",
            ])
        }
        let exact = try corpus.ndcg(corpus.truth)
        let plain = try index(corpus, "FDE20x5x16,F32", seed: bench.seeds[0], candidates)
        let times = try latency(corpus, plain)
        row(
            "exact late interaction, all documents", exact,
            bytes: Double(4 * corpus.documents.vectors.rows * corpus.documents.dimensions)
                / Double(corpus.documents.count), milliseconds: times.exact)
        let encoded = try bench.overSeeds { seed throws(KuklaError) in
            let index =
                seed == bench.seeds[0] ? plain : try index(corpus, "FDE20x5x16,F32", seed: seed, candidates)
            return try corpus.ndcg(answers(corpus, index))
        }
        row(
            "FDE20x5x16, ranked again", encoded.mean, bytes: plain.inner.bytesPerVector,
            milliseconds: times.proposed)
        let coded = try index(corpus, "FDE20x5x16,PQ1280", seed: bench.seeds[0], candidates)
        let codedQuality = try corpus.ndcg(answers(corpus, coded))
        row(
            "FDE20x5x16 in PQ1280, ranked again", codedQuality, bytes: coded.inner.bytesPerVector,
            milliseconds: try latency(corpus, coded, exactToo: false).proposed)

        let means = corpus.queries.means.multiplied(
            by: corpus.documents.means, transposed: true, threads: bench.threads)
        let texts = try bench.embed(corpus.texts.queries.map(\.text)).multiplied(
            by: bench.embed(corpus.texts.documents.map(\.text)), transposed: true, threads: bench.threads)
        for (name, scores, width) in [
            ("mean of token vectors", means, corpus.documents.dimensions),
            ("the model's own text vectors", texts, try bench.model().encoder.dimensions),
        ] {
            row("\(name), as they are", try corpus.ndcg(scores.best(10)), bytes: Double(4 * width))
            row(
                "\(name), ranked again", try corpus.ndcg(corpus.ranked(scores.best(candidates))),
                bytes: Double(4 * width))
        }
        findings.tables.append(
            StudyTable(
                "\(corpus.name): \(corpus.documents.count) documents of \(corpus.documents.vectors.rows / corpus.documents.count) tokens, \(corpus.queries.count) queries, \(candidates) candidates ranked exactly; one query at a time on \(bench.threads) threads",
                columns: ["search", "bytes a document to propose by", "nDCG@10, %", "ms a query"], rows: rows)
        )
        let each = encoded.each.map { String(format: "%.2f", 100 * $0) }.joined(separator: ", ")
        findings.bars += [
            StudyBar(
                "5. \(corpus.name): nDCG@10 of FDE20x5x16 with 5% ranked again, less that of exact search, points",
                100 * (encoded.mean - exact), .atLeast, -0.5,
                note: "Seeds \(each) of \(String(format: "%.2f", 100 * exact))."),
            StudyBar(
                "5. \(corpus.name): mean latency of exact search, of that of FDE20x5x16 with 5% ranked again",
                times.exact / times.proposed, .atLeast, 4),
            StudyBar(
                "5. \(corpus.name): nDCG@10 of PQ1280 on the encodings less that without, points",
                100 * (codedQuality - encoded.each[0]), .atLeast, -1),
        ]
    }

    private func index(_ corpus: TokenCorpus, _ factory: String, seed: UInt64, _ candidates: Int)
        throws(KuklaError) -> MultiVectorIndex
    {
        var configuration = try MultiVectorConfiguration(parsing: factory)
        configuration.encoding.seed = seed
        configuration.candidates = candidates
        // Where there are too few documents for the codebooks, as in quick runs, coarser ones do.
        if corpus.documents.count < 256, factory.contains("PQ") {
            configuration.inner = try IndexConfiguration(parsing: "PQ1280x4")
        }
        bench.progress.begin("\(corpus.name) as \(factory)", total: nil, unit: "documents")
        defer { bench.progress.end() }
        var index = try configuration.train(
            on: corpus.documents, metric: .innerProduct, seed: seed, threads: bench.threads)
        try index.insert(corpus.documents, threads: bench.threads)
        return index
    }

    private func answers(_ corpus: TokenCorpus, _ index: MultiVectorIndex) throws(KuklaError) -> [[Int]] {
        try index.search(corpus.queries, count: 10, threads: bench.threads).map { $0.map(\.id) }
    }

    /// Mean milliseconds of one query, both ways by turns.
    private func latency(_ corpus: TokenCorpus, _ index: MultiVectorIndex, exactToo: Bool = true)
        throws(KuklaError) -> (exact: Double, proposed: Double)
    {
        var (exact, proposed) = (0.0, 0.0)
        func seconds(_ work: () throws(KuklaError) -> [[Match]]) throws(KuklaError) -> Double {
            let start = ContinuousClock.now
            _ = try work()
            return (ContinuousClock.now - start) / .seconds(1)
        }
        for query in 0..<corpus.queries.count {
            let one = corpus.queries[sets: query..<query + 1]
            proposed += try seconds { () throws(KuklaError) in
                try index.search(one, count: 10, threads: bench.threads)
            }
            guard exactToo else { continue }
            exact += try seconds { () throws(KuklaError) in
                try index.exactSearch(one, count: 10, threads: bench.threads)
            }
        }
        let scale = 1000 / Double(corpus.queries.count)
        return (exact * scale, proposed * scale)
    }
}
