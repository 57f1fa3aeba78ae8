import ArgumentParser
import Foundation
import KuklaFormats
import KuklaIndex
import KuklaNumerics
import KuklaStore
import KuklaText

extension CollectionCommand {
    /// `kukla collection create`
    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Make a collection, and the store where there is none.",
            discussion: """
                Examples:
                  kukla collection create data notes --dimensions 384
                  kukla collection create data notes --dimensions 384 --plan "HNSW16,SQ8" \\
                      --index-path year --index-path lang
                  kukla collection create data notes --dimensions 384 --budget 48B \\
                      --fit-at 20000 --vectors float16
                """)

        @OptionGroup var store: StoreArguments

        @Argument(help: "The name of the collection.")
        var name: String

        @Option(help: "Components of a vector.")
        var dimensions: Int

        @Option(help: "How vectors compare: cosine, ip or l2.")
        var metric: Metric = .cosine

        @Option(help: "How the vectors are kept: float32 or float16.")
        var vectors = CollectionSettings.VectorFormat.float32

        @Option(help: "What the index is made of, as `kukla index --factory` takes it (F32).")
        var plan: String?

        @Option(help: "Bytes a vector that the index may cost, in place of a plan: it is fitted then.")
        var budget: ByteQuantity?

        @Option(help: "How many items there must be before a plan is fitted to the budget.")
        var fitAt = 20_000

        @Option(help: "A path into metadata whose values are indexed for filters; may be given again.")
        var indexPath: [String] = []

        @Option(help: "The model that makes the vectors: a folder or ORG/NAME.")
        var model: String?

        func validate() throws {
            guard plan == nil || budget == nil else {
                throw ValidationError("Give a --plan or a --budget, not both.")
            }
        }

        func run() throws {
            var kind = CollectionSettings.Plan.exact
            if let plan { kind = .factory(try IndexConfiguration(parsing: plan)) }
            if let budget { kind = .budget(bytesPerVector: budget.bytes, items: fitAt) }
            let folder = try model.map { model throws(KuklaError) in try ModelLocation.resolve(model) }
            let settings = try CollectionSettings(
                dimensions: dimensions, metric: metric, vectorFormat: vectors, plan: kind,
                model: folder?.path)
            let identity = try folder.map { folder throws(KuklaError) in try ModelIdentity(folder: folder) }
            var paths: [MetadataPath] = []
            for path in indexPath { paths.append(try MetadataPath(parsing: path)) }
            try store.open(creating: true) { store in
                let collection = try store.create(name, settings, vectorsBy: identity)
                for path in paths { try collection.index(path) }
            }
        }
    }

    /// `kukla collection drop`
    struct Drop: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "drop", abstract: "Delete a collection with all that it holds.",
            discussion: """
                Example:
                  kukla collection drop data notes
                """)

        @OptionGroup var store: StoreArguments

        @Argument(help: "The name of the collection.")
        var name: String

        func run() throws { try store.open { store in try store.drop(name) } }
    }

    /// What a command wrote.
    private struct Written: Encodable {
        let schemaVersion = 1
        let collection: String
        let inserted: Int
        let replaced: Int
        let deleted: Int
        let count: Int
        let writeSeconds: Double
        var indexSeconds: Double?
        var plan: String?

        init(_ collection: StoredCollection, _ report: WriteReport, since start: ContinuousClock.Instant)
            throws
        {
            self.collection = collection.name.description
            inserted = report.inserted
            replaced = report.replaced
            deleted = report.deleted
            writeSeconds = (ContinuousClock.now - start) / .seconds(1)
            count = try collection.count()
        }

        func show(_ reporting: OutputOptions) throws {
            if reporting.json { return try printJSON(self) }
            guard !reporting.quiet else { return }
            let parts = [(inserted, "inserted"), (replaced, "replaced"), (deleted, "deleted")]
                .filter { $0.0 > 0 }.map { "\(Quantity.count($0.0)) \($0.1)" }
            let rate = Double(inserted + replaced) / max(writeSeconds, 1e-9)
            note(
                "\(collection): \(parts.isEmpty ? "nothing changed" : parts.joined(separator: ", "))\(inserted + replaced > 0 ? " (\(Quantity.rate(rate)) items/s)" : ""); \(Quantity.count(count)) there now"
            )
            if let indexSeconds, let plan {
                note("Index \(plan) made in \(Quantity.fraction(indexSeconds, decimals: 2)) s")
            }
        }
    }

    /// `kukla collection import`
    struct Import: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "import",
            abstract: "Write many items, a batch a transaction, and make the index.",
            discussion: """
                Items are JSON lines with vectors; or vectors of any format beside JSON lines (--items); or vectors alone, named by numbers \
                (--first-id). Texts without vectors are embedded by the collection's model. After an interruption run it again: items with \
                ids that are there are replaced by themselves.

                Examples:
                  kukla collection import data notes items.jsonl
                  kukla collection import data notes vectors.npy --items notes.jsonl
                  kukla collection import data notes vectors.npy --first-id 0
                """)

        @OptionGroup var store: StoreArguments

        @Argument(help: "The name of the collection.")
        var name: String

        @Argument(help: "JSON lines of items, or vectors; - for JSON lines on standard input.")
        var file: String

        @Option(help: "JSON lines with ids, texts and metadata of the vectors.")
        var items: String?

        @Option(help: "What the first item without an id is called; the next ones count on.")
        var firstID: UInt64?

        @Option(help: "Items of one transaction.")
        var batch = 4096

        @Flag(help: "Print, after each batch that is on disk, how many items are.")
        var acknowledge = false

        @Flag(help: "Leave the index as it is.")
        var noIndex = false

        @OptionGroup var model: ModelOptions
        @OptionGroup var reporting: OutputOptions

        func validate() throws {
            guard batch >= 1 else { throw ValidationError("--batch \(batch): expected at least 1 item.") }
        }

        func run() throws {
            let progress = reporting.progress
            try store.collection(name) { collection in
                let start = ContinuousClock.now
                let reader = try reader(for: collection)
                let report = try collection.importItems(reader, batch: batch, progress: progress) { total in
                    guard acknowledge else { return }
                    // Not by print, which keeps lines back until there are many.
                    FileHandle.standardOutput.write(Data("\(total.inserted + total.replaced)\n".utf8))
                }
                var written = try Written(collection, report, since: start)
                if !noIndex {
                    let start = ContinuousClock.now
                    written.plan = try collection.compact(progress: progress).configuration?.description
                    written.indexSeconds = (ContinuousClock.now - start) / .seconds(1)
                }
                try written.show(reporting)
            }
        }

        private func reader(for collection: StoredCollection) throws(KuklaError) -> ItemBatchReader {
            let settings = collection.settings
            if let items {
                return try ItemBatchReader(
                    lines: ByteSource(URL(fileURLWithPath: items)),
                    vectors: VectorFile.open(URL(fileURLWithPath: file)), dimensions: settings.dimensions,
                    firstNumber: firstID)
            }
            let source = try file == "-" ? ByteSource.standardInput() : ByteSource(URL(fileURLWithPath: file))
            let first = try source.peek(4096).first { $0 > 0x20 }
            guard file == "-" || first == UInt8(ascii: "{") else {
                return try ItemBatchReader(
                    lines: nil, vectors: VectorFile.open(URL(fileURLWithPath: file)),
                    dimensions: settings.dimensions, firstNumber: firstID)
            }
            let embedder = CollectionEmbedder(
                of: collection, model, threads: try store.compute.threadCount())
            return try ItemBatchReader(
                lines: source, dimensions: settings.dimensions, firstNumber: firstID,
                embed: embedder.embedItems)
        }
    }

    /// `kukla collection upsert`
    struct Upsert: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "upsert",
            abstract: "Write a few items, all or none: JSON lines from a file or standard input.",
            discussion: """
                Examples:
                  kukla collection upsert data notes new.jsonl
                  echo '{"id": "n1", "text": "a note", "vector": [0.1, 0.2]}' \\
                      | kukla collection upsert data notes
                """)

        @OptionGroup var store: StoreArguments

        @Argument(help: "The name of the collection.")
        var name: String

        @Argument(help: "JSON lines of items; standard input where left out.")
        var file: String?

        @OptionGroup var model: ModelOptions
        @OptionGroup var reporting: OutputOptions

        func run() throws {
            try store.collection(name) { collection in
                let start = ContinuousClock.now
                let settings = collection.settings
                let embedder = CollectionEmbedder(
                    of: collection, model, threads: try store.compute.threadCount())
                let source = try file.map { try ByteSource(URL(fileURLWithPath: $0)) } ?? .standardInput()
                let reader = try ItemBatchReader(
                    lines: source, dimensions: settings.dimensions, embed: embedder.embedItems)
                let batch = try reader.next(1_000_000)
                guard try reader.next(1) == nil else {
                    throw KuklaError(
                        .usage,
                        "Cannot write more than 1,000,000 items at once: take `kukla collection import`.")
                }
                let report = try batch.map { try collection.upsert($0) } ?? WriteReport()
                if try collection.info().unheld > 0 { try collection.compact(progress: reporting.progress) }
                try Written(collection, report, since: start).show(reporting)
            }
        }
    }

    /// `kukla collection delete`
    struct Delete: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "delete", abstract: "Delete items by their ids or by a filter.",
            discussion: """
                Examples:
                  kukla collection delete data notes n17 n18
                  kukla collection delete data notes --where '{"lang": "de"}'
                """)

        @OptionGroup var store: StoreArguments

        @Argument(help: "The name of the collection.")
        var name: String

        @Argument(help: "Ids; a number also means the text of these digits.")
        var ids: [String] = []

        @OptionGroup var condition: FilterOption
        @OptionGroup var reporting: OutputOptions

        func validate() throws {
            guard ids.isEmpty == (condition.condition != nil) else {
                throw ValidationError("Say what to delete: ids, or --where and a filter.")
            }
        }

        func run() throws {
            let filter = try condition.filter()
            try store.collection(name) { collection in
                let start = ContinuousClock.now
                let report =
                    try filter.map { try collection.delete(where: $0) }
                    ?? collection.delete(ids.flatMap(itemIDs))
                try Written(collection, report, since: start).show(reporting)
            }
        }
    }

    /// `kukla collection index`
    struct Index: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "index", abstract: "Index the values at paths into metadata, for filters.",
            discussion: """
                Example:
                  kukla collection index data notes year source.host
                """)

        @OptionGroup var store: StoreArguments

        @Argument(help: "The name of the collection.")
        var name: String

        @Argument(help: "The paths, such as year or source.host.")
        var paths: [String]

        func run() throws {
            try store.collection(name) { collection in
                for path in paths { try collection.index(MetadataPath(parsing: path)) }
            }
        }
    }
}
