import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaText

/// What each size is worth after one training of all of them, after sizes drawn at random, and after a training of its own.
struct CupQuality {
    let elastic: ElasticBench
    let cups: Cups

    private var bench: StudyBench { elastic.bench }

    init(elastic: ElasticBench, cups: Cups) {
        self.elastic = elastic
        self.cups = cups
    }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        var figures = ArmFigures()
        figures.add("untouched", try measured(nil))
        for seed in bench.seeds {
            let plain = try elastic.figuresWithPrincipal(
                of: elastic.plain(seed), layers: cups.layers, dimensions: cups.dimensions)
            figures.add("plain", plain.cut)
            figures.add("PCA of plain", plain.principal)
            figures.add("2DMSE", try measured(elastic.twoDimensional(seed)))
            figures.add("SRL", try measured(elastic.starbucks(cups.sizes, seed)))
            figures.add("alone", try alone(seed))
        }
        // By one seed: the trainings of their own take three times as long as everything else.
        let seed = bench.seeds[0]
        figures.add(longer("SRL"), try measured(elastic.starbucks(cups.sizes, seed, epochs: Self.epochs)))
        figures.add(longer("alone"), try alone(seed, epochs: Self.epochs))
        addAgainstDrawn(figures, to: &findings)
        addAgainstAlone(figures, "SRL", "alone", "", to: &findings)
        addAgainstAlone(
            figures, longer("SRL"), longer("alone"), "after \(Self.epochs) epochs, ", to: &findings)
        addTables(figures, to: &findings)
    }

    private func measured(_ arm: Arm?) throws(KuklaError) -> [ModelSize: Double] {
        try elastic.figures(of: arm, layers: cups.layers, dimensions: cups.dimensions)
    }

    /// Each size in a training of its own.
    private func alone(_ seed: UInt64, epochs: Int = 1) throws(KuklaError) -> [ModelSize: Double] {
        var alone: [ModelSize: Double] = [:]
        for size in bench.choose(quick: Array(cups.sizes.prefix(1)), full: cups.sizes) {
            let arm = elastic.separate(size, seed, epochs: epochs)
            alone.merge(try elastic.figure(of: arm, at: size)) { $1 }
        }
        return alone
    }

    /// Where the paper's parity with separate trainings may need more steps than one pass has.
    private static let epochs = 3
    private func longer(_ arm: String) -> String { "\(arm), \(Self.epochs) epochs" }

    private func addAgainstDrawn(_ figures: ArmFigures, to findings: inout StudyFindings) {
        for size in Array(cups.small) + [cups.largest] {
            let gain = figures.gains(of: "SRL", over: "2DMSE", at: size)
            findings.bars.append(
                StudyBar(
                    "1. SRL over 2DMSE at \(size), Spearman points", gain.mean, .atLeast,
                    size == cups.largest ? -0.5 : 3, note: gain.note))
        }
    }

    private func addAgainstAlone(
        _ figures: ArmFigures, _ together: String, _ alone: String, _ when: String,
        to findings: inout StudyFindings
    ) {
        let gains = cups.sizes.map { figures.gains(of: together, over: alone, at: $0) }
        findings.bars.append(
            StudyBar(
                "2. \(when)SRL over a training of its own at \(cups.sizes[0]), Spearman points",
                gains[0].mean, .atLeast, -3, note: gains[0].note))
        let known = gains.map(\.mean).filter(\.isFinite)
        let each = known.map { String(format: "%.2f", $0) }.joined(separator: ", ")
        findings.bars.append(
            StudyBar(
                "2. \(when)SRL over trainings of their own, mean of \(known.count) sizes, Spearman points",
                Spread(known).mean, .atLeast, -2,
                note: "means of \(figures.values(together, cups.sizes[0]).count) seeds by size: \(each)"))
    }

    private func addTables(_ figures: ArmFigures, to findings: inout StudyFindings) {
        let arms = [
            "untouched", "plain", "PCA of plain", "2DMSE", "SRL", "alone", longer("SRL"), longer("alone"),
        ]
        var table = StudyTable(
            "STS-B test, Spearman x 100 at the six sizes, mean of \(bench.seeds.count) seeds (\(Self.epochs) epochs: seed 1)",
            columns: ["layers x dimensions"] + arms)
        for size in cups.sizes {
            table.rows.append([.text(size.description)] + arms.map { figures.cell($0, size) })
        }
        findings.tables.append(table)
        // Pairs of layers and dimensions that the list does not have get no training: nothing may be claimed for them.
        for arm in ["SRL", "2DMSE"] {
            var grid = StudyTable(
                "\(arm) at all layers and dimensions, those of the list and those between",
                columns: ["layers"] + cups.dimensions.map(String.init))
            for layer in cups.layers {
                grid.rows.append(
                    [.count(layer)]
                        + cups.dimensions.map { figures.cell(arm, ModelSize(layers: layer, dimensions: $0)) })
            }
            findings.tables.append(grid)
        }
        findings.charts.append(
            StudyChart(
                "sizes", title: "STS-B test, Spearman x 100 at the six sizes",
                chart: LineChart(
                    series: arms.map { arm in
                        .init(
                            name: arm,
                            points: cups.sizes.map { (Double($0.layers), figures.mean(arm, $0)) })
                    }, xTitle: "layers", yTitle: "Spearman x 100", showsPoints: true)))
    }
}
