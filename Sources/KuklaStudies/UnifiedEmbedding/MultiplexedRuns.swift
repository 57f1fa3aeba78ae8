import KuklaNumerics
import KuklaTables
import KuklaTensor

/// Trainings of one model over shared and separate rows.
final class MultiplexedRuns {
    static let width = 30

    let bench: StudyBench
    let set: ExampleSet
    let schema: TableSchema
    let batchSize: Int
    /// Rows at the full size: one for each id.
    let rows: Int
    private let experiment: TableExperiment

    init(_ bench: StudyBench) throws(KuklaError) {
        self.bench = bench
        set = try bench.filmClicks()
        schema = set.tableSchema(width: Self.width)
        rows = schema.idCount
        batchSize = bench.choose(quick: 256, full: 512)
        experiment = TableExperiment(
            set, network: CTRConfiguration(.dcn, hidden: [192], crossLayers: 1),
            options: TrainerOptions(
                batchSize: batchSize, epochs: bench.choose(quick: 1, full: 40), checksPerEpoch: 1, patience: 3
            ))
    }

    /// AUC of a table within a share of the full size, and the mean squared norm of its rows.
    func train(_ word: String, share: Double) throws(KuklaError) -> (auc: SeededAUC, squaredNorm: Double) {
        let table = try TableConfiguration(parsing: word)
        var (points, norms) = ([Double](), [Double]())
        for seed in bench.seeds {
            bench.progress.announce("\(word) at \(share), seed \(seed)")
            let figures = try bench.trained(
                experiment, table, width: Self.width, budget: schema.budget(share: share), seed: seed
            ) { [100 * ($0.report.test?.auc ?? .nan), Self.squaredNorm($0.table)] }
            points.append(figures[0])
            norms.append(figures[1])
        }
        return (SeededAUC(each: points), norms.reduce(0, +) / Double(norms.count))
    }

    /// The mean over a served matrix's rows of the sum of their squares; NaN where there is none.
    private static func squaredNorm(_ table: any ServedTable) -> Double {
        guard let weight = table.arrays.first(where: { $0.name == "weight" }) else { return .nan }
        return weight.withUnsafeBytes { bytes in
            bytes.bindMemory(to: Float.self).reduce(0.0) { $0 + Double($1) * Double($1) }
        } / Double(weight.shape[0])
    }
}
