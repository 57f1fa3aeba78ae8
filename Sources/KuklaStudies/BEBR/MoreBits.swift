import Foundation
import KuklaCodecs
import KuklaFormats
import KuklaNumerics
import KuklaObjectives

/// Codes of 384 components by their bits, and their bytes.
struct MoreBits {
    let bench: StudyBench
    let texts, pictures: [VectorCorpus]

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        var table = StudyTable(
            "Codes of 384 components by bits, as `kukla train binary` ships them (the better of rotations and training to keep similarities), mean of \(bench.seeds.count) seeds",
            columns: [
                "corpus", "bits", "bytes", "recall, rotations", "recall", "nDCG", "recall, float queries",
                "nDCG, float queries", "nDCG, float vectors",
            ])
        var series: [LineChart.Series] = []
        bench.progress.begin(
            "More bits", total: (texts + pictures).count * 4 * bench.seeds.count, unit: "codecs")
        defer { bench.progress.end() }
        for corpus in texts + pictures {
            let examples = try BinaryTraining.Examples(vectors: corpus.documents)
            var last = [Double](repeating: 0, count: bench.seeds.count)
            var rises = Double.infinity
            var points: [(x: Double, y: Double)] = []
            for bits in 1...4 {
                var columns = [[Double]](repeating: [], count: 5)
                for seed in bench.seeds {
                    let result = try CodeTraining(bench: bench)(examples, "RBE384x\(bits)", seed: seed)
                    let coded = try corpus.figures(result.codec)
                    let floats = try corpus.figures(result.codec, floatQueries: true)
                    let initial = try corpus.figures(result.initial)
                    for (place, value) in [
                        initial.recall, coded.recall, coded.ndcg, floats.recall, floats.ndcg,
                    ].enumerated() { columns[place].append(value) }
                    bench.progress.advance(by: 1)
                }
                rises = min(rises, zip(columns[1], last).map { 100 * ($0 - $1) }.min() ?? .nan)
                last = columns[1]
                points.append((Double(bits), Spread(columns[1]).mean))
                table.rows.append(
                    [.text(corpus.name), .count(bits), .count(48 * bits + 2)]
                        + columns.map { .number(Spread($0).mean, decimals: 4) }
                        + [.number(corpus.floats.ndcg, decimals: 4)])
                guard bits == 4, !pictures.contains(where: { $0.name == corpus.name }) else { continue }
                findings.bars.append(
                    StudyBar(
                        "2. recall@10 of 384 x 4, \(corpus.name)", Spread(columns[1]).mean, .atLeast, 0.9,
                        note: Spread(columns[1]).note
                            + String(format: "; with float queries %.4f", Spread(columns[3]).mean)))
                guard corpus.task != nil else { continue }
                let lost = columns[2].map { 100 * (corpus.floats.ndcg - $0) }
                findings.bars.append(
                    StudyBar(
                        "2. nDCG@10 that 384 x 4 loses to floats, \(corpus.name), points", Spread(lost).mean,
                        .atMost, 1, note: Spread(lost, decimals: 2).note))
            }
            findings.bars.append(
                StudyBar(
                    "2. least rise of recall@10 by one more bit in any seed, \(corpus.name), points", rises,
                    .atLeast, 0.01))
            series.append(.init(name: corpus.name, points: points, mark: .dots))
        }
        findings.tables.append(table)
        findings.charts.append(
            StudyChart(
                "bits", title: "Recall@10 by bits of a component",
                chart: LineChart(
                    series: series, xTitle: "bits", yTitle: "recall@10", showsPoints: true)))
        try addBytes(to: &findings)
    }

    private func addBytes(to findings: inout StudyFindings) throws(KuklaError) {
        var worst = 0.0
        for (m, bits) in [(384, 1), (384, 2), (384, 3), (384, 4), (768, 1), (512, 2)] {
            let layout = try RecurrentBinaryCodec.layout(codeDimensions: m, bits: bits, metric: .cosine)
            worst = max(worst, abs(layout.bytesPerVector - Double(m * bits / 8 + 2)))
        }
        findings.bars.append(
            StudyBar("6. bytes a vector beside m (u + 1) / 8 + 2, largest difference", worst, .atMost, 0))
    }
}
