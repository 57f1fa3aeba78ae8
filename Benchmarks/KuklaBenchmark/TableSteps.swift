import Dispatch
import Foundation
import KuklaNumerics
import KuklaTables
import KuklaTensor

/// Our side of `Benchmarks/peers/table_rows.py`: DLRM over MovieLens-1M with a float row for each id.
enum TableSteps {
    /// Batches of 2,048 in an endless shuffled order, row-sparse in the table: each call takes one.
    static func training(folder: URL, rule: TrainerOptions.Rule) throws -> () throws -> Float {
        let set = try examples(folder)
        let table = try TableConfiguration(parsing: "dense").make(for: set.tableSchema(width: 16), seed: 1)
        let network = try configuration.make(CTRShape(set.schema, widths: table.widths), seed: 1)
        return try TableTrainer(
            set, table: table, network: network, options: TrainerOptions(rule: rule, batchSize: 2048)
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

    /// A million random rows of a table, in batches of 2,048 into memory that stays: each call looks up all of them.
    ///
    /// - Parameters:
    ///   - kind: `float` or `int8` rows.
    ///   - readsOnly: whether one word of each row is read and nothing else, which is what the memory allows.
    static func lookups(_ kind: String, readsOnly: Bool, rows: Int, width: Int, threads: Int = 2) throws -> ()
        -> Void
    {
        let count = 1_000_000
        let schema = TableSchema(fields: [TableField(name: "id", count: rows)], width: width)
        let table = try TableConfiguration(parsing: kind == "int8" ? "int8" : "dense").make(
            for: schema, seed: 1
        ).served()
        var random = RandomSource(seed: 1)
        let ids = (0..<count).map { _ in Int32.random(in: 0..<Int32(rows), using: &random) }
        let each = count / threads
        guard readsOnly else {
            return {
                DispatchQueue.concurrentPerform(iterations: threads) { thread in
                    ids.withUnsafeBufferPointer { ids in
                        withUnsafeTemporaryAllocation(of: Float.self, capacity: 2048 * width) { out in
                            [0].withUnsafeBufferPointer { fields in
                                for start in stride(from: thread * each, to: (thread + 1) * each, by: 2048) {
                                    table.lookup(
                                        ids.baseAddress! + start,
                                        rows: min(2048, (thread + 1) * each - start),
                                        fields: fields, into: out.baseAddress!)
                                }
                            }
                        }
                    }
                }
            }
        }
        let rowBytes = table.arrays[0].byteCount / rows
        return {
            table.arrays[0].withUnsafeBytes { bytes in
                nonisolated(unsafe) let bytes = bytes  // only read
                DispatchQueue.concurrentPerform(iterations: threads) { thread in
                    var sum: UInt64 = 0
                    for id in ids[thread * each..<(thread + 1) * each] {
                        sum &+= bytes.load(fromByteOffset: rowBytes * Int(id), as: UInt64.self)
                    }
                    // Something must come of what was read.
                    if sum == .max { print(sum) }
                }
            }
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
