import Foundation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaText

/// One decoder trained on the same rows with other masks, poolings and stages.
struct MaskPoolingStages {
    let bench: StudyBench
    let decoder: URL
    let examples: InstructExamples
    let tasks: InstructTasks

    static let rateWords = "5e-4, common for a model of this size, and batches of 24"

    private enum Variant: String, CaseIterable {
        case causalMean = "causal, mean"
        case causalLast = "causal, last token"
        case openLast = "bidirectional, last token"
        case openMean = "bidirectional, mean"
        case openLatent = "bidirectional, latent attention"
        case oneStage = "bidirectional, mean, one stage with in-batch negatives"

        var mask: AttentionMask { self == .causalMean || self == .causalLast ? .causal : .bidirectional }
        var pooling: String {
            switch self {
            case .causalLast, .openLast: "last"
            case .openLatent: "latent:512x8x32"
            default: "mean"
            }
        }
    }

    private typealias Scores = InstructTasks.Scores

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        var scores: [Variant: [Scores]] = [:]
        bench.progress.begin(
            "Training with instructions", total: bench.seeds.count * Variant.allCases.count, unit: "models")
        for seed in bench.seeds {
            for variant in Variant.allCases {
                scores[variant, default: []].append(try trained(variant, seed))
                bench.progress.advance(by: 1)
            }
        }
        bench.progress.end()
        let before = try tasks.scores(decoder, isInstructed: false)
        try addTable(scores, before, to: &findings)
        func each(_ variant: Variant, _ value: (Scores) -> Double) -> [Double] {
            (scores[variant] ?? []).map(value)
        }
        func add(
            _ words: String, _ more: Variant, _ less: Variant, _ value: (Scores) -> Double, _ bound: Double,
            notReproduced: String? = nil
        ) {
            let gained = zip(each(more, value), each(less, value)).map { $0 - $1 }
            findings.bars.append(
                StudyBar(
                    words, Spread(gained).mean, .atLeast, bound, note: Spread(gained, decimals: 1).note,
                    notReproduced: notReproduced))
        }
        for (name, value) in [
            ("SciFact nDCG@10", { (scores: Scores) in scores.retrieval }),
            ("STS-B Spearman", { $0.sentences }),
        ] {
            add("1. bidirectional mean above causal mean, \(name), points", .openMean, .causalMean, value, 2)
            add(
                "1. bidirectional mean above causal last token, \(name), points", .openMean, .causalLast,
                value, 2)
            add("1. causal mean above causal last token, \(name), points", .causalMean, .causalLast, value, 2)
        }
        add(
            "2. latent attention above mean, mean of four tasks, points", .openLatent, .openMean, \.mean, -0.2
        )
        add(
            "2. latent attention above last token, mean of four tasks, points", .openLatent, .openLast,
            \.mean, 1)
        add(
            "3. two stages above one, mean kNN accuracy of news and fields, points", .openMean, .oneStage,
            \.classes, 2)
        add("3. two stages above one, SciFact nDCG@10, points", .openMean, .oneStage, \.retrieval, -0.5)
    }

    private func addTable(
        _ scores: [Variant: [Scores]], _ before: Scores, to findings: inout StudyFindings
    ) throws(KuklaError) {
        var table = StudyTable(
            "The decoder after the same \(examples.union.rows.count) rows, times 100, mean of \(bench.seeds.count) seeds (least and greatest mean)",
            columns: ["model"] + Scores.names + ["mean", "seeds"])
        func row(_ name: String, _ all: [Scores]) -> [StudyTable.Cell] {
            let means = all.map(\.mean)
            return [.text(name)]
                + Scores.names.indices.map { i in
                    .number(Spread(all.map { $0.values[i] }).mean, decimals: 1)
                } + [
                    .number(Spread(means).mean, decimals: 1),
                    .text(
                        String(format: "%.1f to %.1f", means.min() ?? .nan, means.max() ?? .nan)),
                ]
        }
        table.rows.append(row("the language model alone, mean of its tokens", [before]))
        for variant in Variant.allCases { table.rows.append(row(variant.rawValue, scores[variant] ?? [])) }
        let plain = try tasks.scores(bench.modelFolder, isInstructed: false)
        table.rows.append(row("for comparison: MiniLM-L6 as it is", [plain]))
        findings.tables.append(table)
        findings.charts.append(Self.chart(of: table))
        var collisions = StudyTable(
            "In-batch collisions of the single stage: negatives of the batch that are of their anchor's class",
            columns: ["set", "of the set's own negatives, percent", "of all negatives, percent"])
        for found in examples.collisions(batchSize: batchSize, seed: 1) {
            collisions.rows.append([
                .text(found.set), .number(100 * found.own, decimals: 1),
                .number(100 * found.all, decimals: 1),
            ])
        }
        findings.tables.append(collisions)
    }

    static func chart(of table: StudyTable) -> StudyChart {
        StudyChart(
            "models", title: table.title,
            chart: table.dotPlot(InstructTasks.Scores.names.map { ($0, $0) }, xTitle: "times 100"))
    }

    private var batchSize: Int { bench.choose(quick: 4, full: 24) }

    /// Trains a variant and judges it. A model that an earlier full run trained on the same rows is taken from the cache, so that a
    /// study that was stopped goes on.
    private func trained(_ variant: Variant, _ seed: UInt64) throws(KuklaError) -> Scores {
        var recipe = InstructOptions.recipe
        recipe.training.seed = seed
        recipe.training.batchSize = batchSize
        recipe.training.learningRate = 5e-4
        recipe.options.mask = variant.mask
        recipe.options.pooling = variant.pooling
        recipe.options.poolingRate = 1
        // A quick run's few words spell most instructions letter by letter.
        recipe.options.tuning.maximumTokens = bench.choose(quick: 96, full: 48)
        var key = TextHash()
        key.add(decoder.lastPathComponent + variant.rawValue + (try recipe.yaml))
        for row in examples.union.rows { row.forEach { key.add($0) } }
        let name = "nv-embed-\(String(key.value, radix: 16))\(bench.cacheFolder == nil ? "-\(UUID())" : "")"
        let output = (bench.cacheFolder ?? FileManager.default.temporaryDirectory).appending(path: name)
        let run = output.appendingPathExtension("run")
        defer {
            try? FileManager.default.removeItem(at: run)
            if bench.cacheFolder == nil { try? FileManager.default.removeItem(at: output) }
        }
        if !FileManager.default.fileExists(atPath: output.appending(path: "model.safetensors").path) {
            recipe.training.threads = bench.threads
            _ = try InstructTraining(base: decoder, output: output, runFolder: run)(
                stage1: variant == .oneStage ? examples.union : examples.stage1,
                stage2: variant == .oneStage ? nil : examples.stage2, recipe: recipe, beginning: .fresh)
        }
        return try tasks.scores(output)
    }
}
