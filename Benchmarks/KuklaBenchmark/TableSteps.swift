import Foundation
import KuklaNumerics
import KuklaTables
import KuklaTensor

/// Our side of `Benchmarks/peers/table_rows.py`: DLRM over MovieLens-1M with a float row for each id.
enum TableSteps {
    /// Batches of 2,048 in an endless shuffled order, Adam (row-sparse in the table): each call takes one.
    static func training(folder: URL) throws -> () throws -> Float {
        let set = try examples(folder)
        let table = try TableConfiguration(parsing: "dense").make(for: set.tableSchema(width: 16), seed: 1)
        let network = try configuration.make(CTRShape(set.schema, widths: table.widths), seed: 1)
        return try TableTrainer(
            set, table: table, network: network, options: TrainerOptions(batchSize: 2048)
        ).steps()
    }

    /// Each call scores one example, given as ids.
    static func prediction(folder: URL) throws -> () -> Float {
        let set = try examples(folder)
        let table = try TableConfiguration(parsing: "dense").make(for: set.tableSchema(width: 16), seed: 1)
        let network = try configuration.make(CTRShape(set.schema, widths: table.widths), seed: 1)
        let scorer = ClickScorer(table: try table.served(), network: network)
        let batches = (0..<Int32(512)).map { set.store.batch([$0 * 1000]) }
        var turn = 0
        return {
            turn = (turn + 1) % batches.count
            return scorer.logits(batches[turn]).item
        }
    }

    private static let configuration = CTRConfiguration(.dlrm, hidden: [128, 64])

    private static func examples(_ folder: URL) throws -> ExampleSet {
        let yaml = """
            label: liked
            categorical: [user_id, movie_id, gender, age, occupation, zip]
            join: [{file: users.dat, on: user_id, separator: "::", columns: [user_id, gender, age, occupation, zip]}]
            """
        return try ExampleSet(
            [.init(folder.appending(path: "interactions.csv.gz"))],
            schema: DataSchema(yaml: yaml, folder: folder))
    }
}
