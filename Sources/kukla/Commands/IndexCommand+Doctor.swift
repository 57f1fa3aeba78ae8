import ArgumentParser
import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaIndex
import KuklaNumerics

extension IndexCommand {
    /// `kukla index doctor`: why searches miss what they miss.
    struct Doctor: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "doctor",
            abstract:
                "Say how much searches of a collection find, why they miss the rest, and what to change.",
            discussion: """
                Looks at the vectors (local dimension, hubs), at the graph (what no walk reaches, path lengths) and at the recall of \
                searches against all vectors compared by the collection's finest codes. Without --queries some of the stored vectors ask, \
                taken out of a copy of the graph first. --repair builds a graph anew from the vectors, also where the old one is \
                damaged.

                Examples:
                  kukla index doctor notes.kukla
                  kukla index doctor vectors.kukla --queries q.npy --recall 0.99 --json
                  kukla index doctor damaged.kukla --repair -o whole.kukla
                """)

        @Argument(help: "The collection file.")
        var collection: String

        @Option(help: "Query vectors.")
        var queries: String?

        @Option(help: "How much of the k best searches should find.")
        var recall = 0.95

        @Option(name: .short, help: "How many matches.")
        var k = 10

        @Option(help: "Vectors that are looked at.")
        var sample = 2000

        @Flag(help: "Write the collection with a graph built anew to --output.")
        var repair = false

        @Option(name: .shortAndLong, help: "The file that --repair writes.")
        var output: String?

        @OptionGroup var compute: ComputeOptions
        @OptionGroup var reporting: OutputOptions

        private struct Result: Encodable {
            let schemaVersion = 1
            let collection: String
            let examination: IndexExamination
        }

        func validate() throws {
            guard repair == (output != nil) else {
                throw ValidationError("--repair and --output go together: the file that is there stays.")
            }
            guard (0...1).contains(recall) else {
                throw ValidationError("--recall \(recall): expected 0 to 1.")
            }
            guard k >= 1 else { throw ValidationError("-k \(k): ask for at least 1 match.") }
            guard sample >= 20 else {
                throw ValidationError("--sample \(sample): look at 20 vectors or more.")
            }
        }

        func run() throws {
            let url = URL(fileURLWithPath: collection)
            let threads = try compute.threadCount()
            if let output {
                let count = try CollectionFile(url, ignoresGraph: true).rebuild(
                    to: URL(fileURLWithPath: output), threads: threads, progress: reporting.progress)
                if !reporting.quiet { note("\(output): \(Quantity.count(count)) vectors, graph built anew") }
                return
            }
            let file = try CollectionFile(url)
            let examination = try IndexExamination(
                of: file.index, recall: recall,
                queries: queries.map { try VectorFile.readAll(URL(fileURLWithPath: $0)) },
                count: k, sample: sample, threads: threads, progress: reporting.progress)
            if reporting.json {
                return try printJSON(Result(collection: collection, examination: examination))
            }
            show(examination)
        }

        private func show(_ found: IndexExamination) {
            print(
                "\(collection): \(Quantity.count(found.count)) vectors of \(found.dimensions) dimensions as \(found.factory), \(Quantity.bytesPerVector(found.bytesPerVector)) bytes each"
            )
            let local = found.localDimension.map { Quantity.fraction($0, decimals: 1) }
            print("local dimension  \(local[1]) (5% below \(local[0]), 5% above \(local[2]))")
            print("hubness          \(Quantity.fraction(found.hubness, decimals: 1))")
            if let graph = found.graph {
                print(
                    """
                    layers           \(graph.layerCounts.map { Quantity.count($0) }.joined(separator: ", "))
                    unreachable      \(Quantity.count(graph.unreachable)); without a link to them \(Quantity.count(graph.withoutInLinks))
                    links            \(Quantity.fraction(graph.meanDegree, decimals: 1)) a node; \(Quantity.fraction(100 * graph.hubShare, decimals: 1))% of them lead to 1% of the nodes
                    path             \(Quantity.fraction(graph.meanPathLength, decimals: 1)) steps, at most \(graph.longestPath)
                    """)
            }
            for (name, measured) in [
                ("recall@\(found.k)", found.present), ("recommended", found.recommended),
            ] {
                guard let measured else { continue }
                print(
                    name.padding(toLength: 17, withPad: " ", startingAt: 0)
                        + "\(Quantity.fraction(measured.recall)) at effort \(measured.effort), \(Quantity.rate(measured.queriesPerSecond)) queries/s on one thread"
                )
            }
            for sentence in found.advice { print("- " + sentence) }
        }
    }
}
