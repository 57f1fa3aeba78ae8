import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaText

/// What each layer is worth after a plain fine-tuning, after one for prefixes, and after one for layers and prefixes.
struct DepthQuality {
    let elastic: ElasticBench

    private var bench: StudyBench { elastic.bench }
    private var full: ModelSize { elastic.full }
    private var middle: Int { full.layers / 2 }
    private let dimensions = [16, 64, 384]
    private let arms = ["plain", "MRL", "2DMSE", "2DMSE without KL", "2DMSE without sub-layers"]

    init(elastic: ElasticBench) { self.elastic = elastic }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let layers = Array(0...full.layers)
        var figures = ArmFigures()
        figures.add("untouched", try elastic.figures(of: nil, layers: layers, dimensions: dimensions))
        for seed in bench.seeds {
            let plain = try elastic.figuresWithPrincipal(
                of: elastic.plain(seed), layers: layers, dimensions: dimensions)
            figures.add("plain", plain.cut)
            figures.add("PCA of plain", plain.principal)
            let others = [
                elastic.matryoshka(seed), elastic.twoDimensional(seed),
                elastic.twoDimensional(seed, alignmentWeight: 0), elastic.withoutLayers(seed),
            ]
            for (name, arm) in zip(arms.dropFirst(), others) {
                figures.add(name, try elastic.figures(of: arm, layers: layers, dimensions: dimensions))
            }
        }
        addBars(figures, to: &findings)
        addTables(figures, to: &findings)
    }

    private func addBars(_ figures: ArmFigures, to findings: inout StudyFindings) {
        let (wide, narrow) = (
            ModelSize(layers: middle, dimensions: full.dimensions), ModelSize(layers: middle, dimensions: 64)
        )
        func bar(
            _ words: String, _ name: String, over other: String, at size: ModelSize,
            _ relation: StudyBar.Relation, _ bound: Double
        ) {
            let gain = figures.gains(of: name, over: other, at: size)
            findings.bars.append(
                StudyBar("\(words), Spearman points", gain.mean, relation, bound, note: gain.note))
        }
        bar(
            "2. 2DMSE over plain read at \(wide)", "2DMSE", over: "plain", at: wide, .atLeast, 4)
        bar("2. 2DMSE over plain read at \(narrow)", "2DMSE", over: "plain", at: narrow, .atLeast, 5)
        bar("2. 2DMSE loses to plain at \(full)", "plain", over: "2DMSE", at: full, .atMost, 3)
        bar("3. 2DMSE over MRL read at \(wide)", "2DMSE", over: "MRL", at: wide, .atLeast, 4)
        let falls = dimensions.map { largestFall(figures, dimensions: $0) }
        findings.bars.append(
            StudyBar(
                "4. fall of 2DMSE from a layer to a later one at 16, 64 or 384 dimensions, largest, Spearman points",
                falls.max() ?? .nan, .atMost, 1.5,
                note: "by dimensions: \(falls.map { String(format: "%.2f", $0) }.joined(separator: ", "))"))
        let without = figures.gains(of: "2DMSE without sub-layers", over: "plain", at: wide)
        findings.bars.append(
            StudyBar(
                "5. 2DMSE without its sub-layer terms beside plain at \(wide), Spearman points apart",
                abs(without.mean), .atMost, 2, note: without.note))
        let kl = figures.gains(of: "2DMSE", over: "2DMSE without KL", at: wide)
        findings.notes.append(
            String(
                format: "The divergence is worth %.2f Spearman points at \(wide) (%@).", kl.mean, kl.note))
    }

    /// Of means over seeds, layers from 1.
    private func largestFall(_ figures: ArmFigures, dimensions: Int) -> Double {
        let values = (1...full.layers).map {
            figures.mean("2DMSE", ModelSize(layers: $0, dimensions: dimensions))
        }
        var (best, fall) = (values[0], 0.0)
        for value in values {
            best = max(best, value)
            fall = max(fall, best - value)
        }
        return fall
    }

    private func addTables(_ figures: ArmFigures, to findings: inout StudyFindings) {
        let columns = ["untouched", "plain", "PCA of plain"] + arms.dropFirst()
        var table = StudyTable(
            "STS-B test, Spearman x 100 after each layer (0: word embeddings), mean of \(bench.seeds.count) seeds",
            columns: ["dimensions", "layer"] + columns)
        for size in dimensions.reversed() {
            for layer in 0...full.layers {
                let at = ModelSize(layers: layer, dimensions: size)
                table.rows.append([.count(size), .count(layer)] + columns.map { figures.cell($0, at) })
            }
        }
        findings.tables.append(table)
        findings.charts.append(
            StudyChart(
                "layers", title: "STS-B test, Spearman x 100 after each layer, 384 dimensions",
                chart: LineChart(
                    series: columns.filter { $0 != "PCA of plain" }.map { arm in
                        .init(
                            name: arm,
                            points: (0...full.layers).map {
                                (
                                    Double($0),
                                    figures.mean(arm, ModelSize(layers: $0, dimensions: full.dimensions))
                                )
                            })
                    }, xTitle: "layers", yTitle: "Spearman x 100", showsPoints: true)))
        findings.notes.append(
            "PCA keeps what turns nothing away: at 384 dimensions it differs from plain by the mean that it takes off. The ablation without sub-layer terms takes the loss of the last layer, whole and cut to a size drawn for the step: all terms that read the earlier layer are left out, the divergence with them."
        )
    }
}
