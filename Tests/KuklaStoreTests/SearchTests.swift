import Foundation
import KuklaIndex
import KuklaNumerics
import KuklaStore
import KuklaTestSupport
import Testing

@Suite struct SearchTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// All items of a collection, compared one by one.
    private func exact(
        _ query: [Float], in collection: StoredCollection, count: Int, where filter: Filter? = nil
    ) throws -> [ItemID] {
        let items = try collection.scan(count: 100_000, where: filter, withVectors: true)
        func norm(_ x: [Float]) -> Float { x.reduce(0) { $0 + $1 * $1 }.squareRoot() }
        func score(_ x: [Float]) -> Float {
            switch collection.settings.metric {
            case .cosine: zip(query, x).reduce(0) { $0 + $1.0 * $1.1 } / (norm(query) * norm(x))
            case .innerProduct: zip(query, x).reduce(0) { $0 + $1.0 * $1.1 }
            case .squaredEuclidean: -zip(query, x).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
            }
        }
        return items.map { ($0.id, score($0.vector!)) }.sorted { $0.1 > $1.1 }.prefix(count).map(\.0)
    }

    /// Random writes, deletions and compactions; after each, searches must find what comparing all items finds.
    @Test(arguments: [
        ("F32", Metric.cosine, CollectionSettings.VectorFormat.float32),
        ("F32", .squaredEuclidean, .float16), ("SQ8", .innerProduct, .float32),
        ("PCA6,SQ8", .cosine, .float32),
        ("HNSW8,SQ8", .cosine, .float32), ("IVF4,SQ8,Refine(F16)", .squaredEuclidean, .float32),
    ])
    func `searches find what comparing all finds, wherever items are`(
        plan: String, metric: Metric, format: CollectionSettings.VectorFormat
    ) throws {
        let d = 8
        // So little memory that some items stay in the database.
        let change = { (options: inout StoreOptions) in options.freshBytes = 64 * 4 * d }
        var store = try folder.store(change)
        let settings = try CollectionSettings(
            dimensions: d, metric: metric, vectorFormat: format, plan: .factory(.init(parsing: plan)))
        var notes = try store.create("notes", settings)
        var random = RandomSource(seed: 7)
        var (saw, count) = ((fresh: false, index: false, unheld: false, dead: false), 0)
        for round in 0..<24 {
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1, 2:
                let first = Int.random(in: 0..<400, using: &random)
                let size = Int.random(in: 1...80, using: &random)
                try notes.upsert(
                    ItemBatch(numbers: first..<first + size, dimensions: d, seed: UInt64(round)))
            case 3:
                try notes.delete(
                    (0..<20).map { _ in .number(UInt64(Int.random(in: 0..<480, using: &random))) })
            case 4: try notes.compact(rebuilding: Bool.random(using: &random))
            default:
                store.close()
                store = try folder.store(change)
                notes = try store.collection("notes")
            }
            let info = try notes.info()
            saw.fresh = saw.fresh || info.fresh > 0
            saw.index = saw.index || info.index != nil
            saw.unheld = saw.unheld || info.unheld > 0
            saw.dead = saw.dead || (info.index?.deleted ?? 0) > 0
            count = try notes.count()
            #expect(info.fresh + info.unheld + (info.index.map { $0.count - $0.deleted } ?? 0) == count)
            let query = Matrix(random: 1, d, seed: UInt64(1000 + round)).row(0)
            for filter in [nil, try Filter(parsing: #"{"even": true, "number": {"$lt": 300}}"#)] {
                // All of the index are candidates: what is missed was lost.
                var request = SearchRequest(vector: query, count: 10, filter: filter)
                request.candidates = 1000
                if let index = info.index, index.configuration.structure != .flat { request.effort = 1000 }
                let found = try notes.search(request).map(\.item.id)
                #expect(
                    try found == exact(query, in: notes, count: 10, where: filter), "\(plan), round \(round)")
            }
        }
        #expect(saw.fresh && saw.index && saw.dead && saw.unheld && count > 0)
    }

    @Test func `scores are those of the vectors, not of codes`() throws {
        let notes = try folder.store().create(
            "notes", CollectionSettings(dimensions: 32, plan: .factory(.init(parsing: "B1"))))
        try notes.upsert(ItemBatch(numbers: 0..<300, dimensions: 32))
        let query = Matrix(random: 1, 32, seed: 3).row(0)
        let before = try notes.search(SearchRequest(vector: query, count: 3))
        try notes.compact()
        let after = try notes.search(SearchRequest(vector: query, count: 3))
        #expect(after.first?.item.id == before.first?.item.id)
        #expect(after.first?.score == before.first?.score)
        #expect(after.first.map { abs(1 - $0.score - $0.distance!) < 1e-6 } == true)
    }

    /// What is left out is what codes rule out: with codes near the vectors most candidates, with coarse ones none.
    @Test(arguments: [
        (plan: "SQ8", metric: Metric.cosine, most: 24), ("HNSW8,SQ8", .cosine, 24),
        ("SQ8", .squaredEuclidean, 24),
        ("SQ8", .innerProduct, 24), ("SQ4", .cosine, 72), ("PQ16", .cosine, 72), ("B1", .cosine, 72),
        ("B1", .innerProduct, 72), ("PCA24,SQ8", .squaredEuclidean, 72),
    ])
    func `fewer candidates are compared where codes are near, and as much is found`(
        plan: String, metric: Metric, most: Int
    ) throws {
        let d = 64
        let notes = try folder.store().create(
            "notes", CollectionSettings(dimensions: d, metric: metric, plan: .factory(.init(parsing: plan))))
        try notes.upsert(ItemBatch(numbers: 0..<3000, dimensions: d))
        try notes.compact()
        let queries = Matrix(random: 60, d, seed: 5)
        var (same, compared) = (0, 0)
        for row in 0..<60 {
            var request = SearchRequest(vector: queries.row(row), count: 10)
            let bounded = try notes.explain(request)
            request.candidates = 72
            let all = try notes.explain(request)
            same += Set(bounded.hits.map(\.item.id)).intersection(all.hits.map(\.item.id)).count
            compared += try #require(bounded.explanation.vectors)
            #expect(all.explanation.vectors == 72 && bounded.explanation.candidates == 72)
        }
        #expect(Double(same) >= 0.998 * 600, "\(plan): \(same) of 600")
        #expect(compared <= 60 * most, "\(plan): \(compared) of \(60 * 72)")
        print(plan, metric, same, compared)
    }

    @Test func `texts are found by their words, and both lists are fused`() throws {
        let notes = try folder.store().create("notes", CollectionSettings(dimensions: 2))
        try notes.upsert(
            ItemBatch(
                ids: [.text("fox"), .text("dog"), .text("both"), .text("none")],
                vectors: Matrix(rows: 4, columns: 2, elements: [1, 0, 0.9, 0.1, 0.8, 0.2, 0, 1]),
                texts: ["the quick fox", "a lazy dog", "Fox AND Dog (c++17)", nil],
                metadata: [["k": .integer(1)], ["k": .integer(2)], ["k": .integer(3)], [:]]))
        func ids(_ request: SearchRequest) throws -> [String] {
            try notes.search(request).map(\.item.id.description)
        }
        #expect(try ids(SearchRequest(text: "fox")) == ["fox", "both"])
        #expect(try ids(SearchRequest(text: "FOX dog")).first == "both")
        #expect(try ids(SearchRequest(text: "c++17")) == ["both"])
        for nonsense in ["\"", "AND", "text:*", "^ - +", "NEAR(", "!!!", "\u{0} x"] {
            _ = try notes.search(SearchRequest(text: nonsense))
        }
        #expect(failure { _ = try notes.search(SearchRequest(text: " \n")) }?.code == .usage)
        let filter = try Filter(parsing: #"{"k": {"$gte": 3}}"#)
        #expect(try ids(SearchRequest(text: "fox", filter: filter)) == ["both"])

        let hits = try notes.search(SearchRequest(vector: [1, 0], text: "dog", count: 4))
        // By vector: fox, dog, both, none; by text: dog, both (a longer text).
        #expect(hits.map(\.item.id.description) == ["dog", "both", "fox", "none"])
        #expect(hits[0].score == 1 / Float(62) + 1 / Float(61))
        #expect(hits[0].vectorRank == 2 && hits[0].textRank == 1 && hits[2].textRank == nil)
    }

    @Test func `bad requests are refused with a sentence`() throws {
        let notes = try folder.store().create("notes", CollectionSettings(dimensions: 2))
        func refused(_ request: SearchRequest) -> KuklaError? {
            failure { _ = try notes.search(request) }
        }
        #expect(try notes.search(SearchRequest(vector: [1, 0])).isEmpty)
        #expect(refused(SearchRequest())?.code == .usage)
        #expect(refused(SearchRequest(vector: [1, 0], count: 0))?.code == .usage)
        #expect(refused(SearchRequest(vector: [1]))?.message.contains("1 components") == true)
        #expect(refused(SearchRequest(vector: [.nan, 1]))?.code == .badData)
        #expect(refused(SearchRequest(vector: [0, 0]))?.code == .badData)
        try notes.upsert(ItemBatch(numbers: 0..<3, dimensions: 2))
        try notes.compact()
        var request = SearchRequest(vector: [1, 0])
        request.effort = 5
        #expect(refused(request)?.code == .usage)
        #expect(try notes.search(SearchRequest(vector: [1, 0], count: 10)).count == 3)
    }

    @Test func `many queries at once find what each finds alone`() throws {
        let notes = try folder.store().create(
            "notes", CollectionSettings(dimensions: 8, plan: .factory(.init(parsing: "SQ4"))))
        try notes.upsert(ItemBatch(numbers: 0..<200, dimensions: 8))
        try notes.compact()
        try notes.upsert(ItemBatch(numbers: 200..<260, dimensions: 8))
        let queries = Matrix(random: 9, 8, seed: 2)
        let together = try notes.search(queries, SearchRequest(count: 5))
        for row in 0..<9 {
            let alone = try notes.search(SearchRequest(vector: queries.row(row), count: 5))
            #expect(alone.map(\.item) == together[row].map(\.item))
            // Many queries are one matrix product, which sums in another order.
            #expect(zip(alone, together[row]).allSatisfy { abs($0.score - $1.score) < 1e-5 })
        }
    }

    @Test func `readers see whole states while a writer writes and the index is made`() throws {
        let store = try folder.store {
            $0.maintenance = .background; $0.freshBytes = 300 * 16
        }
        let notes = try store.create("notes", CollectionSettings(dimensions: 4))
        // Every batch writes the same ten items again: a search that finds fewer has seen half of one.
        try notes.upsert(ItemBatch(numbers: 0..<10, dimensions: 4))
        let problems = Guarded([String]())
        let isDone = Guarded(false)
        // Not threads of their own: one that ends with the last reference to a store takes the store down while its own queue is gone.
        let readers = DispatchGroup()
        for _ in 0..<2 {
            DispatchQueue.global().async(group: readers) {
                while !isDone.withLock({ $0 }) {
                    do {
                        let hits = try notes.search(SearchRequest(vector: [1, 1, 1, 1], count: 10))
                        if hits.count != 10 || Set(hits.map(\.item.id)).count != 10 {
                            problems.withLock { $0.append("\(hits.count) hits") }
                        }
                    } catch { problems.withLock { $0.append("\(error)") } }
                }
            }
        }
        for round in 0..<60 {
            try notes.upsert(ItemBatch(numbers: 0..<10, dimensions: 4, seed: UInt64(round)))
            if round % 20 == 9 { try notes.compact() }
        }
        isDone.withLock { $0 = true }
        readers.wait()
        let found = problems.withLock { $0 }
        #expect(found.isEmpty, "\(found.prefix(3))")
        store.close()
    }
}
