import Foundation
public import KuklaNumerics

/// Which table to take for a budget of bytes: candidates of every method that can meet it, by successive halving on a sample.
///
/// Rung after rung the better half by validation AUC goes on, on twice the rows; those that are left train with several seeds at the
/// budget and at parts of it. Test rows decide nothing; they measure the finalists.
/// *Source:* Jamieson and Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter optimization",
/// arXiv:1502.07943.
public struct TableAdvisor: Sendable {
    public let experiment: TableExperiment
    /// Bytes that the table may take.
    public let budget: Int
    public var options: Options

    /// How much is tried.
    public struct Options: Sendable {
        /// Components of a vector, at most.
        public var widths: [Int]
        /// Methods to try; nil: all that train in one stage, which a sample says enough about.
        public var tables: [TableConfiguration]?
        /// Training rows of the last rung.
        public var sample: Int
        /// Candidates that train in full.
        public var finalists: Int
        public var seeds: Int
        /// Passes over the rows in each rung.
        public var epochs: Int
        public var seed: UInt64

        public init(
            widths: [Int] = [8, 16, 32], tables: [TableConfiguration]? = nil, sample: Int = 200_000,
            finalists: Int = 3, seeds: Int = 3, epochs: Int = 3, seed: UInt64 = 1
        ) {
            self.widths = widths
            self.tables = tables
            self.sample = sample
            self.finalists = finalists
            self.seeds = seeds
            self.epochs = epochs
            self.seed = seed
        }
    }

    public init(_ experiment: TableExperiment, budget: Int, options: Options = Options()) {
        self.experiment = experiment
        self.budget = budget
        self.options = options
    }

    /// Finds out.
    ///
    /// - Throws: `KuklaError(.usage)` where no method can meet the budget, with the lowest floor.
    public func run(progress: any ProgressReporter = SilentProgress()) throws(KuklaError) -> TableAdvice {
        let feasibility = try feasible()
        var candidates = feasibility.filter { $0.floor <= budget }.map { TableAdvice.Candidate($0) }
        guard !candidates.isEmpty else {
            let lowest = feasibility.min { $0.floor < $1.floor }
            throw KuklaError(
                .usage,
                "No method can meet \(budget) bytes: the lowest floor is \(lowest?.floor ?? 0) bytes"
                    + " (\(lowest?.table.description ?? "") at width \(lowest?.width ?? 0)); allow that much."
            )
        }
        var advice = TableAdvice(
            budget: budget,
            denseBytes: experiment.set.tableSchema(width: options.widths.max() ?? 16).denseByteCount,
            fields: experiment.set.vocabularies.map { ($0.name, $0.count) }, feasibility: feasibility)
        try halve(&candidates, &advice, progress)
        try finish(Array(candidates.prefix(options.finalists)), &advice, progress)
        return advice
    }

    /// What each method needs at each width.
    func feasible() throws(KuklaError) -> [TableAdvice.Feasibility] {
        var tables = options.tables ?? []
        if options.tables == nil {
            let whole = TableConfiguration.methodWords.filter { !TableAdvisor.searches.contains($0) }
            for word in whole + TableAdvisor.furtherSettings {
                tables.append(try TableConfiguration(parsing: word))
            }
        }
        var result: [TableAdvice.Feasibility] = []
        for table in tables {
            for width in options.widths {
                // A method that does not go with this schema at all is none of the candidates.
                guard let floor = try? table.floor(for: experiment.set.tableSchema(width: width)) else {
                    continue
                }
                result.append(.init(table: table, width: width, floor: floor))
            }
        }
        return result
    }

    /// Methods of several stages, which learn what to keep from all rows: named by the user, or not tried.
    private static let searches: Set<String> = [
        "autodim", "optembed", "autosrh", "pep", "deeplight", "dedup",
    ]

    /// Beside each method as it is. How much 8-bit rows lose depends on their step, and which one is best on the data: on MovieLens-1M
    /// this one loses a third of what the default loses (docs/studies/table-compression.md).
    private static let furtherSettings = ["int8:step=0.001"]

