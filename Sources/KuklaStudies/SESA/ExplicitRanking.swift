import Foundation
import KuklaCodecs
import KuklaEvaluation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaText

/// How explicit vectors rank pairs and name texts, beside a latent twin, ESA and the plain model.
struct ExplicitRanking {
    let posts: ExplicitPosts
    let bench: StudyBench

    private static let top = 8

    /// What one seed gave.
    private struct Figures {
        var explicit = 0.0
        var latent = 0.0
        var named = 0.0
        var assigned = 0.0
        var few = 0.0
        var active = 0.0
        var bytes = 0.0
        var seconds = 0.0
    }

    private var known: [[Int]] { posts.testGroups.map { [$0] } }

    /// - Returns: the test posts' vectors of the first seed.
    func add(to findings: inout StudyFindings) throws(KuklaError) -> [ConceptVector] {
        var all: [Figures] = []
        var first: [ConceptVector] = []
        for seed in bench.seeds {
            var figures = Figures()
            let explicit = try trained(isLatent: false, seed: seed)
            figures.seconds = explicit.seconds
            let judged = SESATask.judge(explicit.vectors, known: known)
            figures.explicit = judged["auc"] ?? .nan
            figures.named = judged["top_concept"] ?? .nan
            let rows = (0..<explicit.vectors.rows).map { explicit.vectors.row($0) }
            let few = rows.map { ConceptVector($0, keeping: Self.top) }
            figures.few = SESATask.judge(dense(few), known: known)["auc"] ?? .nan
            figures.active = Spread(rows.map { Double(ConceptVector($0).concepts.count) }).mean
            figures.bytes = Spread(few.map { Double($0.bytes(of: posts.concepts.count)) }).mean
            if seed == bench.seeds[0] { first = rows.map { ConceptVector($0) } }
            let latent = try trained(isLatent: true, seed: seed)
            figures.latent = SESATask.judge(latent.vectors, known: known)["auc"] ?? .nan
            figures.assigned = assigned(latent.vectors)
            all.append(figures)
        }
        try addTable(all, to: &findings)
        return first
    }

