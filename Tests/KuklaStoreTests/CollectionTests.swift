import Foundation
import KuklaIndex
import KuklaNumerics
import KuklaStore
import KuklaTestSupport
import Testing

/// Writing and reading items, without searching.
@Suite struct CollectionTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test func `what was written is read again, also by another process`() throws {
        let ids: [ItemID] = [.text("a"), .number(7), .text("7"), .text("ünï/..")]
        let batch = ItemBatch(
            ids: ids, vectors: Matrix(rows: 4, columns: 2, elements: [1, 2, 3, 4, 5, 6, 7, 8]),
            texts: ["first", nil, "", "l'été \"x\""],
            metadata: [
                [
                    "year": .integer(9_007_199_254_740_993), "x": .real(0.1), "on": .boolean(true),
                    "no": .null,
                ],
                [:], ["nested": .object(["a\"b": .array([.integer(1), .string("z\n")])])], ["n": .string("")],
            ])
        let store = try folder.store()
        let report = try store.create("notes", CollectionSettings(dimensions: 2)).upsert(batch)
        #expect(report.inserted == 4 && report.replaced == 0)
        store.close()
        let notes = try folder.store().collection("notes")
        let found = try notes.items(ids + [.text("none")], withVectors: true)
        #expect(found.map(\.id) == ids)
        #expect(found.map(\.text) == batch.texts)
        #expect(found.map(\.metadata) == batch.metadata)
        #expect(found.map(\.vector) == [[1, 2], [3, 4], [5, 6], [7, 8]])
        #expect(found.map(\.sequence) == [1, 2, 3, 4])
    }

    @Test func `an item that is written again is replaced, and the last of a batch counts`() throws {
        let notes = try folder.store().create("notes", CollectionSettings(dimensions: 1))
        try notes.upsert(
            ItemBatch(ids: [.text("a"), .text("b")], vectors: Matrix(rows: 2, columns: 1, elements: [1, 2])))
        let report = try notes.upsert(
            ItemBatch(
                ids: [.text("a"), .text("c"), .text("a")],
                vectors: Matrix(rows: 3, columns: 1, elements: [3, 4, 5]), texts: ["old", "c", "new"]))
        #expect(report.inserted == 1 && report.replaced == 1)
        #expect(try notes.items([.text("a")], withVectors: true).first?.vector == [5])
        #expect(try notes.items([.text("a")]).first?.text == "new")
        #expect(try notes.count() == 3)
        #expect(try notes.search(SearchRequest(text: "old")).isEmpty)
    }

    @Test func `pages of a scan hold every item once, in either order`() throws {
        let notes = try folder.store().create("notes", CollectionSettings(dimensions: 3))
        try notes.upsert(ItemBatch(numbers: 0..<50, dimensions: 3))
        try notes.upsert(ItemBatch(ids: [.text("x"), .text("b")], vectors: Matrix(random: 2, 3, seed: 9)))
        try notes.upsert(ItemBatch(numbers: 10..<12, dimensions: 3))
        var byOperation: [StoredItem] = []
        while case let page = try notes.scan(after: .operation(byOperation.last?.sequence ?? 0), count: 7),
            !page.isEmpty
        { byOperation += page }
        #expect(byOperation.count == 52 && Set(byOperation.map(\.id)).count == 52)
        #expect(byOperation.suffix(2).map(\.id) == [.number(10), .number(11)])
        var byID: [ItemID] = []
        while case let page = try notes.scan(after: .id(byID.last), count: 7), !page.isEmpty {
            byID += page.map(\.id)
        }
        #expect(byID == (0..<50).map { .number($0) } + [.text("b"), .text("x")])
        let even = try notes.scan(count: 100, where: Filter(parsing: #"{"even": true}"#))
        #expect(even.count == 25)
    }

    @Test func `items are deleted by id and by filter`() throws {
        let notes = try folder.store().create("notes", CollectionSettings(dimensions: 3))
        try notes.upsert(ItemBatch(numbers: 0..<20, dimensions: 3))
        #expect(try notes.delete([.number(3), .number(99), .text("3")]).deleted == 1)
        #expect(try notes.delete(where: Filter(parsing: #"{"number": {"$gte": 10}}"#)).deleted == 10)
        #expect(try notes.count() == 9)
        #expect(try notes.items([.number(3)]).isEmpty)
        #expect(try notes.search(SearchRequest(text: "item", count: 100)).count == 9)
    }

    @Test func `a number of an operation is not used twice`() throws {
        let store = try folder.store()
        var notes = try store.create("notes", CollectionSettings(dimensions: 3))
        try notes.upsert(ItemBatch(numbers: 0..<5, dimensions: 3))
        try notes.compact()
        try notes.delete([.number(4)])
        store.close()
        notes = try folder.store().collection("notes")
        try notes.upsert(ItemBatch(numbers: 9..<10, dimensions: 3))
        #expect(try notes.items([.number(9)]).first?.sequence == 6)
        let hits = try notes.search(SearchRequest(vector: [1, 0, 0], count: 10))
        #expect(Set(hits.map(\.item.id)) == Set([0, 1, 2, 3, 9].map { .number($0) }))
    }

    @Test func `bad items are refused with a sentence, and nothing of the batch is written`() throws {
        let notes = try folder.store().create("notes", CollectionSettings(dimensions: 2))
        func refused(_ ids: [ItemID], _ elements: [Float], columns: Int = 2, text: String? = nil)
            -> KuklaError?
        {
            failure {
                try notes.upsert(
                    ItemBatch(
                        ids: ids,
                        vectors: Matrix(rows: ids.count, columns: columns, elements: elements),
                        texts: ids.map { _ in text }))
            }
        }
        #expect(refused([.text("a")], [1, 2, 3], columns: 3)?.message.contains("3 components") == true)
        #expect(refused([.text("a"), .text("b")], [1, 2, .nan, 1])?.message.contains("vector 1") == true)
        #expect(refused([.text("a")], [0, 0])?.code == .badData)
        #expect(refused([.text("")], [1, 2])?.code == .badData)
        #expect(refused([.text("a\0b")], [1, 2])?.message.contains("NUL") == true)
        #expect(refused([.text("a")], [1, 2], text: "x\0y")?.message.contains("NUL") == true)
        #expect(refused([.number(.max)], [1, 2])?.code == .badData)
        #expect(refused([.text(String(repeating: "i", count: 1025))], [1, 2])?.code == .badData)
        #expect(try notes.count() == 0)
        let half = try folder.store2().create(
            "half", CollectionSettings(dimensions: 2, vectorFormat: .float16))
        let tooLarge = failure {
            try half.upsert(
                ItemBatch(ids: [.text("a")], vectors: Matrix(rows: 1, columns: 2, elements: [1e6, 1])))
        }
        #expect(tooLarge?.code == .badData)
    }

    @Test func `float16 keeps the nearest half`() throws {
        let notes = try folder.store().create(
            "notes", CollectionSettings(dimensions: 2, metric: .squaredEuclidean, vectorFormat: .float16))
        try notes.upsert(
            ItemBatch(ids: [.text("a")], vectors: Matrix(rows: 1, columns: 2, elements: [0.1, 2049])))
        #expect(try notes.items([.text("a")], withVectors: true)[0].vector == [Float(Float16(0.1)), 2048])
    }
}

extension TemporaryFolder {
    /// A second store beside the first.
    func store2() throws -> Store {
        try Store(url.appending(path: "second"), options: StoreOptions(threads: 1))
    }
}
