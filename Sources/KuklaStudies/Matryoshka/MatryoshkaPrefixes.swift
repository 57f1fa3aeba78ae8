import KuklaFormats
import KuklaNumerics
import KuklaText

/// Every prefix of a model trained for several, beside the prefixes and principal components of one trained for none, and beside models
/// trained for one each.
struct MatryoshkaPrefixes {
    let elastic: ElasticBench

    private var bench: StudyBench { elastic.bench }
    private var layers: [Int] { [elastic.full.layers] }
    /// Those of the loss and some between them.
    private let dimensions = [8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384]

    init(elastic: ElasticBench) { self.elastic = elastic }

    private func size(_ dimensions: Int) -> ModelSize {
        ModelSize(layers: elastic.full.layers, dimensions: dimensions)
    }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let alone = bench.choose(quick: [8], full: [8, 16, 32])
        var figures = ArmFigures()
        figures.add("untouched", try elastic.figures(of: nil, layers: layers, dimensions: dimensions))
        for seed in bench.seeds {
            let plain = try elastic.figuresWithPrincipal(
                of: elastic.plain(seed), layers: layers, dimensions: dimensions)
            figures.add("plain", plain.cut)
            figures.add("PCA of plain", plain.principal)
            figures.add(
                "MRL",
                try elastic.figures(of: elastic.matryoshka(seed), layers: layers, dimensions: dimensions))
            var each: [ModelSize: Double] = [:]
            for m in alone {
                each.merge(try elastic.figure(of: elastic.separate(size(m), seed), at: size(m))) { $1 }
            }
            figures.add("FF", each)
        }
        let gain = figures.gains(of: "MRL", over: "plain", at: size(8))
        let loss = figures.gains(of: "plain", over: "MRL", at: elastic.full)
        findings.bars += [
            StudyBar(
                "2. MRL over plain cut to 8 dimensions, Spearman points", gain.mean, .atLeast, 3,
                note: gain.note),
            StudyBar(
                "2. Spearman points that MRL loses to plain at \(elastic.full.dimensions) dimensions",
                loss.mean,
                .atMost, 1.2, note: loss.note),
        ]
        for m in alone {
            let gain = figures.gains(of: "MRL", over: "FF", at: size(m))
            findings.bars.append(
                StudyBar(
                    "3. MRL over a model trained for \(m) dimensions alone, Spearman points", gain.mean,
                    .atLeast, -1.5, note: gain.note))
        }
        add(figures, to: &findings)
    }

    private func add(_ figures: ArmFigures, to findings: inout StudyFindings) {
        let arms = ["untouched", "plain", "PCA of plain", "MRL", "FF"]
        var table = StudyTable(
            "STS-B test, Spearman x 100 at leading dimensions (of MRL, those with a star are trained), mean of \(bench.seeds.count) seeds",
            columns: ["dimensions"] + arms)
        for m in dimensions {
            let isTrained = ElasticBench.dimensions.contains(m)
            table.rows.append([.text("\(m)\(isTrained ? "*" : "")")] + arms.map { figures.cell($0, size(m)) })
        }
        findings.tables.append(table)
        findings.charts.append(
            StudyChart(
                "prefixes", title: "STS-B test, Spearman x 100 at leading dimensions",
                chart: LineChart(
                    series: arms.map { arm in
                        .init(name: arm, points: dimensions.map { (Double($0), figures.mean(arm, size($0))) })
                    }, xTitle: "dimensions", yTitle: "Spearman x 100", xScale: .log2, showsPoints: true)))
    }
}
