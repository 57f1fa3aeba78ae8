import Foundation
import KuklaCodecs
import KuklaFormats
import KuklaIndex
import KuklaNumerics

/// How many candidates each way of proposing needs until the document that is best by late interaction is among them.
struct CandidatesNeeded {
    let bench: StudyBench
    let corpora: [TokenCorpus]

    /// What a way of proposing reached, a number a seed.
    private struct Reached {
        /// Candidates that hold the best document of 80, 90 and 95% of the queries.
        var needed = [0.0, 0.0, 0.0]
        /// The share of the ten best documents among 100 candidates, in percent.
        var topTen = 0.0
        /// Candidates that hold the best document of each query, over all seeds.
        var ranks: [Int] = []

        mutating func add(ranks: [Int], topTen: Double, seeds: Int) {
            let sorted = ranks.sorted()
            for (place, share) in [0.8, 0.9, 0.95].enumerated() {
                let at = max(0, Int((share * Double(sorted.count)).rounded(.up)) - 1)
                needed[place] += Double(sorted[at]) / Double(seeds)
            }
            self.topTen += 100 * topTen / Double(seeds)
            self.ranks += ranks
        }
    }

    /// A way to encode, and what departs from the method.
    private struct Variant {
        let name: String
        let encoding: String
        var documents = FixedDimensionalEncoder.Aggregation.mean
        var queries = FixedDimensionalEncoder.Aggregation.sum
    }

