import ArgumentParser
import Foundation
import KuklaFormats
import KuklaIndex
import KuklaNumerics
import KuklaStore
import KuklaText

extension CollectionCommand {
    /// `kukla collection reencode`
    struct Reencode: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "reencode",
            abstract: "Bring a collection over to another model: embed all its texts anew.",
            discussion: """
                The new form grows beside the collection and takes its place at once when it is whole. Ids, texts, metadata, indexed paths and aliases \
                stay; the number of dimensions, the metric and the plan may change. Every item needs its text. After an interruption, or a kill, \
                run it again: it goes on where it was. Of a running server's collections: POST /collections/NAME/reencode.

                Examples:
                  kukla collection reencode data notes --model new-model
                  kukla collection reencode data notes --model new-model --dims 256 \\
                      --plan "HNSW16,SQ8"
                  kukla collection reencode data notes --give-up
                """)

        @OptionGroup var store: StoreArguments

        @Argument(help: "The name of the collection.")
        var name: String

        @OptionGroup var model: ModelOptions

        @Option(help: "How many leading dimensions of the model to keep; all where left out.")
        var dims: Int?

        @Option(help: "What the index is made of from then on; as it was where left out.")
        var plan: String?

        @Option(help: "Bytes a vector that the index may cost, in place of a plan.")
        var budget: ByteQuantity?

        @Option(help: "With --budget: how many items there must be before a plan is fitted.")
        var fitAt = 20_000

        @Option(help: "How vectors compare from then on: cosine, ip or l2; as it was where left out.")
        var metric: Metric?

        @Option(help: "Texts that are embedded and written at a time.")
        var batch = 256

        @Flag(help: "Throw away what an interrupted run did, and start anew.")
        var restart = false

        @Flag(help: "Throw away what an interrupted run did, and do no more.")
        var giveUp = false

        @OptionGroup var reporting: OutputOptions

        func validate() throws {
            guard plan == nil || budget == nil else {
                throw ValidationError("Give a --plan or a --budget, not both.")
            }
            guard batch >= 1 else { throw ValidationError("--batch \(batch): expected at least 1 text.") }
            guard dims.map({ $0 >= 1 }) ?? true else {
                throw ValidationError("--dims \(dims ?? 0): expected at least 1.")
            }
            guard !giveUp || !restart && model.model == nil && plan == nil && budget == nil && dims == nil
            else { throw ValidationError("--give-up goes without other options.") }
        }

        private struct Result: Encodable {
            let schemaVersion = 1
            let collection: String
            let model: ModelIdentity
            let report: ReencodingReport
        }

        func run() throws {
            if giveUp {
                return try store.open { store in
                    let isThere = try store.giveUpReencoding(of: name)
                    note("\(name): \(isThere ? "what was re-encoded is gone" : "nothing was begun")")
                }
            }
            let folder = try model.folder()
            let embedder = try model.embedder(folder, space: nil, dimensions: dims)
            let identity = try ModelIdentity(folder: folder)
            let threads = try store.compute.threadCount()
            var request = Reencoding(
                model: identity, modelName: folder.path, dimensions: embedder.dimensions
            ) { texts throws(KuklaError) in
                try embedder.embed(texts, threads: threads, progress: SilentProgress()).vectors
            }
            if let plan { request.plan = .factory(try IndexConfiguration(parsing: plan)) }
            if let budget { request.plan = .budget(bytesPerVector: budget.bytes, items: fitAt) }
            request.metric = metric
            request.batch = batch
            request.startsAnew = restart
            let isStopped = Interrupt.waitingForTheStep()
            try store.open { store in
                let report = try store.reencode(
                    name, with: request, progress: reporting.progress, isStopped: isStopped)
                if reporting.json {
                    return try printJSON(Result(collection: name, model: identity, report: report))
                }
                guard !reporting.quiet else { return }
                let earlier =
                    report.resumed > 0 ? ", \(Quantity.count(report.resumed)) of them by an earlier run" : ""
                note(
                    "\(name): \(Quantity.count(report.count)) items\(earlier), now of \(report.dimensions) dimensions by \(identity.short)\(report.plan.map { ", index \($0)" } ?? "") (\(formatDuration(report.seconds)))"
                )
            }
        }
    }
}
