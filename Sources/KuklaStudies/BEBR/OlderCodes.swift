import KuklaCodecs
import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import KuklaText

/// An index of codes of 256 components of the vectors, asked by a codec of all of them that was made for it, and by a stranger.
struct OlderCodes {
    let bench: StudyBench
    let corpus: VectorCorpus
    let pairs: TextPairs

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let names = ["old asks old", "new asks old", "new asks new", "stranger asks old"]
        var coded = [[Double]](repeating: [], count: 4)
        var floats = coded
        let all = Tensor.concatenated([Tensor(pairs.questions), Tensor(corpus.documents)], axis: 0).matrix
        let training = CodeTraining(bench: bench)
        bench.progress.begin("Older codes", total: bench.seeds.count, unit: "seeds")
        defer { bench.progress.end() }
        for seed in bench.seeds {
            let documents = corpus.documents.leadingComponents(256)
            let queries = corpus.queries.leadingComponents(256)
            let old = try training(.init(vectors: documents), "RBE256x2", seed: seed).codec
            let new = try training(
                .init(vectors: all, older: (old, all.leadingComponents(256))), "RBE384x2", seed: seed + 10
            ).codec
            let stranger = try training(.init(vectors: all), "RBE384x2", seed: seed + 20).codec
            let asks = [
                (old, queries, old, documents), (new, corpus.queries, old, documents),
                (new, corpus.queries, new, corpus.documents), (stranger, corpus.queries, old, documents),
            ]
            for (place, (asking, queries, stored, documents)) in asks.enumerated() {
                coded[place].append(
                    try corpus.figures(
                        asking.symmetricScorer(for: queries, against: stored), stored, documents
                    ).ndcg)
                floats[place].append(
                    try corpus.figures(asking.scorer(for: queries, against: stored), stored, documents).ndcg)
            }
            bench.progress.advance(by: 1)
        }
        findings.tables.append(
            StudyTable(
                "nDCG@10 on \(corpus.name): codes RBE256x2 of 256 leading components, queries by RBE384x2 of all, mean of \(bench.seeds.count) seeds",
                columns: ["queries and index", "coded queries", "float queries"],
                rows: names.indices.map {
                    [
                        .text(names[$0]), .number(Spread(coded[$0]).mean, decimals: 4),
                        .number(Spread(floats[$0]).mean, decimals: 4),
                    ]
                }))
        for (what, found) in [("coded queries", coded), ("float queries", floats)] {
            func points(_ place: Int) -> [Double] { zip(found[place], found[0]).map { 100 * ($0 - $1) } }
            findings.bars.append(
                StudyBar(
                    "4. nDCG@10 of new asks old beside old asks old, \(what), points", Spread(points(1)).mean,
                    .atLeast, -0.5, note: Spread(points(1), decimals: 2).note))
            findings.bars.append(
                StudyBar(
                    "4. nDCG@10 of new asks new beside old asks old, \(what), points", Spread(points(2)).mean,
                    .atLeast, 0, note: Spread(points(2), decimals: 2).note))
            findings.bars.append(
                StudyBar(
                    "4. nDCG@10 of a stranger asks old, of old asks old, \(what)",
                    Spread(found[3]).mean / Spread(found[0]).mean, .atMost, 0.3))
        }
    }
}
