import Dispatch
import Foundation
import KuklaIndex
import KuklaNumerics
import KuklaStore
import KuklaTestSupport
import Testing

/// A large index is checked after opening: what is damaged in it is found, and is in no score until then.
@Suite struct BackgroundCheckTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Holds a check back until it is opened.
    private final class Gate: Sendable {
        private let semaphore = DispatchSemaphore(value: 0)
        func pass() {
            semaphore.wait()
            semaphore.signal()
        }
        func open() { semaphore.signal() }
    }

    /// Codes of more than a mebibyte: smaller sections are checked on opening whatever the store wants.
    private func make(_ plan: String, dimensions d: Int, items: Int) throws -> SearchRequest {
        let store = try folder.store()
        let notes = try store.create(
            "notes", CollectionSettings(dimensions: d, plan: .factory(.init(parsing: plan))))
        try notes.upsert(ItemBatch(numbers: 0..<items, dimensions: d))
        try notes.compact()
        try notes.delete([.number(7)])
        try notes.upsert(ItemBatch(numbers: items..<items + 10, dimensions: d))
        var request = SearchRequest(vector: try notes.items([.number(11)], withVectors: true)[0].vector)
        request.candidates = items
        store.close()
        return request
    }

    private func damage(_ place: Double) throws {
        let file = try #require(try folder.segments("notes").first)
        let section = try #require(try CollectionFile(file).sections.first { $0.name == "codes" })
        let handle = try FileHandle(forUpdating: file)
        let offset = UInt64(section.offset + Int(Double(section.length) * place))
        try handle.seek(toOffset: offset)
        let byte = try #require(try handle.read(upToCount: 1))
        try handle.seek(toOffset: offset)
        try handle.write(contentsOf: [byte[byte.startIndex] ^ 0x40])
        try handle.close()
    }

    @Test(arguments: [("F32", 64, 6000), ("SQ8", 128, 9000), ("HNSW8,SQ8", 128, 9000)])
    func `a damaged byte is found, and no score was ever wrong`(plan: String, d: Int, items: Int) throws {
        let request = try make(plan, dimensions: d, items: items)
        let sound = try folder.store { $0.checkedAtOnce = 0 }
        let before = try sound.collection("notes").search(request)
        try sound.collection("notes").check()
        #expect(try sound.collection("notes").search(request) == before)
        sound.close()
        // Byte 3 of a float is its exponent: item 11, the best, would score anything.
        try damage((Double(11 * d * 4) + 3) / Double(items * d * 4))

        let (gate, sentences) = (Gate(), Guarded([String]()))
        let store = try folder.store { options in
            options.checkedAtOnce = 0
            options.willCheck = { gate.pass() }
            options.report = { sentence in sentences.withLock { $0.append(sentence) } }
        }
        defer { store.close() }
        let notes = try store.collection("notes")
        #expect(sentences.withLock { $0 }.isEmpty)
        #expect(try notes.info().index?.isChecked == false)
        let meanwhile = try notes.search(request)
        // All that was found scores as it should; what the damage hides is replaced by what comes after it.
        #expect(meanwhile.count == 10)
        #expect(
            meanwhile.allSatisfy { hit in
                before.contains { $0.item == hit.item && $0.score == hit.score }
                    || hit.score <= before[9].score
            })
        gate.open()
        notes.waitForCheck()
        let found = sentences.withLock { $0 }
        #expect(found.count == 1 && found[0].contains("'codes'"), "\(found)")
        #expect(try notes.info().index == nil)
        #expect(try notes.search(request) == before)
        try notes.compact()
        #expect(try notes.info().index?.isChecked == true)
        #expect(try notes.search(request) == before)
    }

    @Test func `an index that grows is checked before`() throws {
        let request = try make("SQ8", dimensions: 128, items: 9000)
        try damage(0.7)
        let (gate, sentences) = (Gate(), Guarded([String]()))
        let store = try folder.store { options in
            options.checkedAtOnce = 0
            options.willCheck = { gate.pass() }
            options.report = { sentence in sentences.withLock { $0.append(sentence) } }
        }
        let notes = try store.collection("notes")
        #expect(try notes.compact().isRebuilt)
        #expect(sentences.withLock { $0.count } == 1)
        #expect(try notes.search(request).count == 10)
        gate.open()
        store.close()
    }

    @Test func `a collection that is closed while it is checked does not wait for the end`() throws {
        _ = try make("SQ8", dimensions: 128, items: 9000)
        let store = try folder.store { options in options.checkedAtOnce = 0 }
        _ = try store.collection("notes")
        store.close()
        let again = try folder.store { options in options.checkedAtOnce = 0 }
        let notes = try again.collection("notes")
        notes.waitForCheck()
        #expect(try notes.info().index?.isChecked == true)
        again.close()
    }

    @Test func `searches, writes and the check go on beside each other`() throws {
        _ = try make("SQ8", dimensions: 128, items: 9000)
        try damage(0.3)
        let sentences = Guarded([String]())
        let store = try folder.store { options in
            options.checkedAtOnce = 0
            options.maintenance = .background
            options.report = { sentence in sentences.withLock { $0.append(sentence) } }
        }
        let notes = try store.collection("notes")
        let query = Matrix(random: 1, 128, seed: 5).row(0)
        for number in 0..<20 {
            try notes.upsert(ItemBatch(numbers: number..<number + 3, dimensions: 128, seed: UInt64(number)))
            #expect(try notes.search(SearchRequest(vector: query, count: 10)).count == 10)
        }
        notes.waitForCheck()
        notes.waitForCompaction()
        #expect(sentences.withLock { $0.count } == 1)
        #expect(try notes.info().index?.isChecked == true)
        #expect(try notes.count() == 9010)
        store.close()
    }
}
