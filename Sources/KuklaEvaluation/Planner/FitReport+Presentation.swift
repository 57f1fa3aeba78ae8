import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaText

extension FitReport {
    /// The plans as reports show them: finalists first, then those that fell on a sample.
    public var rows: [PlanRow] {
        plans.map { plan in
            PlanRow(
                plan: plan.plan, modelSize: plan.modelSize?.description, structure: plan.structure.rawValue,
                effort: plan.effort,
                bytesPerVector: plan.bytesPerVector, totalBytes: plan.residentBytes, recall: plan.recall,
                recallInterval: plan.recallLow...plan.recallHigh, queriesPerSecond: plan.queriesPerSecond,
                latency: plan.latency, ndcg: plan.ndcg, isChosen: plan.isChosen, isOnSample: !plan.isFinalist,
                note: plan.isFinalist ? nil : "dropped on a sample of \(Quantity.count(plan.vectors))")
        }
    }

    /// The table for a terminal.
    public func table() -> String {
        TextTable(
            plans: rows, recallName: "recall@\(neighbors)", uncompressedBytesPerVector: floatBytes
        ).text()
    }

    /// Bytes of what is cut: a vector as float32.
    private var floatBytes: Double { Double(4 * (model?.fullDimensions ?? dimensions)) }

    /// The sizes of the model, searched exactly: * where no smaller size is as good. Empty where vectors were given.
    public func sizeTable() -> String {
        guard let model else { return "" }
        let hasNDCG = model.sizes.contains { $0.ndcg != nil }
        let titles =
            ["size", "recall@\(neighbors)"] + (hasNDCG ? ["nDCG@10"] : []) + ["ms a query", "plans"]
        return TextTable(
            columns: [.init("")] + titles.map { .init($0, .right) },
            rows: model.sizes.map { size in
                [size.isOnFront ? "*" : "", size.size.description, Quantity.fraction(size.recall)]
                    + (hasNDCG ? [size.ndcg.map { Quantity.fraction($0) } ?? ""] : [])
                    + [Quantity.rate(size.embeddingMilliseconds), size.isMeasured ? "measured" : ""]
            }
        ).text()
    }

    /// The self-contained page with summary, chart, table and facts.
    ///
    /// - Parameters:
    ///   - title: what the vectors are called.
    ///   - command: how to make the page again.
    public func page(title: String, command: String, version: String) -> HTMLReport {
        let size = limits.bytesPerVector ?? chosen?.bytesPerVector ?? Double(4 * dimensions)
        return HTMLReport(
            title: "\(title), cut to \(Quantity.bytesPerVector(size)) bytes a vector",
            summary: summary,
            plans: rows, budget: budgetBytesPerVector, uncompressedBytesPerVector: floatBytes,
            recallName: "Recall@\(neighbors)", figures: latencyFigure.map { [$0] } ?? [],
            facts: [
                .init(
                    title: "Data",
                    facts: [
                        ("vectors", "\(Quantity.count(vectorCount)) of \(dimensions) dimensions"),
                        ("metric", metric.rawValue),
                        (
                            "queries",
                            "\(Quantity.count(plans.first?.queries ?? 0)), "
                                + (usesSelfQueries ? "held out of the vectors" : "given")
                        ),
                        ("exact float search", "\(Quantity.rate(exactQueriesPerSecond)) queries/s"),
                    ] + (exactNDCG.map { [("nDCG@10 of exact search", Quantity.fraction($0))] } ?? [])),
                .init(title: "Limits", facts: limits.kinds.map { ($0.rawValue, limits.text($0)) }),
                .init(
                    title: "Measurement",
                    facts: [
                        ("threads", "\(threads)"), ("seed", "\(seed)"),
                        ("took", String(format: "%.0f s", seconds)),
                        (
                            "recall",
                            "against exact float search on the same vectors, with 95% intervals over queries"
                        ),
                        ("queries/s", "one query at a time"),
                        ("p50, p99", "milliseconds of one query alone on one thread"), ("kukla", version),
                    ]),
            ],
            commands: [command])
    }
}

extension FitReport {
    /// Recall against latency, where there is something else than comparing all.
    private var latencyFigure: HTMLReport.Figure? {
        let measured = plans.filter { $0.p50Milliseconds ?? 0 > 0 }
        guard measured.contains(where: { $0.structure != .flat }) else { return nil }
        let names: [(Structure, String)] = [
            (.flat, "comparing all"), (.graph, "graph"), (.lists, "lists"),
        ]
        let chart = LineChart(
            series: names.compactMap { structure, name in
                let points = measured.filter { $0.structure == structure }
                    .compactMap { plan in plan.p50Milliseconds.map { (x: $0, y: plan.recall) } }
                return points.isEmpty ? nil : .init(name: name, points: points, mark: .dots)
            }, xTitle: "milliseconds of the median query", yTitle: "recall@\(neighbors)", xScale: .log10,
            showsPoints: true)
        return .init(
            title: "What time buys",
            caption:
                "Each dot is a plan measured on all of this data, one query alone on one thread. Graphs and lists were searched with the effort that the table names.",
            wide: chart.svg(size: .wide), narrow: chart.svg(size: .narrow))
    }
}

extension FitReport.Plan {
    fileprivate var latency: SearchLatency? {
        guard let p50Milliseconds, let p99Milliseconds else { return nil }
        return SearchLatency(p50Milliseconds: p50Milliseconds, p99Milliseconds: p99Milliseconds)
    }
}
