import KuklaNN
import KuklaNumerics
import KuklaTables

/// Trainings of one model over tables of many kinds; each is made once.
final class CompressionRuns {
    static let width = 16

    /// What came of one kind of table at one budget.
    struct Outcome {
        /// In points.
        let auc: SeededAUC
        /// Of the served table.
        let bytes: Int
        let seconds: Double
    }

    /// The 14 methods of the card, by our words.
    static let methods = [
        "qr", "tt", "dhe", "robe", "dedup", "mgqe", "adaptive", "int8", "alpt", "mde", "autodim", "optembed",
        "deeplight",
        "autosrh",
    ]

    let bench: StudyBench
    let set: ExampleSet
    let schema: TableSchema
    private let experiment: TableExperiment
    private var outcomes: [String: Outcome] = [:]
    private var sweptStep: String?

    init(_ bench: StudyBench) throws(KuklaError) {
        self.bench = bench
        set = try bench.filmClicks()
        schema = set.tableSchema(width: Self.width)
        experiment = TableExperiment(
            set, network: CTRConfiguration(.dlrm),
            options: TrainerOptions(
                batchSize: bench.choose(quick: 512, full: 2048), epochs: bench.choose(quick: 1, full: 30),
                checksPerEpoch: 1, patience: 2))
    }

    /// The configuration that a method is trained with: searches shortened to what the set takes, steps of integers as they were swept.
    func configuration(of method: String) throws(KuklaError) -> String {
        switch method {
        case "deeplight": "deeplight:pace=2"
        case "optembed": "optembed:rounds=5"
        case "pep": "pep:start=-5"
        case "int8", "alpt": "\(method):step=\(try integerStep())"
        default: method
        }
    }

    /// The step of 8-bit integers that the validation rows find best.
    func integerStep() throws(KuklaError) -> String {
        if let sweptStep { return sweptStep }
        let step = try best(bench.choose(quick: ["0.01"], full: ["0.01", "0.003", "0.001"])) {
            "int8:step=\($0)"
        }
        sweptStep = step
        return step
    }

    /// The first of some settings at which a table's validation AUC is largest, by the first seed, at half the dense table's floats.
    func best(
        _ settings: [String], _ word: (String) -> String
    ) throws(KuklaError) -> String {
        guard settings.count > 1 else { return settings[0] }
        var best = (setting: settings[0], auc: -Double.infinity)
        for setting in settings {
            let table = try TableConfiguration(parsing: word(setting))
            let found = try figures(table, share: 0.5, seed: bench.seeds[0])
            if found.validation > best.auc { best = (setting, found.validation) }
        }
        return best.setting
    }

    /// Trains a table at a share of the dense one's floats; nil where that is below the method's floor.
    func outcome(_ word: String, share: Double?) throws(KuklaError) -> Outcome? {
        let table = try TableConfiguration(parsing: word)
        if let share, try table.floor(for: schema) > schema.budget(share: share) { return nil }
        return try trained(table, share: share)
    }

    private func trained(_ table: TableConfiguration, share: Double?) throws(KuklaError) -> Outcome {
        let key = "\(table) \(share ?? 0)"
        if let known = outcomes[key] { return known }
        var (points, bytes, seconds) = ([Double](), 0, 0.0)
        // A network over hashes learns many times as long as any other table.
        let seeds = table.word == "dhe" ? Array(bench.seeds.prefix(1)) : bench.seeds
        for seed in seeds {
            let figures = try figures(table, share: share, seed: seed)
            points.append(figures.test)
            bytes = figures.bytes
            seconds += figures.seconds
        }
        let outcome = Outcome(
            auc: SeededAUC(each: points), bytes: bytes, seconds: seconds / Double(seeds.count))
        outcomes[key] = outcome
        return outcome
    }

    private typealias Figures = (test: Double, validation: Double, bytes: Int, seconds: Double)

    /// AUC in points, bytes of the served table and seconds of one training.
    private func figures(
        _ table: TableConfiguration, share: Double?, seed: UInt64
    ) throws(KuklaError) -> Figures {
        bench.progress.announce("\(table) at \(share.map { "\($0)" } ?? "no budget"), seed \(seed)")
        let found = try bench.trained(
            experiment, table, width: Self.width, budget: share.map { schema.budget(share: $0) }, seed: seed
        ) {
            [
                100 * ($0.report.test?.auc ?? .nan), 100 * ($0.report.validation?.auc ?? .nan),
                Double($0.report.tableBytes), $0.report.seconds,
            ]
        }
        return (found[0], found[1], Int(found[2]), found[3])
    }

    /// The dense table.
    func dense() throws(KuklaError) -> Outcome {
        try trained(TableConfiguration(parsing: "dense"), share: nil)
    }

    /// Points of AUC that a table loses to the dense one.
    func loss(_ outcome: Outcome) throws(KuklaError) -> Double { try dense().auc.mean - outcome.auc.mean }

    /// Bytes that a table's trained numbers take before its first step.
    func trainedBytes(_ word: String, share: Double) throws(KuklaError) -> Int? {
        let table = try TableConfiguration(parsing: word)
        let budget = schema.budget(share: share)
        guard try table.floor(for: schema) <= budget else { return nil }
        return 4 * (try table.make(for: schema, budget: budget, seed: 1).parameterCount)
    }
}
