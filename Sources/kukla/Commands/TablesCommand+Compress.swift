import ArgumentParser
import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTables
import KuklaTensor

extension TablesCommand {
    /// `kukla tables compress`: a trained table made small, without training further.
    struct Compress: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "compress",
            abstract: "Store the table of a trained model in a smaller way, without training further.",
            discussion: """
                Writes a model folder with the same network over another table. After training there are int8 and int16 (one step), \
                alpt (a step a row), dpq (product quantization), mde (truncated singular values), either of them in groups of vectors of \
                like length (magnitude), tt (TT-SVD), dedup and deeplight (the largest weights). `kukla tables predict` with labelled rows says what it costs.

                Examples:
                  kukla tables compress model --table int8 -o small
                  kukla tables compress model --table mde --budget 0.25 -o small
                """)

        @Argument(help: "The model folder.")
        var model: String

        @Option(help: "How vectors are stored: a method and its options.")
        var table: String

        @Option(help: "What the table may take: 0.1 of a float row for each id, or 64MB.")
        var budget: Budget?

        @Option(help: "The seed of what a method draws.")
        var seed: UInt64 = 1

        @Option(name: .shortAndLong, help: "The folder to write.")
        var output: String

        @OptionGroup var compute: ComputeOptions
        @OptionGroup var reporting: OutputOptions

        private struct Result: Encodable {
            let schemaVersion = 1
            let output: String
            let table: String
            let budgetBytes: Int?
            let tableBytes: Int
            let denseBytes: Int
            /// The sum of squared differences of all components over the sum of squares.
            let relativeError: Double
        }

        func run() throws {
            let method = try TableConfiguration(parsing: table)
            let folder = try ClickModelFolder(URL(fileURLWithPath: model))
            let trained = folder.scorer.table
            let bytes = budget.map { $0.bytes(for: trained.schema) }
            let small = try TensorThreads.limited(to: compute.threadCount()) { () throws(KuklaError) in
                try method.compress(trained, budget: bytes, seed: seed)
            }
            try folder.save(with: small, to: URL(fileURLWithPath: output))
            let result = Result(
                output: output, table: small.configuration.description, budgetBytes: bytes,
                tableBytes: small.byteCount, denseBytes: small.schema.denseByteCount,
                relativeError: small.relativeError(to: trained))
            if reporting.json { return try printJSON(result) }
            let share = Double(result.tableBytes) / Double(max(1, result.denseBytes))
            print(
                "table       \(result.table), \(Quantity.bytes(result.tableBytes)) (\(Quantity.fraction(100 * share, decimals: 1))% of a float row for each id), relative squared error \(Quantity.fraction(result.relativeError, decimals: 4))"
            )
            note("wrote \(output)")
        }
    }
}
