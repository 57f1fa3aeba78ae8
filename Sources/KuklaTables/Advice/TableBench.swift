public import KuklaNumerics

/// The full comparison: every table at every budget with every seed, each trained once.
public struct TableBench: Sendable {
    public let experiment: TableExperiment
    public let tables: [TableConfiguration]
    /// Shares of a float row for each id.
    public let budgets: [Double]
    public let seeds: [UInt64]
    public let width: Int

    public init(
        _ experiment: TableExperiment, tables: [TableConfiguration], budgets: [Double], seeds: [UInt64],
        width: Int
    ) {
        self.experiment = experiment
        self.tables = tables
        self.budgets = budgets
        self.seeds = seeds
        self.width = width
    }

    /// All trainings, the uncompressed table first.
    var plan: [(table: TableConfiguration, row: BenchResults.Row)] {
        var plan: [(TableConfiguration, BenchResults.Row)] = []
        for seed in seeds {
            for table in tables where table.word == "dense" {
                plan.append(
                    (table, .init(table: table.description, budget: nil, width: width, seed: seed)))
            }
            for budget in budgets {
                for table in tables where table.word != "dense" {
                    plan.append(
                        (table, .init(table: table.description, budget: budget, width: width, seed: seed)))
                }
            }
        }
        return plan
    }

    /// Runs what `results` lacks.
    ///
    /// A table that cannot meet a budget is a row that says so.
    public func run(
        _ results: inout BenchResults, progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) {
        let schema = experiment.set.tableSchema(width: width)
        let waiting = plan.filter { !results.holds($0.row) }
        progress.resume(
            "Comparing", done: plan.count - waiting.count, total: plan.count, unit: "trainings")
        defer { progress.end() }
        for (table, row) in waiting {
            var row = row
            do throws(KuklaError) {
                let trained = try experiment.train(
                    table, width: width, budget: row.budget.map { schema.budget(share: $0) }, seed: row.seed)
                let report = trained.report
                row.bytes = report.tableBytes
                row.auc = report.test?.auc
                row.groupAUC = report.test?.groupAUC
                row.logLoss = report.test?.logLoss
                row.validationAUC = report.validation?.auc
                row.seconds = report.seconds
                row.stages = report.stages
            } catch {
                // A budget below the floor, a width that the network cannot take: part of the answer.
                guard [.usage, .unsupported].contains(error.code) else { throw error }
                row.failure = error.message
            }
            try results.append(row)
            progress.advance(by: 1)
            progress.show(
                "\(row.table) at \(row.budget.map { "\($0)" } ?? "no limit"): "
                    + (row.auc.map { "AUC \(($0 * 1e4).rounded() / 1e4)" } ?? row.failure ?? "AUC undefined"))
        }
    }
}
