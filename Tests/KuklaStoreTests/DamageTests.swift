import Foundation
import KuklaIndex
import KuklaNumerics
import KuklaStore
import KuklaTestSupport
import Synchronization
import Testing

/// What is derived is never trusted: a damaged index is named and made again, and searches are right all the while.
@Suite struct DamageTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private final class Sentences: Sendable {
        private let list = Mutex<[String]>([])
        var all: [String] { list.withLock { $0 } }
        func add(_ sentence: String) { list.withLock { $0.append(sentence) } }
    }

    /// Makes a collection, damages its index by `body`, and holds what a search finds then against what it found before.
    private func check(_ plan: String, _ what: String, _ body: (URL) throws -> Void) throws {
        let name = "c\(abs((plan + what).hashValue))"
        let store = try folder.store()
        var notes = try store.create(
            name, CollectionSettings(dimensions: 8, plan: .factory(.init(parsing: plan))))
        try notes.upsert(ItemBatch(numbers: 0..<300, dimensions: 8))
        try notes.compact()
        try notes.delete([.number(7), .number(8)])
        try notes.upsert(ItemBatch(numbers: 290..<310, dimensions: 8))
        var request = SearchRequest(vector: [1, -1, 1, -1, 1, -1, 1, -1], count: 10)
        request.candidates = 400
        let before = try notes.search(request)
        store.close()
        let file = try #require(try folder.segments(name).first)
        try body(file)

        let sentences = Sentences()
        let again = try folder.store { $0.report = { sentences.add($0) } }
        notes = try again.collection(name)
        #expect(sentences.all.count == 1, "\(what)")
        #expect(sentences.all.first?.contains(file.lastPathComponent) == true, "\(what): \(sentences.all)")
        #expect(try notes.info().index == nil)
        #expect(try notes.search(request) == before, "\(what)")
        try notes.compact()
        #expect(try notes.info().index?.count == 308)
        #expect(try notes.search(request) == before, "\(what)")
        #expect(try folder.segments(name).count == 1)
        again.close()
    }

    @Test(arguments: ["SQ8", "HNSW8,SQ8"]) func `a truncated index`(plan: String) throws {
        try check(plan, "truncated") { file in
            let bytes = try Data(contentsOf: file)
            try bytes.prefix(bytes.count / 2).write(to: file)
        }
        try check(plan, "empty") { try Data().write(to: $0) }
    }

    @Test(arguments: 0..<12) func `a bit that flipped`(place: Int) throws {
        try check("HNSW8,SQ8", "bit \(place)") { file in
            var bytes = try Data(contentsOf: file)
            // Not in the padding between sections, which nothing reads.
            let sections = try CollectionFile(file).sections.filter { $0.length > 0 }
            let section = sections[place % sections.count]
            bytes[section.offset + section.length * place / 12] ^= UInt8(1 << (place % 8))
            try bytes.write(to: file)
        }
    }

    @Test func `an index that is not there, or another one`() throws {
        try check("SQ8", "missing") { try FileManager.default.removeItem(at: $0) }
        try check("SQ8", "another") { file in
            let other = file.deletingLastPathComponent().appending(path: "other.kukla")
            let vectors = Matrix(random: 300, 8, seed: 77)
            let empty = try IndexConfiguration(parsing: "SQ8").makeIndex(on: vectors, metric: .cosine)
            let writer = try CollectionWriter(other, index: empty)
            try writer.append(vectors, ids: (1...300).map { .number($0) })
            try writer.finish()
            try FileManager.default.removeItem(at: file)
            try FileManager.default.moveItem(at: other, to: file)
        }
    }

    @Test func `a background rebuild mends the index without being asked`() throws {
        let store = try folder.store()
        let notes = try store.create(
            "notes", CollectionSettings(dimensions: 8, plan: .factory(.init(parsing: "SQ8"))))
        try notes.upsert(ItemBatch(numbers: 0..<300, dimensions: 8))
        try notes.compact()
        store.close()
        try Data().write(to: #require(try folder.segments("notes").first))
        let again = try folder.store { $0.maintenance = .background }
        let mended = try again.collection("notes")
        mended.waitForCompaction()
        #expect(try mended.info().index?.count == 300)
        again.close()
    }

    @Test func `a database that is damaged or missing is named`() throws {
        let store = try folder.store()
        try store.create("notes", CollectionSettings(dimensions: 8))
        store.close()
        let file = folder.url.appending(path: "store/collections/notes/kukla.sqlite")
        try Data(repeating: 7, count: 8192).write(to: file)
        let again = try folder.store()
        let error = failure { _ = try again.collection("notes") }
        #expect(error?.code == .badData && error?.message.contains("snapshot") == true, "\(error as Any)")
        try FileManager.default.removeItem(at: file)
        #expect(failure { _ = try again.collection("notes") }?.code == .missingFile)
        again.close()
    }

    @Test(.enabled(if: getuid() == 0)) func `a disk that is full loses nothing that was acknowledged`() throws
    {
        let disk = folder.url.appending(path: "disk")
        try FileManager.default.createDirectory(at: disk, withIntermediateDirectories: true)
        guard try Self.run("mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk.path) == 0 else { return }
        defer { _ = try? Self.run("umount", "-l", disk.path) }
        var options = StoreOptions(threads: 1)
        options.maintenance = .manual
        let store = try Store(disk.appending(path: "store"), options: options)
        let notes = try store.create("notes", CollectionSettings(dimensions: 64))
        var written = 0
        let error = failure {
            while written < 40_000 {
                try notes.upsert(ItemBatch(numbers: written..<written + 100, dimensions: 64))
                written += 100
            }
        }
        #expect(error?.code == .inputOutput, "\(error as Any)")
        #expect(try notes.count() == written && written > 0)
        #expect(try notes.search(SearchRequest(vector: [Float](repeating: 1, count: 64))).count == 10)
        #expect(failure { try notes.compact() }?.code == .inputOutput)
        #expect(failure { try notes.snapshot(to: disk.appending(path: "copy")) }?.code == .inputOutput)
        #expect(!FileManager.default.fileExists(atPath: disk.appending(path: "copy").path))
        store.close()
        let again = try Store(disk.appending(path: "store"), options: options)
        #expect(try again.collection("notes").scan(count: 100_000).count == written)
        again.close()
    }

    private static func run(_ arguments: String...) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }
}
