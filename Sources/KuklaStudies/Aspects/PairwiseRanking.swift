import Foundation
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaText

/// A cross-encoder that reads each query with each of the generic space's first 50, and what that costs.
struct PairwiseRanking {
    let news: NewsAspects
    let bench: StudyBench
    let generic: LabelRetrieval
    let siamese: [String: LabelRetrieval]

    private static let depth = 50

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let texts = news.test.map { news.texts[$0] }
        let queries = min(bench.choose(quick: 1, full: 40), texts.count)
        let depth = min(Self.depth, texts.count - 1)
        var table = StudyTable(
            "A cross-encoder re-ranks the generic space's first \(depth), \(queries) test texts as queries, MAP@25 (first seed)",
            columns: [
                "aspect", "generic", "re-ranked", "Siamese space", "calls", "seconds", "seconds to train",
            ])
        var calls = 0
        for aspect in NewsAspects.names {
            let labels = news.labels(aspect)
            let judged = news.test.map { labels[$0] }
            let read = try bench.trained(
                ["pairs", aspect] + news.training.map { "\(labels[$0]) \(news.texts[$0])" }
                    + texts.prefix(queries) + generic.neighbours.prefix(queries).map { "\($0)" }
            ) { () throws(KuklaError) in
                let classifier = try trained(aspect)
                let start = ContinuousClock.now
                bench.progress.begin("Reading pairs", total: queries, unit: "queries")
                defer { bench.progress.end() }
                var scores: [Float] = []
                for query in 0..<queries {
                    scores += classifier.model.scores(
                        generic.neighbours[query].prefix(depth).map { (texts[query], texts[$0]) })
                    bench.progress.advance(by: 1)
                }
                return (
                    Matrix(rows: queries, columns: depth, elements: scores),
                    [(ContinuousClock.now - start) / .seconds(1), classifier.seconds]
                )
            }
            calls += read.rows.rows * read.rows.columns
            let (seconds, trainingSeconds) = (read.figures[0], read.figures[1])
            let ranked = (0..<queries).map { query in
                let scores = read.rows.row(query)
                return scores.indices.sorted { (-scores[$0], $0) < (-scores[$1], $1) }.map {
                    generic.neighbours[query][$0]
                }
            }
            func map(_ neighbours: [[Int]]) -> StudyTable.Cell {
                .number(
                    LabelRetrieval(neighbours: Array(neighbours.prefix(queries)))
                        .meanAveragePrecision(labels: judged, at: 25), decimals: 4)
            }
            table.rows.append([
                .text(aspect), map(generic.neighbours), map(ranked), map(siamese[aspect]?.neighbours ?? []),
                .count(queries * depth), .number(seconds, decimals: 1),
                .number(trainingSeconds, decimals: 0),
            ])
        }
        findings.tables.append(table)
        let n = texts.count
        findings.bars.append(
            StudyBar(
                "4. Calls of the cross-encoder beside queries x \(depth) for each aspect, difference",
                abs(Double(calls - NewsAspects.names.count * queries * depth)), .atMost, 0,
                note:
                    "\(calls) calls counted; the spaces need none. All pairs of the \(n) test texts would be n(n - 1)/2 = \(n * (n - 1) / 2) calls for each aspect."
            ))
    }

    private func trained(_ aspect: String) throws(KuklaError) -> (model: PairClassifier, seconds: Double) {
        let labels = news.labels(aspect)
        let seed = bench.seeds[0]
        var random = RandomSource(seed: seed)
        let byLabel = Dictionary(grouping: news.training) { labels[$0] }
        // As many pairs of one label as of two.
        var pairs: [(String, String)] = []
        var targets: [Float] = []
        while pairs.count < bench.choose(quick: 16, full: 800) {
            let first = news.training[Int.random(in: news.training.indices, using: &random)]
            let isAlike = pairs.count.isMultiple(of: 2)
            let others = isAlike ? byLabel[labels[first]] ?? [] : news.training
            let second = others[Int.random(in: others.indices, using: &random)]
            guard second != first, isAlike || labels[second] != labels[first] else { continue }
            pairs.append((news.texts[first], news.texts[second]))
            targets.append(isAlike ? 1 : 0)
        }
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "kukla-pairs-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let model = try PairClassifier(folder: bench.modelFolder, maximumTokens: 40, seed: seed)
        var recipe = Recipe(options: NoOptions())
        recipe.training.seed = seed
        recipe.training.threads = bench.threads
        recipe.training.batchSize = 32
        recipe.training.learningRate = 1e-4
        recipe.training.schedule = ScheduleSettings(.linear)
        recipe.training.schedule.warmupFraction = 0.1
        recipe.training.clipNorm = 1
        let summary = try TrainingRun(folder, recipe: recipe).train(
            PairTask(model: model, pairs: pairs, targets: targets), progress: bench.progress)
        return (model, summary.seconds)
    }
}