    private func trained(
        isLatent: Bool, seed: UInt64
    ) throws(KuklaError) -> (vectors: Matrix, seconds: Double) {
        var recipe = SESAOptions.recipe()
        recipe.training.seed = seed
        recipe.training.threads = bench.threads
        recipe.training.length = .epochs(bench.choose(quick: 1, full: 4))
        recipe.options.isLatent = isLatent
        if bench.scale == .quick { recipe.options.maximumTokens = 24 }
        let parts = ["sesa", try recipe.yaml] + posts.training.map(\.text) + posts.test.map(\.text)
        let found = try bench.trained(parts) { () throws(KuklaError) in
            let folder = FileManager.default.temporaryDirectory.appending(
                path: "kukla-sesa-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: folder) }
            let task = try SESATraining(base: bench.modelFolder, output: folder, runFolder: folder).task(
                ConceptExamples(concepts: posts.concepts, labelled: posts.training), recipe)
            let run = try TrainingRun(folder, recipe: recipe)
            let summary = try run.train(task, progress: bench.progress)
            try run.loadBest(into: task.model)
            let tokens = try WordPieceTokenizer(folder: bench.modelFolder).encode(
                posts.test.map(\.text), maxLength: recipe.options.maximumTokens, threads: bench.threads)
            return (task.model.vectors(tokens), [summary.seconds])
        }
        return (found.rows, found.figures[0])
    }

    /// The share of posts whose largest dimension is the one that the best assignment gives their group: of plain values or of
    /// values beside their dimension's mean and deviation, whichever names more.
    private func assigned(_ vectors: Matrix) -> Double {
        let (n, k) = (vectors.rows, vectors.columns)
        let rows = (0..<n).map { vectors.row($0) }
        let means = (0..<k).map { i in rows.reduce(0) { $0 + $1[i] } / Float(n) }
        let deviations = (0..<k).map { i in
            (rows.reduce(0) { $0 + ($1[i] - means[i]) * ($1[i] - means[i]) } / Float(n)).squareRoot()
        }
        let scaled = rows.map { row in
            row.indices.map { (row[$0] - means[$0]) / max(deviations[$0], 1e-9) }
        }
        return [rows, scaled].map { rows in
            var counts = [[Double]](repeating: [Double](repeating: 0, count: k), count: k)
            for (row, group) in zip(rows, posts.testGroups) {
                let best = row.indices.max { row[$0] < row[$1] } ?? 0
                counts[group][best] += 1
            }
            let columns = BestAssignment.columns(counts)
            return columns.enumerated().reduce(0) { $0 + counts[$1.offset][$1.element] } / Double(n)
        }.max() ?? 0
    }

    private func dense(_ vectors: [ConceptVector]) -> Matrix {
        let width = posts.concepts.count
        return Matrix(rows: vectors.count, columns: width) { out in
            out.update(repeating: 0)
            for (row, vector) in vectors.enumerated() {
                for (concept, value) in zip(vector.concepts, vector.values) {
                    out[row * width + Int(concept)] = value
                }
            }
        }
    }

    private func addTable(_ all: [Figures], to findings: inout StudyFindings) throws(KuklaError) {
        func each(_ value: (Figures) -> Double, decimals: Int = 4) -> Spread {
            Spread(all.map(value), decimals: decimals)
        }
        let k = posts.concepts.count
        let analysis = Analysis(posts: posts)
        let esa = SESATask.judge(analysis.wiki, known: known)["auc"] ?? .nan
        let own = SESATask.judge(analysis.groups, known: known)
        let words = SESATask.judge(analysis.regression(seed: bench.seeds[0]), known: known)
        let plain = try bench.embed(posts.test.map(\.text))
        let learned = try bench.embed(posts.training.prefix(1_500).map(\.text))
        let few = Self.top * 6 / 4
        let principal = try PrincipalComponents(of: learned, threads: bench.threads)
        func cut(_ count: Int) -> Double {
            let rows = min(count, principal.directions.rows)
            let centred = Matrix(rows: plain.rows, columns: plain.columns) { out in
                for row in 0..<plain.rows {
                    for (i, value) in plain.row(row).enumerated() {
                        out[row * plain.columns + i] = value - principal.mean[i]
                    }
                }
            }
            return SESATask.judge(
                centred.multiplied(by: principal.directions[rows: 0..<rows], transposed: true), known: known)[
                    "auc"] ?? .nan
        }
        let none = StudyTable.Cell.number(.nan, decimals: 4)
        func row(_ name: String, _ auc: Double, _ top: Double?, _ bytes: Double) -> [StudyTable.Cell] {
            [
                .text(name), .number(auc, decimals: 4), top.map { .number($0, decimals: 4) } ?? none,
                .number(bytes, decimals: 0),
            ]
        }
        let (explicit, latent) = (each(\.explicit), each(\.latent))
        let table = StudyTable(
            "\(posts.test.count) test posts, all pairs; mean of \(all.count) seeds where trained",
            columns: ["vectors", "ROC-AUC", "largest concept is the group", "bytes"],
            rows: [
                row("SESA, \(k) named dimensions", explicit.mean, each(\.named).mean, Double(4 * k)),
                row(
                    "SESA, the largest \(Self.top) kept", each(\.few).mean, each(\.named).mean,
                    each(\.bytes).mean),
                row(
                    "latent twin, \(k) dimensions (largest by best assignment)", latent.mean,
                    each(\.assigned).mean, Double(4 * k)),
                row(
                    "ESA, \(posts.articles.count) articles of WikiText-2", esa, nil,
                    Double(4 * posts.articles.count)),
                row(
                    "ESA, each group's training posts as its article", own["auc"] ?? .nan,
                    own["top_concept"], Double(4 * k)),
                row(
                    "logistic regression over words, each group's probability (seed 1)",
                    words["auc"] ?? .nan, words["top_concept"], Double(4 * k)),
                row(
                    "plain MiniLM, \(plain.columns) dimensions",
                    SESATask.judge(plain, known: known)["auc"] ?? .nan,
                    nil, Double(4 * plain.columns)),
                row("plain MiniLM, PCA to \(k)", cut(k), nil, Double(4 * k)),
                row("plain MiniLM, PCA to \(few)", cut(few), nil, Double(4 * few)),
            ])
        findings.tables.append(table)
        findings.charts.append(Self.chart(of: table))
        let behind = Spread(all.map { 100 * ($0.latent - $0.explicit) }, decimals: 2)
        findings.bars += [
            StudyBar(
                "1. ROC-AUC of the latent twin over SESA, points", behind.mean, .atMost, 1,
                note: "\(behind.note); SESA " + String(format: "%.4f, twin %.4f", explicit.mean, latent.mean)),
            StudyBar(
                "1. ROC-AUC of SESA over ESA, points", 100 * (explicit.mean - esa), .atLeast, 10,
                note: explicit.note),
            StudyBar(
                "2. Test posts whose largest concept is their group, share", each(\.named).mean, .atLeast,
                0.75, note: each(\.named).note),
            StudyBar(
                "2. The same of the latent twin by the best assignment on the test posts themselves, share",
                each(\.assigned).mean, .atMost, each(\.named).mean / 2, note: each(\.assigned).note),
            StudyBar(
                "4. ROC-AUC kept with the largest \(Self.top) concepts, share",
                Spread(all.map { $0.few / $0.explicit }).mean, .atLeast, 0.97,
                note: String(
                    format:
                        "%.1f of %d concepts are active in a post; %.0f bytes a post beside %d dense",
                    each(\.active).mean, k, each(\.bytes).mean, 4 * k)),
        ]
        findings.notes.append(
            String(
                format: "Training took %.0f s a model on %d threads.", each(\.seconds).mean, bench.threads))
    }

    static func chart(of table: StudyTable) -> StudyChart {
        StudyChart(
            "vectors", title: table.title,
            chart: table.dotPlot(
                [("ROC-AUC", "ROC-AUC"), ("posts named right, share", "largest concept is the group")],
                xTitle: "ROC-AUC, share"))
    }
}
