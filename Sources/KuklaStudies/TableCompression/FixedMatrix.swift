import KuklaFormats
import KuklaNumerics
import KuklaTables
import KuklaTensor

/// What the ways to store a matrix after training keep of a search: the vectors of SciFact's abstracts, at the same bytes.
struct FixedMatrix {
    private let bench: StudyBench

    init(_ bench: StudyBench) { self.bench = bench }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let corpus = try VectorCorpus(bench.sciFact(), bench)
        let (rows, width) = (corpus.documents.rows, corpus.documents.columns)
        let dense = 4 * rows * width
        var table = StudyTable(
            "Vectors of \(rows) texts of SciFact, d = \(width), stored after training; relative squared error, the share that is found of the ten nearest, nDCG@10 in points",
            columns: ["table", "bytes, share of floats", "error", "recall@10", "nDCG@10"],
            rows: [["floats", "1", "0", "1", .number(100 * corpus.floats.ndcg, decimals: 2)]])
        var losses: [String: Double] = [:]
        func add(_ word: String, share: Double?) throws(KuklaError) {
            let stored: any ServedTable
            bench.progress.announce("\(word) of SciFact's vectors\(share.map { " at \($0)" } ?? "")")
            do throws(KuklaError) {
                stored = try TableConfiguration(parsing: word).compress(
                    corpus.documents, budget: share.map { 4 * Int($0 * Double(rows * width)) })
            } catch let error where error.code == .usage && share != nil {
                table.rows.append([
                    .text(word), .text("floor above \(share ?? 0)"), .text("-"), .text("-"), .text("-"),
                ])
                return
            }
            let vectors = stored.dense(field: 0)
            let figures = try corpus.figures(stored: vectors)
            losses["\(word) \(share ?? 0)"] = 100 * (corpus.floats.ndcg - figures.ndcg)
            table.rows.append([
                .text(word), .number(Double(stored.byteCount) / Double(dense), decimals: 3),
                .number(stored.relativeError(to: corpus.documents), decimals: 4),
                .number(figures.recall, decimals: 3), .number(100 * figures.ndcg, decimals: 2),
            ])
        }
        for word in bench.choose(quick: ["int8"], full: ["int16", "alpt", "int8"]) {
            try add(word, share: nil)
        }
        let methods = [
            "dpq", "dpq:codes=256", "magnitude:of=dpq", "mde", "magnitude", "tt", "deeplight", "dedup",
        ]
        for share in bench.choose(quick: [0.5], full: [0.5, 0.25, 0.1, 0.05]) {
            for word in bench.choose(quick: ["mde", "magnitude"], full: methods) {
                try add(word, share: share)
            }
        }
        findings.tables.append(table)
        findings.charts.append(Self.chart(of: table))
        if let lost = losses["int8 0.0"] {
            findings.bars.append(
                StudyBar(
                    "SciFact's vectors after training: points of nDCG@10 that INT8 loses", lost, .atMost, 0.3)
            )
        }
        if let dedup = losses["dedup 0.5"], let svd = losses["mde 0.5"] {
            findings.bars.append(
                StudyBar(
                    "SciFact's vectors after training, at half: points of nDCG@10 that deduplication keeps above truncated singular values",
                    svd - dedup, .atLeast, 0,
                    note: "The paper finds deduplication strong for retrieval matrices."))
        }
    }

    /// A line for each method that was measured at several sizes.
    static func chart(of table: StudyTable) -> StudyChart {
        let (bytes, ndcg) = (table.values("bytes, share of floats"), table.values("nDCG@10"))
        var points: [String: [(x: Double, y: Double)]] = [:]
        for (row, name) in table.names.enumerated() where bytes[row].isFinite {
            points[name, default: []].append((bytes[row], ndcg[row]))
        }
        return StudyChart(
            "vectors", title: "SciFact's vectors, stored after training: nDCG@10 by bytes",
            chart: LineChart(
                series: points.sorted { $0.key < $1.key }.map { name, points in
                    .init(name: name, points: points.sorted { $0.x < $1.x }, mark: .dots)
                }, xTitle: "bytes, share of floats", yTitle: "nDCG@10 x 100", xScale: .log2))
    }
}