    private static let usual = "FDE20x5x16"
    private static let whole = "FDE20x5"
    /// 1280, 2560, 5120 and 10,240 dimensions.
    private static let ladder = ["FDE20x3x8", "FDE20x4x8", "FDE20x5x8", usual]
    private static let variants =
        (ladder + [whole]).map { Variant(name: $0, encoding: $0) } + [
            Variant(name: "\(usual), sums of documents", encoding: usual, documents: .sum),
            Variant(name: "\(usual), means of queries", encoding: usual, queries: .mean),
            Variant(name: "\(usual), empty partitions zero", encoding: "\(usual)(fill=no)"),
        ]

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        for corpus in corpora { try add(corpus, to: &findings) }
    }

    private func add(_ corpus: TokenCorpus, to findings: inout StudyFindings) throws(KuklaError) {
        var rows: [(name: String, dimensions: Int?, reached: Reached)] = [
            ("every query token (heuristic)", nil, perToken(corpus)),
            ("mean of token vectors", corpus.documents.dimensions, pooled(corpus)),
        ]
        bench.progress.begin(
            "Encodings of \(corpus.name)", total: Self.variants.count * bench.seeds.count, unit: "runs")
        for variant in Self.variants {
            var reached = Reached()
            var dimensions = 0
            for seed in bench.seeds {
                var encoding = try FixedDimensionalEncoding(parsing: variant.encoding)
                encoding.seed = seed
                let encoder = try FixedDimensionalEncoder(
                    encoding, inputDimensions: corpus.documents.dimensions)
                dimensions = encoder.dimensions
                let scores = scores(corpus, by: encoder, variant)
                reached.add(
                    ranks: corpus.truth.indices.map { scores.rank(of: corpus.truth[$0][0], in: $0) },
                    topTen: topTen(corpus, scores), seeds: bench.seeds.count)
                bench.progress.advance(by: 1)
            }
            rows.append((variant.name, dimensions, reached))
        }
        bench.progress.end()
        findings.tables.append(
            StudyTable(
                "\(corpus.name): candidates that hold the best document of a share of the queries, and how many of the ten best are among 100",
                columns: ["proposed by", "dimensions", "80%", "90%", "95%", "ten best in 100, %"],
                rows: rows.map { row in
                    [.text(row.name), row.dimensions.map { .count($0) } ?? "-"]
                        + row.reached.needed.map { .number($0, decimals: 1) }
                        + [.number(row.reached.topTen, decimals: 1)]
                }))
        findings.charts.append(chart(corpus, rows.map { ($0.name, $0.reached.ranks) }))
        addBars(corpus, Dictionary(uniqueKeysWithValues: rows.map { ($0.name, $0.reached) }), to: &findings)
    }

    private func addBars(
        _ corpus: TokenCorpus, _ reached: [String: Reached], to findings: inout StudyFindings
    ) {
        func of(_ name: String) -> Reached { reached[name] ?? Reached() }
        let heuristic = of("every query token (heuristic)").needed[1]
        for (encoding, bound) in [(Self.whole, 1.6), (Self.usual, 1.2)] {
            let own = of(encoding).needed[1]
            findings.bars.append(
                StudyBar(
                    "3. \(corpus.name): the heuristic's candidates for the best document of 90% of the queries, of those of \(encoding)",
                    heuristic / own, .atLeast, bound,
                    note: String(format: "%.1f and %.1f candidates.", heuristic, own)))
        }
        let steps = zip(Self.ladder.dropFirst(), Self.ladder).map {
            of($0).topTen - of($1).topTen
        }
        findings.bars += [
            StudyBar(
                "3. \(corpus.name): least gain of ten best in 100 from 1280 to 2560, 5120, 10,240 dimensions, points",
                steps.min()!, .atLeast, -1),
            StudyBar(
                "4. \(corpus.name): ten best in 100 by means of documents less by sums, points",
                of(Self.usual).topTen - of("\(Self.usual), sums of documents").topTen, .atLeast, 5,
                // A sum grows with a document's length: where all are alike, so are sums and means.
                note: String(
                    format: "The documents' lengths deviate by %.0f%% of their mean.",
                    100 * Self.lengthDeviation(corpus.documents))),
        ]
    }

    /// The standard deviation of the documents' token counts, as a share of their mean.
    private static func lengthDeviation(_ documents: VectorSets) -> Double {
        let counts = (0..<documents.count).map { Double(documents.rows(of: $0).count) }
        let mean = counts.reduce(0, +) / Double(counts.count)
        let variance = counts.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(counts.count)
        return variance.squareRoot() / mean
    }

    // MARK: - Ways of proposing

    /// The pool of the best documents of every query token, grown until it holds the target.
    private func perToken(_ corpus: TokenCorpus) -> Reached {
        let count = corpus.documents.count
        var depths = [[Int]](repeating: [], count: corpus.queries.count)
        depths.withUnsafeMutableBufferPointer { depths in
            nonisolated(unsafe) let depths = depths  // every block writes elements of its own
            parallelFor(corpus.queries.count, grain: 4, threads: bench.threads) { block in
                for query in block {
                    var least = [Int](repeating: count, count: count)
                    for token in corpus.queries.rows(of: query) {
                        corpus.best.withUnsafeRow(token) { row in
                            let order = row.indices.sorted { (row[$1], $0) < (row[$0], $1) }
                            for (depth, document) in order.enumerated() {
                                least[document] = min(least[document], depth)
                            }
                        }
                    }
                    depths[query] = least
                }
            }
        }
        func pool(_ query: Int, holding document: Int) -> Int {
            depths[query].count { $0 <= depths[query][document] }
        }
        // Pools of about 100: documents in the order in which they enter, of equal ones the lower number first.
        let found = corpus.truth.indices.reduce(0) { sum, query in
            let entered = depths[query].indices.sorted { (depths[query][$0], $0) < (depths[query][$1], $1) }
            return sum + Set(entered.prefix(100)).intersection(corpus.truth[query]).count
        }
        var reached = Reached()
        reached.add(
            ranks: corpus.truth.indices.map { pool($0, holding: corpus.truth[$0][0]) },
            topTen: Double(found) / Double(10 * corpus.truth.count), seeds: 1)
        return reached
    }

    private func pooled(_ corpus: TokenCorpus) -> Reached {
        let scores = corpus.queries.means.multiplied(
            by: corpus.documents.means, transposed: true, threads: bench.threads)
        var reached = Reached()
        reached.add(
            ranks: corpus.truth.indices.map { scores.rank(of: corpus.truth[$0][0], in: $0) },
            topTen: topTen(corpus, scores), seeds: 1)
        return reached
    }

    /// The scores of all queries with all documents, without holding all encodings.
    private func scores(_ corpus: TokenCorpus, by encoder: FixedDimensionalEncoder, _ variant: Variant)
        -> Matrix
    {
        let queries = encoder.encode(corpus.queries, variant.queries, filling: false, threads: bench.threads)
        let count = corpus.documents.count
        var scores = Matrix(rows: queries.rows, columns: count)
        let step = max(1, (128 << 20) / (4 * encoder.dimensions))
        for start in stride(from: 0, to: count, by: step) {
            let part = start..<min(start + step, count)
            let documents = encoder.encode(
                corpus.documents[sets: part], variant.documents,
                filling: encoder.configuration.fillsEmptyPartitions, threads: bench.threads)
            let found = queries.multiplied(by: documents, transposed: true, threads: bench.threads)
            scores.withUnsafeMutableBufferPointer { all in
                for query in 0..<found.rows {
                    for (i, score) in found.row(query).enumerated() { all[query * count + start + i] = score }
                }
            }
        }
        return scores
    }

    private func topTen(_ corpus: TokenCorpus, _ scores: Matrix) -> Double {
        let found = zip(scores.best(100), corpus.truth).reduce(0) {
            $0 + Set($1.0).intersection($1.1).count
        }
        return Double(found) / Double(10 * corpus.truth.count)
    }

    private func chart(_ corpus: TokenCorpus, _ rows: [(name: String, ranks: [Int])]) -> StudyChart {
        let counts = [1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500, 800].filter {
            $0 <= corpus.documents.count
        }
        let shown = rows.filter { !$0.name.hasPrefix("FDE") || [Self.usual, Self.whole].contains($0.name) }
        return StudyChart(
            "candidates-\(corpus.name.lowercased())",
            title: "\(corpus.name): queries whose best document is among the candidates",
            chart: LineChart(
                series: shown.map { row in
                    LineChart.Series(
                        name: row.name,
                        points: counts.map { count in
                            (
                                Double(count),
                                Double(row.ranks.count { $0 <= count }) / Double(row.ranks.count)
                            )
                        })
                }, xTitle: "candidates", yTitle: "share of queries", xScale: .log10, showsPoints: true))
    }
}

extension VectorSets {
    /// The mean of each set, of length 1: what a single vector would be made of.
    var means: Matrix {
        var means = Matrix(rows: count, columns: dimensions)
        means.withUnsafeMutableBufferPointer { out in
            for set in 0..<count {
                for row in rows(of: set) {
                    for (i, x) in vectors.row(row).enumerated() { out[set * dimensions + i] += x }
                }
            }
        }
        means.normalizeRows()
        return means
    }
}
