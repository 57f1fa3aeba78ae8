import Foundation
import KuklaIndex
import KuklaNumerics
import KuklaStore
import KuklaTestSupport
import Testing

/// Items that come and go: what is held is what the items that are there need.
@Suite struct ChurnTests {
    let folder: TemporaryFolder
    private let dimensions = 8

    init() throws { folder = try TemporaryFolder() }

    @Test("memory for fresh items does not grow while they are replaced and deleted")
    func fresh() throws {
        let store = try folder.store()
        defer { store.close() }
        let notes = try store.create("notes", CollectionSettings(dimensions: dimensions))
        var most = 0
        for round in 0..<100 {
            let numbers = round * 20..<round * 20 + 20
            try notes.upsert(ItemBatch(numbers: numbers, dimensions: dimensions))
            // The same ones again, then those of an earlier round leave.
            try notes.upsert(ItemBatch(numbers: numbers, dimensions: dimensions, seed: 2))
            if round >= 5 {
                try notes.delete(((round - 5) * 20..<(round - 4) * 20).map { .number(UInt64($0)) })
            }
            most = max(most, try notes.info().freshBytes)
        }
        #expect(try notes.count() == 100)
        #expect(try notes.info().fresh == 100)
        // At most half of what is held is gone: 200 of 120 items before a round's delete, and the batch itself.
        #expect(most <= 4 * dimensions * 300, "\(most)")
        let batch = ItemBatch(numbers: 1980..<2000, dimensions: dimensions, seed: 2)
        for row in 0..<20 {
            let hit = try notes.search(SearchRequest(vector: batch.vectors.row(row), count: 1)).first
            #expect(hit?.item.id == batch.ids[row])
        }
    }

    @Test("an index most of whose items are gone is made again in the background")
    func deadIndex() throws {
        let store = try folder.store { $0.maintenance = .background }
        defer { store.close() }
        let notes = try store.create(
            "notes", CollectionSettings(dimensions: dimensions, plan: .factory(.init(parsing: "HNSW6,SQ8"))))
        try notes.upsert(ItemBatch(numbers: 0..<1000, dimensions: dimensions))
        try notes.compact()
        #expect(try notes.info().index?.count == 1000)
        try notes.delete((0..<600).map { .number(UInt64($0)) })
        var index = try notes.info().index
        for _ in 0..<200 where index?.count != 400 {
            Thread.sleep(forTimeInterval: 0.05)
            index = try notes.info().index
        }
        #expect(index?.count == 400)
        #expect(index?.deleted == 0)
    }

    @Test(
        "an index of codes that learn waits for as many vectors as they need, and compares exactly until then",
        arguments: [("SQ8", 2), ("PQ4x4", 16), ("PCA3,PQ3x4fs", 16), ("IVF20,SQ8", 20)])
    func few(plan: String, least: Int) throws {
        let store = try folder.store()
        defer { store.close() }
        let configuration = try IndexConfiguration(parsing: plan)
        let notes = try store.create(
            "notes", CollectionSettings(dimensions: dimensions, plan: .factory(configuration)))
        let batch = ItemBatch(numbers: 0..<least, dimensions: dimensions)
        try notes.upsert(ItemBatch(numbers: 0..<least - 1, dimensions: dimensions))
        #expect(try notes.compact().configuration?.description == "F32")
        let hit = try notes.search(SearchRequest(vector: batch.vectors.row(0), count: 1)).first
        #expect(hit?.item.id == batch.ids[0])
        try notes.upsert(ItemBatch(numbers: least - 1..<least, dimensions: dimensions))
        #expect(try notes.compact().configuration == configuration)
    }

    @Test("an index is made while all of its items are written again and again")
    func rewriting() throws {
        let store = try folder.store()
        defer { store.close() }
        let notes = try store.create(
            "notes", CollectionSettings(dimensions: dimensions, plan: .factory(.init(parsing: "SQ8"))))
        let batch = ItemBatch(numbers: 0..<2, dimensions: dimensions)
        try notes.upsert(batch)
        let isDone = Guarded(false)
        let writer = DispatchQueue(label: "writer")
        let problem = Guarded<(any Error)?>(nil)
        writer.async {
            while !isDone.withLock({ $0 }) {
                do { try notes.upsert(batch) } catch { problem.withLock { $0 = error } }
            }
        }
        for _ in 0..<150 { try notes.compact() }
        isDone.withLock { $0 = true }
        writer.sync {}
        #expect(problem.withLock { $0 } == nil)
        try notes.compact(rebuilding: true)
        #expect(try notes.info().index?.configuration.description == "SQ8")
        let hit = try notes.search(SearchRequest(vector: batch.vectors.row(1), count: 1)).first
        #expect(hit?.item.id == batch.ids[1])
    }
}