    private func halve(
        _ candidates: inout [TableAdvice.Candidate], _ advice: inout TableAdvice,
        _ progress: any ProgressReporter
    ) throws(KuklaError) {
        let training = sampledRows()
        // As many rungs as it takes to halve down to the finalists.
        let halvings = max(
            0, Int(ceil(log2(Double(candidates.count) / Double(max(1, options.finalists))))))
        for rung in 0..<halvings {
            let count = max(min(training.count, 2000), training.count >> (halvings - rung))
            progress.begin(
                "Round \(rung + 1) of \(halvings), \(count) rows", total: candidates.count, unit: "tables")
            defer { progress.end() }
            for i in candidates.indices {
                let candidate = candidates[i]
                do throws(KuklaError) {
                    let report = try experiment.train(
                        candidate.table, width: candidate.width, budget: budget, seed: options.seed,
                        rows: Array(training.prefix(count)), epochs: options.epochs
                    ).report
                    candidates[i].score = report.validation?.auc ?? -(report.validation?.logLoss ?? .infinity)
                    advice.trials.append(
                        .init(
                            table: candidate.table.description, width: candidate.width, rows: count,
                            bytes: report.tableBytes, validation: report.validation?.auc))
                    progress.show("\(candidate.table) at width \(candidate.width)")
                } catch {
                    guard [.usage, .unsupported].contains(error.code) else { throw error }
                    candidates[i].score = -.infinity
                }
                progress.advance(by: 1)
            }
            candidates = candidates.filter { $0.score > -.infinity }.sorted { $0.score > $1.score }
            candidates = Array(candidates.prefix(max(options.finalists, (candidates.count + 1) / 2)))
        }
    }

    // Finalists at the budget, half and a quarter of it, and the uncompressed table, with all seeds.
    private func finish(
        _ finalists: [TableAdvice.Candidate], _ advice: inout TableAdvice, _ progress: any ProgressReporter
    ) throws(KuklaError) {
        let rows = sampledRows()
        var plan: [(table: TableConfiguration, width: Int, budget: Int?)] = []
        for candidate in finalists {
            for part in [budget, budget / 2, budget / 4] {
                plan.append((candidate.table, candidate.width, part))
            }
        }
        let reference = finalists.first?.width ?? 16
        if let dense = try? TableConfiguration(parsing: "dense") { plan.append((dense, reference, nil)) }
        progress.begin("Finalists, \(rows.count) rows", total: plan.count * options.seeds, unit: "trainings")
        defer { progress.end() }
        for (table, width, budget) in plan {
            // Where a table took no more than this part already, less budget makes no other table.
            if let budget, let last = advice.finalists.last, (last.table, last.width) == (table, width),
                last.bytes <= budget
            {
                progress.advance(by: options.seeds)
                continue
            }
            var result = TableAdvice.Finalist(table: table, width: width, budget: budget)
            for seed in 0..<UInt64(options.seeds) {
                progress.advance(by: 1)
                do throws(KuklaError) {
                    let report = try experiment.train(
                        table, width: width, budget: budget, seed: options.seed + seed, rows: rows,
                        epochs: options.epochs
                    ).report
                    result.bytes = report.tableBytes
                    if let auc = report.validation?.auc { result.validation.append(auc) }
                    if let auc = report.test?.auc { result.test.append(auc) }
                } catch {
                    guard [.usage, .unsupported].contains(error.code) else { throw error }
                    break  // below the floor
                }
            }
            if !result.validation.isEmpty { advice.finalists.append(result) }
        }
    }

    // The same rows for every candidate: a larger sample begins with the smaller one.
    private func sampledRows() -> [Int32] {
        var random = RandomSource(seed: options.seed)
        var rows = experiment.set.store.rows(.training)
        rows.shuffle(using: &random)
        return Array(rows.prefix(options.sample))
    }
}
