import ArgumentParser
import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaIndex
import KuklaNumerics

/// `kukla bench`: how fast it is here, on your data.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure speed and recall on your own data.",
        subcommands: [Search.self])

    /// `kukla bench search`: the curve of recall and speed.
    struct Search: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "search",
            abstract: "Recall, queries a second, latency and work of searches, effort by effort.",
            discussion: """
                Effort is the width of the beam in a graph (efSearch) or the number of lists looked through (nprobe). The truth is a \
                file of row numbers, the best of each query first (ivecs or npy); without one it is what the collection finds by \
                comparing all of its finest codes.

                Examples:
                  kukla bench search vectors.kukla --queries q.npy --truth gt.ivecs --threads 1
                  kukla bench search vectors.kukla --queries q.npy --efforts 16,32,64 \\
                      --format json
                  kukla bench search vectors.kukla --queries q.npy --chart curve.svg
                """)

        @Argument(help: "The collection file.")
        var collection: String

        @Option(help: "Query vectors: .npy, .fvecs, .bvecs, .jsonl or idx, each also as .gz.")
        var queries: String

        @Option(help: "The rows of the true matches of each query, best first.")
        var truth: String?

        @Option(name: .short, help: "How many matches.")
        var k = 10

        @Option(help: "Efforts to measure, such as 16,32,64; chosen where left out.")
        var efforts: String?

        @Option(help: "Where to draw recall against speed, as SVG.")
        var chart: String?

        @Option(help: "table or json.")
        var format = Format.table

        @OptionGroup var compute: ComputeOptions
        @OptionGroup var reporting: OutputOptions

        enum Format: String, CaseIterable, ExpressibleByArgument { case table, json }

        private struct Result: Encodable {
            let schemaVersion = 1
            let collection: String
            let factory: String
            let count: Int
            let dimensions: Int
            let bytesPerVector: Double
            let fileBytesPerVector: Double
            let queries: Int
            let k: Int
            let threads: Int
            let points: [SearchSweep.Point]
        }

        func validate() throws {
            guard k >= 1 else { throw ValidationError("-k \(k): ask for at least 1 match.") }
        }

        func run() throws {
            let file = try CollectionFile(URL(fileURLWithPath: collection))
            let sweep = try SearchSweep(
                of: file.index, queries: VectorFile.readAll(URL(fileURLWithPath: queries)),
                truth: truth.map { try IntegerMatrix(URL(fileURLWithPath: $0)) }, count: k,
                efforts: wantedEfforts(),
                threads: compute.threadCount(), progress: reporting.progress)
            if let chart {
                let title =
                    "\(file.details.factory), \(Quantity.count(file.details.count)) x \(file.details.dimensions)"
                try AtomicFile.write(sweep.chart(name: title).svg(), to: URL(fileURLWithPath: chart))
            }
            if reporting.json || format == .json {
                return try printJSON(
                    Result(
                        collection: collection, factory: file.details.factory.description,
                        count: file.details.count, dimensions: file.details.dimensions,
                        bytesPerVector: file.index.bytesPerVector,
                        fileBytesPerVector: file.index.fileBytesPerVector, queries: sweep.queries, k: k,
                        threads: sweep.threads, points: sweep.points))
            }
            let isTiered = file.index.fileReads != nil
            let table = TextTable(
                columns: [
                    .init("effort", .right), .init("recall@\(k)", .right), .init("queries/s", .right),
                    .init("p50 ms", .right), .init("p99 ms", .right), .init("compared", .right),
                ] + (isTiered ? [.init("read bytes", .right), .init("reads", .right)] : []),
                rows: sweep.points.map { point in
                    [
                        point.effort.map { "\($0)" } ?? "all", Quantity.fraction(point.recall, decimals: 4),
                        Quantity.rate(point.queriesPerSecond),
                        Quantity.fraction(point.p50Milliseconds), Quantity.fraction(point.p99Milliseconds),
                        Quantity.count(Int(point.comparisonsPerQuery.rounded())),
                    ]
                        + [point.bytesReadPerQuery, point.readsPerQuery].compactMap {
                            $0.map { Quantity.count(Int($0.rounded())) }
                        }
                })
            print(table.text())
            note(
                "\(Quantity.count(sweep.queries)) queries on \(sweep.threads) threads; latencies of one query alone on one thread"
            )
        }

        private func wantedEfforts() throws(KuklaError) -> [Int]? {
            guard let efforts else { return nil }
            let numbers = efforts.split(separator: ",").map { Int($0.trimmingPrefix(" ")) }
            let known = numbers.compactMap(\.self)
            guard !known.isEmpty, known.count == numbers.count, known.allSatisfy({ $0 >= 1 }) else {
                throw KuklaError(
                    .usage, "Cannot read --efforts '\(efforts)': expected numbers from 1, such as 16,32,64.")
            }
            return known
        }
    }
}
