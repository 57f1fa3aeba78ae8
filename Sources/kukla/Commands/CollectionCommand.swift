public import ArgumentParser
import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaIndex
import KuklaNumerics
import KuklaStore

/// `kukla collection`: collections that survive crashes.
struct CollectionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collection",
        abstract: "Keep items with text, metadata and vectors in a store, and search them.",
        discussion: """
            A store is a folder of collections that one process holds at a time. What a command reports as written is on disk. Items are \
            JSON lines: {"id": ..., "text": ..., "metadata": {...}, "vector": [...]}; members of other names are metadata too.

            Filters (--where) are JSON: {"lang": "en", "year": {"$gte": 2020}}, with $eq $ne $in $nin $gt $gte $lt $lte $exists $contains \
            $and $or $not.

            Examples:
              kukla collection create data notes --dimensions 384 \\
                  --plan "PQ48x4fs,Refine(SQ8)"
              kukla collection import data notes vectors.npy --items notes.jsonl
              kukla collection search data notes "the logo" \\
                  --where '{"year": {"$gte": 2024}}'
              kukla collection snapshot data notes -o backup
            """,
        subcommands: [
            Create.self, Drop.self, Import.self, Upsert.self, Delete.self, Get.self, Scan.self, Count.self,
            Search.self, Index.self, Compact.self, Check.self, Plan.self, Snapshot.self, Restore.self,
            Alias.self, Reencode.self, Info.self,
        ])
}

/// Which store, and how it is worked with.
struct StoreArguments: ParsableArguments {
    @Argument(help: "The folder of the store.")
    var store: String

    @Option(
        help: "Memory for fresh vectors, database pages and training, beside the codes: 512MB.")
    var memory = ByteQuantity(bytes: 512e6)

    @Option(
        help:
            "When a write counts as done: full (the disk has it) or process (the system has it: a power cut may take the last writes)."
    )
    var durability = StoreOptions.Durability.full

    @OptionGroup var compute: ComputeOptions

    /// Runs `body` with the store, and closes it.
    func open(creating: Bool = false, _ body: (Store) throws -> Void) throws {
        let store = try Store(
            URL(fileURLWithPath: store), createsFolder: creating, options: options { complain($0) })
        defer { store.close() }
        try body(store)
    }

    /// Runs `body` with the collection `name`; makes its index again first where that is damaged.
    func collection(_ name: String, _ body: (StoredCollection) throws -> Void) throws {
        let isDamaged = Guarded(false)
        let store = try Store(
            URL(fileURLWithPath: store), createsFolder: false,
            options: options { sentence in
                complain(sentence)
                isDamaged.withLock { $0 = true }
            })
        defer { store.close() }
        let collection = try store.collection(name)
        if isDamaged.withLock({ $0 }) { try collection.compact() }
        try body(collection)
    }

    private func options(_ report: @escaping @Sendable (String) -> Void) throws -> StoreOptions {
        let threads = try compute.threadCount()
        var options = StoreOptions(memory: Int(min(memory.bytes, 0x1p50)), threads: threads)
        options.durability = durability
        // A command ends before a background has done anything.
        options.maintenance = .manual
        options.fitter = BudgetFitter(threads: threads)
        options.report = report
        return options
    }
}

/// The budget planner as stores know it.
struct BudgetFitter: PlanFitter {
    let threads: Int

    func fit(
        _ vectors: Matrix, count: Int, bytesPerVector: Double, metric: Metric
    ) throws(KuklaError) -> FittedPlan {
        var planner = BudgetPlanner(budget: bytesPerVector)
        planner.metric = metric
        planner.threads = threads
        let found = try planner.fit(vectors: vectors)
        do {
            return FittedPlan(
                configuration: try IndexConfiguration(parsing: found.plan), effort: found.effort,
                report: try found.json())
        } catch {
            throw KuklaError(.badData, "Cannot keep the plan '\(found.plan)'.", cause: error)
        }
    }
}

/// A filter as JSON.
struct FilterOption: ParsableArguments {
    @Option(name: .customLong("where"), help: "Only items for which this filter holds, as JSON.")
    var condition: String?

    func filter() throws(KuklaError) -> Filter? {
        guard let condition else { return nil }
        return try Filter(parsing: condition)
    }
}

extension StoreOptions.Durability: ExpressibleByArgument {}
extension CollectionSettings.VectorFormat: ExpressibleByArgument {}

/// An item as a JSON line that an import reads again.
private struct ItemLine: Encodable {
    let id: ItemID
    let text: String?
    let metadata: [String: JSONValue]
    let vector: [Float]?

    enum CodingKeys: CodingKey { case id, text, metadata, vector }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch id {
        case .number(let number): try container.encode(number, forKey: .id)
        case .text(let text): try container.encode(text, forKey: .id)
        }
        try container.encodeIfPresent(text, forKey: .text)
        if !metadata.isEmpty { try container.encode(metadata, forKey: .metadata) }
        try container.encodeIfPresent(vector, forKey: .vector)
    }
}

func printLine(_ item: StoredItem) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let line = ItemLine(id: item.id, text: item.text, metadata: item.metadata, vector: item.vector)
    print(String(decoding: try encoder.encode(line), as: UTF8.self))
}

/// The ids that a word may mean: a text, and the number that it writes.
func itemIDs(_ word: String) -> [ItemID] {
    [.text(word)] + (UInt64(word).map { [.number($0)] } ?? [])
}
