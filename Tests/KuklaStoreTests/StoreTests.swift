import Foundation
import KuklaIndex
import KuklaNumerics
import KuklaStore
import KuklaTestSupport
import Testing

/// The folder of collections: names, lock, aliases, snapshots.
@Suite struct StoreTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test(arguments: [
        "", ".", "..", "a/b", "../x", "a..b", "a\0b", "-a", "a b", "ä", ".hidden", "a\n",
        String(repeating: "a", count: 101),
    ])
    func `tricks with names are refused`(name: String) throws {
        let store = try folder.store()
        let settings = try CollectionSettings(dimensions: 2)
        #expect(failure { try store.create(name, settings) }?.code == .usage)
        #expect(failure { _ = try store.collection(name) }?.code == .usage)
        #expect(failure { try store.setAlias(name, to: "x") }?.code == .usage)
        #expect(store.names.isEmpty)
    }

    @Test func `an unknown collection is named, with the nearest one`() throws {
        let store = try folder.store()
        try store.create("notes", CollectionSettings(dimensions: 2))
        let error = failure { _ = try store.collection("nots") }
        #expect(error?.code == .usage && error?.message.contains("Did you mean 'notes'") == true)
        #expect(failure { try store.create("notes", CollectionSettings(dimensions: 2)) }?.code == .usage)
    }

    @Test func `settings that make no sense are refused`() throws {
        #expect(failure { _ = try CollectionSettings(dimensions: 0) }?.code == .usage)
        let plan = CollectionSettings.Plan.factory(try .init(parsing: "PQ7"))
        #expect(failure { _ = try CollectionSettings(dimensions: 16, plan: plan) }?.code == .usage)
        let budget = CollectionSettings.Plan.budget(bytesPerVector: 0, items: 100)
        #expect(failure { _ = try CollectionSettings(dimensions: 16, plan: budget) }?.code == .usage)
    }

    @Test func `a second opener is told who holds the store`() throws {
        let store = try folder.store()
        let error = failure { _ = try folder.store() }
        #expect(error?.code == .inputOutput)
        #expect(error?.message.contains("process \(getpid())") == true, "\(error as Any)")
        store.close()
        _ = try folder.store()
    }

    @Test func `a folder of other files is not made a store`() throws {
        try Data("x".utf8).write(to: folder.url.appending(path: "x"))
        #expect(failure { _ = try Store(folder.url) }?.code == .badData)
        let missing = folder.url.appending(path: "none")
        #expect(failure { _ = try Store(missing, createsFolder: false) }?.code == .missingFile)
        #expect(!FileManager.default.fileExists(atPath: missing.path))
    }

    @Test func `an alias switches from one collection to another`() throws {
        let store = try folder.store()
        for (place, name) in ["old", "new"].enumerated() {
            try store.create(name, CollectionSettings(dimensions: 2))
                .upsert(ItemBatch(numbers: place..<place + 1, dimensions: 2))
        }
        try store.setAlias("live", to: "old")
        #expect(try store.collection("live").name.description == "old")
        try store.setAlias("live", to: "new")
        #expect(try store.collection("live").items([.number(1)]).count == 1)
        #expect(failure { try store.drop("new") }?.code == .usage)
        #expect(failure { try store.setAlias("old", to: "new") }?.code == .usage)
        #expect(failure { try store.setAlias("x", to: "none") }?.code == .usage)
        #expect(failure { try store.create("live", CollectionSettings(dimensions: 2)) }?.code == .usage)
        store.close()
        let again = try folder.store()
        #expect(try again.aliases().map { "\($0) \($1)" } == ["live new"])
        try again.setAlias("live", to: nil)
        #expect(failure { _ = try again.collection("live") }?.code == .usage)
        try again.drop("new")
        #expect(again.names.map(\.description) == ["old"])
    }

    @Test func `a snapshot holds one moment and is restored whole`() throws {
        let store = try folder.store()
        let notes = try store.create(
            "notes", CollectionSettings(dimensions: 4, plan: .factory(.init(parsing: "SQ8"))))
        try notes.upsert(ItemBatch(numbers: 0..<100, dimensions: 4))
        try notes.compact()
        try notes.upsert(ItemBatch(numbers: 90..<120, dimensions: 4))
        try notes.delete([.number(5)])
        let query = SearchRequest(vector: [1, 2, 3, 4], text: "word3", count: 20)
        let before = try notes.search(query)
        let items = try notes.scan(count: 1000, withVectors: true)
        let target = folder.url.appending(path: "copy")
        try notes.snapshot(to: target)
        try notes.delete(where: .all([]))
        try notes.compact()
        #expect(failure { try notes.snapshot(to: target) }?.code == .usage)
        #expect(failure { try store.restore("notes", from: target) }?.code == .usage)
        #expect(try notes.count() == 0)

        let copy = try store.restore("copy", from: target)
        #expect(try copy.scan(count: 1000, withVectors: true) == items)
        #expect(try copy.search(query) == before)
        #expect(try copy.info().index?.count == 100)
        let replaced = try store.restore("notes", from: target, replacing: true)
        #expect(try replaced.scan(count: 1000, withVectors: true) == items)
        #expect(try store.collection("notes").search(query) == before)
        let files = try FileManager.default.contentsOfDirectory(
            atPath: folder.url.appending(path: "store/collections").path)
        #expect(Set(files) == ["notes", "copy"])
    }

    @Test func `a damaged snapshot is refused and what is there stays`() throws {
        let store = try folder.store()
        let notes = try store.create("notes", CollectionSettings(dimensions: 4))
        try notes.upsert(ItemBatch(numbers: 0..<1000, dimensions: 4))
        let target = folder.url.appending(path: "copy")
        try notes.snapshot(to: target)
        let file = target.appending(path: "kukla.sqlite")
        var bytes = try Data(contentsOf: file)
        for offset in stride(from: 5000, to: bytes.count, by: 4096) { bytes[offset] ^= 0xFF }
        try bytes.write(to: file)
        #expect(failure { try store.restore("notes", from: target, replacing: true) }?.code == .badData)
        #expect(try store.collection("notes").count() == 1000)
        #expect(failure { try store.restore("x", from: folder.url) }?.code == .missingFile)
        #expect(store.names.count == 1)
    }

    @Test func `a plan is fitted to a budget once there are enough items`() throws {
        struct Fitter: PlanFitter {
            func fit(
                _ vectors: Matrix, count: Int, bytesPerVector: Double, metric: Metric
            ) throws(KuklaError) -> FittedPlan {
                #expect(vectors.columns == 8 && vectors.rows == count && bytesPerVector == 8)
                return FittedPlan(
                    configuration: try .init(parsing: "HNSW8,SQ8"), effort: 17, report: Data("{}".utf8))
            }
        }
        let store = try folder.store { $0.fitter = Fitter() }
        let notes = try store.create(
            "notes", CollectionSettings(dimensions: 8, plan: .budget(bytesPerVector: 8, items: 50)))
        try notes.upsert(ItemBatch(numbers: 0..<40, dimensions: 8))
        #expect(try notes.compact().configuration?.description == "F32")
        try notes.upsert(ItemBatch(numbers: 40..<90, dimensions: 8))
        #expect(try notes.compact().configuration?.description == "HNSW8,SQ8")
        let file = try CollectionFile(#require(try folder.segments("notes").first))
        #expect(file.details.effort == 17 && file.plan == Data("{}".utf8))
        store.close()
        let again = try folder.store().collection("notes")
        try again.upsert(ItemBatch(numbers: 90..<100, dimensions: 8))
        let report = try again.compact()
        #expect(report.configuration?.description == "HNSW8,SQ8" && !report.isRebuilt && report.count == 100)
        #expect(failure { try again.compact(rebuilding: true) }?.code == .usage)
    }
}
