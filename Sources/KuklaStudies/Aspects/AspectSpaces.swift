import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaText

/// The generic space and each aspect's spaces, every one judged under every aspect.
struct AspectSpaces {
    let news: NewsAspects
    let bench: StudyBench

    private static let cut = 25

    /// Mean figures of a space under an aspect over the test texts, one value a seed.
    private struct Cell {
        var map: [Double] = []
        var precision: [Double] = []
        var reciprocalRank: [Double] = []

        mutating func add(_ figures: [LabelRetrieval.Figures?]) {
            let all = figures.compactMap(\.self)
            map.append(Spread(all.map(\.averagePrecision)).mean)
            precision.append(Spread(all.map(\.precision)).mean)
            reciprocalRank.append(Spread(all.map(\.reciprocalRank)).mean)
        }
    }

    /// A way to make spaces of aspects, and what came of it.
    private struct Family {
        /// By space, then by aspect.
        var cells: [String: [String: Cell]] = [:]
        /// Of the first seed.
        var spaces: [String: LabelRetrieval] = [:]
        var bytes: [String: Int] = [:]
        var seconds = 0.0
    }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let texts = news.test.map { news.texts[$0] }
        let count = max(50, Self.cut)
        let generic = LabelRetrieval(try bench.embed(texts), count: count)
        var genericCells: [String: Cell] = [:]
        for aspect in NewsAspects.names {
            genericCells[aspect, default: Cell()].add(figures(generic, aspect))
        }
        let siamese = try family(.siamese, texts, count: count)
        let retrofit = try family(.retrofit, texts, count: count)
        let table = table(genericCells, [("Siamese", siamese), ("retrofit", retrofit)])
        findings.tables.append(table)
        findings.charts.append(Self.chart(of: table))
        addBars(genericCells, siamese, retrofit, to: &findings)
        try PairwiseRanking(news: news, bench: bench, generic: generic, siamese: siamese.spaces)
            .add(to: &findings)
        addOverlaps(generic, siamese.spaces, to: &findings)
    }

    private func figures(_ space: LabelRetrieval, _ aspect: String) -> [LabelRetrieval.Figures?] {
        let labels = news.labels(aspect)
        return space.figures(labels: news.test.map { labels[$0] }, at: Self.cut)
    }

    private func family(
        _ method: AspectOptions.Method, _ texts: [String], count: Int
    ) throws(KuklaError) -> Family {
        var family = Family()
        for seed in bench.seeds {
            for name in NewsAspects.names {
                let arm = try space(name, method, texts, seed: seed)
                let space = LabelRetrieval(arm.vectors, count: count)
                if seed == bench.seeds[0] { family.spaces[name] = space }
                family.bytes[name] = arm.bytes
                family.seconds += arm.seconds / Double(bench.seeds.count)
                for aspect in NewsAspects.names {
                    family.cells[name, default: [:]][aspect, default: Cell()].add(figures(space, aspect))
                }
            }
        }
        return family
    }

    /// The texts' vectors in the space of an aspect that is trained as the command does it.
    private func space(
        _ aspect: String, _ method: AspectOptions.Method, _ texts: [String], seed: UInt64
    ) throws(KuklaError) -> (vectors: Matrix, bytes: Int, seconds: Double) {
        var recipe = AspectOptions.recipe(method)
        recipe.training.seed = seed
        recipe.training.threads = bench.threads
        recipe.options.tuning.maximumTokens = 48
        if bench.scale == .quick {
            recipe.options.pairs = 32
            recipe.training.length = .epochs(1)
            recipe.training.batchSize = 8
            recipe.options.tuning.maximumTokens = 16
        }
        let labels = news.labels(aspect)
        let training = news.training.map { news.texts[$0] }
        let names = news.training.map { "\(labels[$0])" }
        let parts = ["aspects", aspect, try recipe.yaml] + training + names + texts
        let found = try bench.trained(parts) { () throws(KuklaError) in
            let folder = FileManager.default.temporaryDirectory.appending(
                path: "kukla-aspects-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: folder) }
            do {
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            } catch {
                throw KuklaError(.inputOutput, "Cannot make the folder \(folder.path).", cause: error)
            }
            let output = folder.appending(path: "model")
            let outcome = try AspectTraining(
                base: bench.modelFolder, output: output, runFolder: folder.appending(path: "run"))(
                    [AspectExamples(aspect, texts: training, labels: names)], recipe: recipe,
                    progress: bench.progress)[0]
            let vectors = try AspectModel(AspectFolder(output), aspect: aspect)
                .embed(texts, threads: bench.threads, progress: bench.progress).vectors
            return (vectors, [Double(outcome.aspect.bytes), outcome.summary.seconds])
        }
        return (found.rows, Int(found.figures[0]), found.figures[1])
    }

    private func table(_ generic: [String: Cell], _ families: [(String, Family)]) -> StudyTable {
        var table = StudyTable(
            "Test texts of AG News, MAP@25, P@25 and MRR@25 under each aspect, mean of \(bench.seeds.count) seeds",
            columns: ["space"]
                + NewsAspects.names.flatMap { ["\($0): MAP", "\($0): P", "\($0): MRR"] }
                + ["bytes beside the base", "seconds to train both"])
        func cells(_ found: [String: Cell]) -> [StudyTable.Cell] {
            NewsAspects.names.flatMap { aspect -> [StudyTable.Cell] in
                let cell = found[aspect] ?? Cell()
                return [cell.map, cell.precision, cell.reciprocalRank].map {
                    .number(Spread($0).mean, decimals: 4)
                }
            }
        }
        table.rows.append(["generic"] + cells(generic) + [.count(0), .count(0)])
        for (name, family) in families {
            for space in NewsAspects.names {
                table.rows.append(
                    [.text("\(name), space \(space)")] + cells(family.cells[space] ?? [:])
                        + [.count(family.bytes[space] ?? 0), .number(family.seconds, decimals: 0)])
            }
        }
        return table
    }

    static func chart(of table: StudyTable) -> StudyChart {
        StudyChart(
            "spaces", title: "AG News: MAP@\(cut) of each space under each aspect",
            chart: table.dotPlot(NewsAspects.names.map { ($0, "\($0): MAP") }, xTitle: "MAP@\(cut)"))
    }

    private func addBars(
        _ generic: [String: Cell], _ siamese: Family, _ retrofit: Family, to findings: inout StudyFindings
    ) {
        func maps(_ family: Family, _ space: String, _ aspect: String) -> [Double] {
            (family.cells[space]?[aspect]?.map ?? []).map { 100 * $0 }
        }
        for aspect in NewsAspects.names {
            let before = 100 * Spread(generic[aspect]?.map ?? []).mean
            let gained = Spread(maps(siamese, aspect, aspect).map { $0 - before }, decimals: 1)
            findings.bars.append(
                StudyBar(
                    "1. \(aspect): MAP@25 of its Siamese space over the generic one, points", gained.mean,
                    .atLeast, 5, note: "\(gained.note); generic " + String(format: "%.1f", before)))
        }
        for aspect in NewsAspects.names {
            for other in NewsAspects.names where other != aspect {
                let gaps = Spread(
                    zip(maps(siamese, aspect, aspect), maps(siamese, other, aspect)).map { $0 - $1 },
                    decimals: 1)
                findings.bars.append(
                    StudyBar(
                        "2. \(aspect): MAP@25 of its own space over that of \(other), points", gaps.mean,
                        .atLeast, 5, note: gaps.note))
            }
        }
        for aspect in NewsAspects.names {
            let before = 100 * Spread(generic[aspect]?.map ?? []).mean
            let gained = Spread(maps(retrofit, aspect, aspect).map { $0 - before }, decimals: 1)
            let left = Spread(
                zip(maps(siamese, aspect, aspect), maps(retrofit, aspect, aspect)).map { $0 - $1 },
                decimals: 1)
            findings.bars += [
                StudyBar(
                    "3. \(aspect): MAP@25 of the retrofitted space over the generic one, points",
                    gained.mean, .atLeast, 1, note: gained.note),
                StudyBar(
                    "3. \(aspect): MAP@25 of the Siamese space over the retrofitted one, points", left.mean,
                    .atLeast, 0, note: left.note),
            ]
        }
    }

    /// How much the generic space's first ten have in common with each aspect's.
    private func addOverlaps(
        _ generic: LabelRetrieval, _ spaces: [String: LabelRetrieval], to findings: inout StudyFindings
    ) {
        var table = StudyTable(
            "What the generic space's first 10 share with those of each aspect's Siamese space (first seed), 95 % bootstrap intervals",
            columns: ["aspect", "share", "from", "to"])
        var overlaps: [[Double]] = []
        var unlike = 0.0
        for aspect in NewsAspects.names {
            guard let space = spaces[aspect] else { continue }
            let shares = generic.overlap(with: space, at: 10)
            overlaps.append(shares)
            let interval = ConfidenceInterval.bootstrapOfMean(shares, seed: 1)
            let again = ConfidenceInterval.bootstrapOfMean(generic.overlap(with: space, at: 10), seed: 1)
            unlike = max(
                unlike, abs(interval.lowerBound - again.lowerBound),
                abs(interval.upperBound - again.upperBound))
            table.rows.append([
                .text(aspect), .number(Spread(shares).mean, decimals: 4),
                .number(interval.lowerBound, decimals: 4), .number(interval.upperBound, decimals: 4),
            ])
        }
        let differences = zip(overlaps[0], overlaps[1]).map { $0 - $1 }
        let interval = ConfidenceInterval.bootstrapOfMean(differences, seed: 1)
        table.rows.append([
            "topic less source", .number(Spread(differences).mean, decimals: 4),
            .number(interval.lowerBound, decimals: 4), .number(interval.upperBound, decimals: 4),
        ])
        findings.tables.append(table)
        findings.bars.append(
            StudyBar(
                "5. Overlap@10 with bootstrap intervals, difference of two computations from one seed",
                unlike,
                .atMost, 0,
                note: String(
                    format:
                        "the generic space shares %.3f more with topic than with source (95 %% %.3f to %.3f)",
                    Spread(differences).mean, interval.lowerBound, interval.upperBound)))
    }
}
