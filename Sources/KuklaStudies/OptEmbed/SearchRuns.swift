import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTables

/// Trainings of one model over searched tables and what they are compared with.
final class SearchRuns {
    static let width = 16
    static let rate = "0.01"
    static let alpha = "0.001"
    /// The column of random ids.
    static let planted = "planted"

    /// What came of a table.
    struct Outcome {
        let auc: SeededAUC
        /// Bytes of the served table, words that remap ids included; the mean over seeds.
        let bytes: Double
        /// Of each field the kept share of its dense floats, where the table says so; the mean over seeds.
        let shares: [Double]
    }

    let bench: StudyBench
    let set: ExampleSet
    private let options: TrainerOptions

    init(_ bench: StudyBench) throws(KuklaError) {
        self.bench = bench
        set = try bench.filmClicks()
        options = TrainerOptions(
            batchSize: bench.choose(quick: 512, full: 2048), epochs: bench.choose(quick: 1, full: 40),
            checksPerEpoch: 1, patience: 2)
    }

    /// The words of a search.
    static func word(_ search: String) -> String {
        "optembed:rate=\(rate),alpha=\(alpha),search=\(search),population=20,rounds=15"
    }

    func train(
        _ word: String, on set: ExampleSet? = nil, width: Int = SearchRuns.width, share: Double? = nil,
        seeds: [UInt64]? = nil
    ) throws(KuklaError) -> Outcome {
        let set = set ?? self.set
        let experiment = TableExperiment(set, network: CTRConfiguration(.deepfm), options: options)
        let table = try TableConfiguration(parsing: word)
        let schema = set.tableSchema(width: width)
        var (points, bytes) = ([Double](), 0.0)
        var shares = [Double](repeating: 0, count: schema.fields.count)
        let seeds = seeds ?? bench.seeds
        for seed in seeds {
            bench.progress.announce("\(word), d = \(width), seed \(seed)")
            let trained = try experiment.train(
                table, width: width, budget: share.map { schema.budget(share: $0) }, seed: seed)
            points.append(100 * (trained.report.test?.auc ?? .nan))
            bytes += Double(trained.report.tableBytes) / Double(seeds.count)
            for (i, field) in schema.fields.enumerated() {
                let rows = trained.table.arrays.first { $0.name == "rows.\(i)" }?.shape ?? [0, 0]
                shares[i] += Double(rows[0] * rows[1]) / Double(field.count * width * seeds.count)
            }
        }
        return Outcome(auc: SeededAUC(each: points), bytes: bytes, shares: shares)
    }

    /// The set with a column of 5,000 uniform random ids.
    func withPlantedField() throws(KuklaError) -> ExampleSet {
        var schema = set.schema
        schema.categorical.append(.init(Self.planted))
        let file = FileManager.default.temporaryDirectory.appending(path: "kukla-planted-\(UUID()).csv")
        defer { try? FileManager.default.removeItem(at: file) }
        try writePlanted(to: file)
        return try ExampleSet([.init(file)], schema: schema)
    }

    private func writePlanted(to file: URL) throws(KuklaError) {
        var random = RandomSource(seed: 11)
        let reader = try LineReader(ByteSource(bench.data("movielens-1m/interactions.csv.gz")))
        let writer = try AtomicFile(file)
        var (text, count) = ("", 0)
        let most = bench.choose(quick: 12_000, full: Int.max)
        while count <= most, let line = try reader.nextString() {
            let id = count == 0 ? Self.planted : String(Int.random(in: 0..<5000, using: &random))
            text += line + "," + id + "\n"
            count += 1
            if text.utf8.count > 1 << 20 {
                try writer.write(text)
                text = ""
            }
        }
        try writer.write(text)
        try writer.commit()
    }
}
