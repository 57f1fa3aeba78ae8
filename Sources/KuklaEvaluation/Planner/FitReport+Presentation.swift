import Foundation
import KuklaFormats
import KuklaNumerics

extension FitReport {
    /// The plans as reports show them: finalists first, then those that fell on a sample.
    public var rows: [PlanRow] {
        plans.map { plan in
            PlanRow(
                plan: plan.plan, bytesPerVector: plan.bytesPerVector,
                totalBytes: Int(plan.bytesPerVector * Double(vectorCount)), recall: plan.recall,
                recallInterval: plan.recallLow...plan.recallHigh, queriesPerSecond: plan.queriesPerSecond,
                ndcg: plan.ndcg, isChosen: plan.isChosen, isOnSample: !plan.isFinalist,
                note: plan.isFinalist ? nil : "dropped on a sample of \(Quantity.count(plan.vectors))")
        }
    }

    /// The table for a terminal.
    public func table() -> String {
        TextTable(
            plans: rows, recallName: "recall@\(neighbors)", uncompressedBytesPerVector: Double(4 * dimensions)
        ).text()
    }

    /// The self-contained page with summary, chart, table and facts.
    ///
    /// - Parameters:
    ///   - title: what the vectors are called.
    ///   - command: how to make the page again.
    public func page(title: String, command: String, version: String) -> HTMLReport {
        HTMLReport(
            title: "\(title), cut to \(Quantity.bytesPerVector(budgetBytesPerVector)) bytes a vector",
            summary: summary,
            plans: rows, budget: budgetBytesPerVector, uncompressedBytesPerVector: Double(4 * dimensions),
            recallName: "Recall@\(neighbors)",
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
                .init(
                    title: "Measurement",
                    facts: [
                        ("threads", "\(threads)"), ("seed", "\(seed)"),
                        ("took", String(format: "%.0f s", seconds)),
                        (
                            "recall",
                            "against exact float search on the same vectors, with 95% intervals over queries"
                        ),
                        ("queries/s", "one query at a time"), ("kukla", version),
                    ]),
            ],
            commands: [command])
    }
}
