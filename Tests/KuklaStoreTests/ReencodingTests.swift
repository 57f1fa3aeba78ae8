import Foundation
import KuklaFormats
import KuklaIndex
import KuklaNumerics
import KuklaStore
import KuklaTestSupport
import Testing

/// Bringing a collection over to another model.
@Suite struct ReencodingTests {
    let folder: TemporaryFolder
    let old, new: FakeModel

    init() throws {
        folder = try TemporaryFolder()
        old = try FakeModel("old", dimensions: 8)
        new = try FakeModel("new", dimensions: 12)
    }

    private var hidden: URL { folder.url.appending(path: "store/collections/.notes.reencoding") }

    /// A collection of the old model.
    private func notes(
        _ store: Store, _ numbers: Range<Int> = 0..<600, plan: String = "SQ8"
    ) throws -> StoredCollection {
        let notes = try store.create(
            "notes",
            CollectionSettings(
                dimensions: old.dimensions, plan: .factory(.init(parsing: plan)), model: "old"),
            vectorsBy: old.identity)
        try notes.upsert(old.items(numbers))
        return notes
    }

    private func ids(_ collection: StoredCollection, _ request: SearchRequest) throws -> [ItemID] {
        try collection.search(request).map(\.item.id)
    }

    @Test("the result is a collection that was built with the new model, under the old names and numbers")
    func equal() throws {
        let store = try folder.store()
        let before = try notes(store)
        try before.index(MetadataPath(parsing: "number"))
        try store.setAlias("live", to: "notes")
        try before.compact()
        try before.delete((100..<120).map { .number(UInt64($0)) })
        try before.upsert(old.items(stride(from: 0, to: 90, by: 9), version: 1))
        let items = try before.scan(count: 1000)
        let last = try before.info().operation

        let report = try store.reencode("live", with: new.reencoding())
        #expect(report.count == 580 && report.embedded == 580 && report.resumed == 0)
        #expect(report.dimensions == 12 && report.plan == "SQ8")
        #expect(report.heldSeconds < report.seconds)
        #expect(!FileManager.default.fileExists(atPath: hidden.path))
        let gone = failure { _ = try before.count() }
        #expect(gone?.message.contains("replaced") == true)

        let scratch = try store.create(
            "scratch",
            CollectionSettings(dimensions: 12, plan: .factory(.init(parsing: "SQ8")), model: "new"),
            vectorsBy: new.identity)
        try scratch.upsert(
            ItemBatch(
                ids: items.map(\.id), vectors: new.embed(items.compactMap(\.text)), texts: items.map(\.text),
                metadata: items.map(\.metadata)))
        try scratch.compact()
        for round in 0..<2 {
            let store = round == 0 ? store : try folder.store()
            defer { if round == 1 { store.close() } }
            let (notes, scratch) = (try store.collection("live"), try store.collection("scratch"))
            #expect(notes.settings == scratch.settings && notes.models == [new.identity])
            let (found, wanted) = (
                try notes.scan(count: 1000, withVectors: true),
                try scratch.scan(count: 1000, withVectors: true)
            )
            #expect(found.map(\.id) == wanted.map(\.id) && found.map(\.vector) == wanted.map(\.vector))
            #expect(found.map(\.text) == wanted.map(\.text))
            #expect(found.map(\.metadata) == wanted.map(\.metadata))
            #expect(found.map(\.sequence) == items.map(\.sequence))
            for text in ["item 7 word0 version0", "item 450 word2 version0", "version1 word3"] {
                for request in [
                    SearchRequest(vector: new.embed([text]).row(0), count: 10),
                    SearchRequest(text: text, count: 10),
                    SearchRequest(vector: new.embed([text]).row(0), text: text, count: 10),
                ] {
                    let (a, b) = (try notes.search(request), try scratch.search(request))
                    #expect(a.map(\.item.id) == b.map(\.item.id) && a.map(\.score) == b.map(\.score))
                }
            }
            let info = try notes.info()
            #expect(info.indexedPaths == ["number"] && info.operation == last && info.fresh == 0)
            if round == 0 { store.close() }
        }
        // No number is used twice.
        let again = try folder.store()
        defer { again.close() }
        let notes = try again.collection("notes")
        try notes.upsert(new.items([7], version: 2))
        #expect(try notes.items([.number(7)])[0].sequence == last + 1)
    }

    @Test(
        "metric and plan may be given anew; a plan that does not fit the new dimensions is refused before anything is done"
    )
    func settings() throws {
        let store = try folder.store()
        defer { store.close() }
        let notes = try notes(store, 0..<300, plan: "PQ8")
        let error = failure {
            try store.reencode("notes", with: try FakeModel("odd", dimensions: 9).reencoding())
        }
        #expect(
            error?.code == .usage && error?.message.contains("Give another plan") == true,
            "\(error?.message ?? "")")
        #expect(!FileManager.default.fileExists(atPath: hidden.path))
        #expect(try notes.count() == 300)
        var request = new.reencoding()
        request.metric = .squaredEuclidean
        request.plan = .factory(try .init(parsing: "HNSW8,F32"))
        try store.reencode("notes", with: request)
        let settings = try store.collection("notes").settings
        #expect(
            settings.metric == .squaredEuclidean && settings.dimensions == 12 && settings.plan == request.plan
        )
    }

    @Test("items without text are named, and nothing is done")
    func withoutText() throws {
        let store = try folder.store()
        defer { store.close() }
        let notes = try notes(store, 0..<20)
        try notes.upsert(
            ItemBatch(ids: [.text("bare"), .number(99)], vectors: Matrix(random: 2, 8, seed: 1)))
        let error = failure { try store.reencode("notes", with: new.reencoding()) }
        #expect(error?.code == .usage)
        for word in ["2 of its items have no text", "'bare'", "'99'"] {
            #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
        }
        #expect(!FileManager.default.fileExists(atPath: hidden.path))
        #expect(try store.collection("notes") === notes && notes.count() == 22)
        try notes.delete([.text("bare"), .number(99)])
        #expect(try store.reencode("notes", with: new.reencoding()).count == 20)
    }

    @Test("an item without text that is written meanwhile stops it; what was done is kept")
    func bareItemMeanwhile() throws {
        let store = try folder.store()
        defer { store.close() }
        let notes = try notes(store, 0..<300)
        let model = new
        var request = Reencoding(
            model: new.identity, modelName: "new", dimensions: 12
        ) { texts throws(KuklaError) in
            try notes.upsert(ItemBatch(ids: [.text("bare")], vectors: Matrix(random: 1, 8, seed: 1)))
            return model.embed(texts)
        }
        request.batch = 100
        let error = failure { try store.reencode("notes", with: request) }
        #expect(error?.message.contains("'bare'") == true, "\(error?.message ?? "")")
        try notes.delete([.text("bare")])
        let report = try store.reencode("notes", with: new.reencoding())
        #expect(report.count == 300 && report.resumed == 300 && report.embedded == 0)
    }

    @Test("a run that is stopped goes on where it was, and hears of what was written and deleted between")
    func resume() throws {
        let store = try folder.store()
        let before = try notes(store)
        let calls = Guarded(0)
        let error = failure {
            try store.reencode("notes", with: new.reencoding(batch: 50)) {
                calls.withLock {
                    $0 += 1; return $0 > 5
                }
            }
        }
        #expect(error?.code == .cancelled && error?.message.contains("kept") == true)
        let begun = try #require(try store.unfinishedReencoding(of: "notes"))
        #expect(begun.model == new.identity && begun.settings.dimensions == 12)
        #expect(store.unfinishedReencodings.map(\.description) == ["notes"])
        #expect(try before.count() == 600)
        // Nobody hears of these.
        try before.delete([.number(3), .number(599)])
        try before.upsert(old.items([4, 700], version: 1))
        store.close()

        let again = try folder.store()
        defer { again.close() }
        #expect(
            failure { try again.reencode("notes", with: try FakeModel("x", dimensions: 12).reencoding()) }?
                .message.contains(new.identity.short) == true)
        let report = try again.reencode("notes", with: new.reencoding(batch: 50))
        #expect(report.count == 599 && report.resumed == 248)
        #expect(report.embedded == 599 - 248)
        let notes = try again.collection("notes")
        let all = try notes.scan(count: 1000, withVectors: true)
        #expect(all.map(\.vector) == all.map { new.embed([$0.text ?? ""]).row(0) })
        #expect(try notes.items([.number(3), .number(599)]).isEmpty)
        #expect(try notes.items([.number(4)])[0].metadata["version"] == .integer(1))
        #expect(again.unfinishedReencodings.isEmpty)
    }

    @Test("what was done can be thrown away, or begun anew for another model")
    func givingUp() throws {
        let store = try folder.store()
        defer { store.close() }
        _ = try notes(store, 0..<100)
        func begin() {
            _ = failure { try store.reencode("notes", with: new.reencoding(batch: 10)) { true } }
        }
        begin()
        #expect(FileManager.default.fileExists(atPath: hidden.path))
        #expect(try store.giveUpReencoding(of: "notes"))
        #expect(!FileManager.default.fileExists(atPath: hidden.path))
        #expect(try !store.giveUpReencoding(of: "notes"))
        begin()
        let third = try FakeModel("third", dimensions: 6)
        var request = third.reencoding()
        #expect(failure { try store.check(request, of: "notes") }?.code == .usage)
        request.startsAnew = true
        try store.reencode("notes", with: request)
        #expect(try store.collection("notes").models == [third.identity])
        #expect(failure { _ = try store.giveUpReencoding(of: "nothing") }?.code == .usage)
        // A collection that goes takes what was begun with it.
        _ = failure { try store.reencode("notes", with: new.reencoding(batch: 10)) { true } }
        try store.drop("notes")
        #expect(!FileManager.default.fileExists(atPath: hidden.path))
    }

    @Test("what was copied of items that are gone as by a power cut is done again")
    func lostWrites() throws {
        let store = try folder.store()
        let before = try notes(store, 0..<200)
        let snapshot = folder.url.appending(path: "snapshot")
        try before.snapshot(to: snapshot)
        try before.upsert(old.items(200..<300))
        let calls = Guarded(0)
        _ = failure {
            try store.reencode("notes", with: new.reencoding(batch: 50)) {
                calls.withLock {
                    $0 += 1; return $0 > 6
                }
            }
        }
        store.close()
        // The database as it was before the last writes: the numbers that were lost are given to other items.
        let database = folder.url.appending(path: "store/collections/notes/kukla.sqlite")
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: database.path + suffix)
        }
        try FileManager.default.copyItem(at: snapshot.appending(path: "kukla.sqlite"), to: database)
        let again = try folder.store()
        defer { again.close() }
        try again.collection("notes").upsert(old.items(500..<600))
        let report = try again.reencode("notes", with: new.reencoding())
        #expect(report.count == 300 && report.resumed == 0 && report.embedded == 300)
        let all = try again.collection("notes").scan(count: 1000, withVectors: true)
        #expect(all.map(\.vector) == all.map { new.embed([$0.text ?? ""]).row(0) })
        #expect(all.last?.id == .number(599))
    }

    @Test("a model that fails or gives other vectors than it says leaves the collection as it is")
    func badModels() throws {
        let store = try folder.store()
        defer { store.close() }
        let notes = try notes(store, 0..<100)
        for kind in 0..<4 {
            let request = Reencoding(model: new.identity, modelName: "new", dimensions: 12) {
                texts throws(KuklaError) in
                switch kind {
                case 0: return Matrix(random: texts.count, 11, seed: 1)
                case 1: return Matrix(random: texts.count - 1, 12, seed: 1)
                // Without a direction that the cosine could compare.
                case 2: return Matrix(rows: texts.count, columns: 12)
                default: throw KuklaError(.badData, "The model is damaged.")
                }
            }
            #expect(failure { try store.reencode("notes", with: request) }?.code == .badData)
            #expect(try store.collection("notes") === notes && notes.count() == 100)
        }
        #expect(try store.reencode("notes", with: new.reencoding()).count == 100)
    }

    @Test("an empty collection changes its model, too")
    func empty() throws {
        let store = try folder.store()
        defer { store.close() }
        let notes = try notes(store, 0..<5)
        try notes.delete((0..<5).map { .number(UInt64($0)) })
        let report = try store.reencode("notes", with: new.reencoding())
        #expect(report.count == 0 && report.plan == nil)
        let now = try store.collection("notes")
        try now.upsert(new.items([1]))
        #expect(try now.scan(count: 2).map(\.sequence) == [6])
    }

    @Test(
        "while it goes on, the collection is neither dropped nor replaced nor re-encoded twice; closing the store stops it"
    )
    func busy() throws {
        let store = try folder.store()
        let notes = try notes(store)
        let snapshot = folder.url.appending(path: "snapshot")
        try notes.snapshot(to: snapshot)
        let outcome = Guarded<KuklaError?>(nil)
        let done = DispatchSemaphore(value: 0)
        let (calls, model) = (Guarded(0), new)
        var slow = Reencoding(model: new.identity, modelName: "new", dimensions: 12) {
            texts throws(KuklaError) in
            calls.withLock { $0 += 1 }
            Thread.sleep(forTimeInterval: 0.05)
            return model.embed(texts)
        }
        slow.batch = 5
        let request = slow
        Thread.detachNewThread {
            let error = failure { try store.reencode("notes", with: request) }
            outcome.withLock { $0 = error }
            done.signal()
        }
        // The second call comes after the first batch was written.
        while calls.withLock({ $0 }) < 2 { usleep(1000) }
        for attempt in [
            { try store.drop("notes") },
            { _ = try store.restore("notes", from: snapshot, replacing: true) },
            { _ = try store.reencode("notes", with: request) },
        ] {
            #expect(failure(attempt)?.message.contains("being re-encoded") == true)
        }
        let found = try notes.search(
            SearchRequest(vector: old.embed(["item 9 word2 version0"]).row(0), count: 1))
        #expect(found[0].item.id == .number(9))
        store.close()
        done.wait()
        #expect(outcome.withLock { $0?.code } == .cancelled)
        let again = try folder.store()
        defer { again.close() }
        #expect(again.unfinishedReencodings.count == 1)
        let report = try again.reencode("notes", with: new.reencoding())
        #expect(report.count == 600 && report.resumed > 0 && report.embedded == 600 - report.resumed)
    }

    @Test("writes, deletions and searches that go on meanwhile lose nothing")
    func concurrent() throws {
        let store = try folder.store { $0.maintenance = .background }
        defer { store.close() }
        _ = try notes(store, 0..<400)
        let (old, new) = (old, new)
        let isDone = Guarded(false)
        let expected = Guarded<[UInt64: Int]>(
            Dictionary(uniqueKeysWithValues: (0..<400).map { (UInt64($0), 0) }))
        let (rounds, searches, replaced) = (Guarded(0), Guarded(0), Guarded(0))

        /// Does `body` with the collection as it is; once more where it was replaced meanwhile.
        @Sendable func insisting(_ body: (StoredCollection) throws -> Void) {
            while true {
                do { return try body(try store.collection("notes")) } catch {
                    guard let error = error as? KuklaError, error.message.contains("replaced by another")
                    else {
                        Issue.record("\(error)")
                        return
                    }
                    replaced.withLock { $0 += 1 }
                }
            }
        }
        @Sendable func model(_ collection: StoredCollection) -> FakeModel {
            collection.settings.dimensions == 8 ? old : new
        }
        let report = Guarded<ReencodingReport?>(nil)
        let work: @Sendable (Int) -> Void = { worker in
            switch worker {
            case 0:
                var isBegun = false
                // After the others have begun, and until they have gone on with the new one.
                while rounds.withLock({ $0 }) < 3 || searches.withLock({ $0 }) < 3 { usleep(1000) }
                do {
                    let made = try store.reencode("notes", with: new.reencoding(batch: 16, pause: 0.004))
                    report.withLock { $0 = made }
                    isBegun = true
                } catch { Issue.record("\(error)") }
                let reached = rounds.withLock { $0 }
                while isBegun, rounds.withLock({ $0 }) < reached + 3 { usleep(1000) }
                isDone.withLock { $0 = true }
            case 1:
                var random = RandomSource(seed: 5)
                var version = 0
                while !isDone.withLock({ $0 }) {
                    version += 1
                    let chosen = (0..<4).map { _ in Int.random(in: 0..<500, using: &random) }
                    let numbers = Array(Set(chosen)).sorted()
                    let doomed = UInt64.random(in: 0..<500, using: &random)
                    insisting { try $0.upsert(model($0).items(numbers, version: version)) }
                    insisting { try $0.delete([.number(doomed)]) }
                    expected.withLock { expected in
                        for number in numbers { expected[UInt64(number)] = version }
                        expected[doomed] = nil
                    }
                    rounds.withLock { $0 += 1 }
                    usleep(500)
                }
            default:
                while !isDone.withLock({ $0 }) {
                    insisting { collection in
                        let query = model(collection).embed(["item 450 word2 version1"]).row(0)
                        let found = try collection.search(
                            SearchRequest(vector: query, text: "word3", count: 5))
                        #expect(found.count == 5)
                    }
                    searches.withLock { $0 += 1 }
                }
            }
        }
        // Threads of their own: a pool may have fewer than three.
        let workers = DispatchGroup()
        for worker in 0..<3 {
            workers.enter()
            Thread.detachNewThread {
                work(worker)
                workers.leave()
            }
        }
        workers.wait()
        let made = try #require(report.withLock { $0 })
        let notes = try store.collection("notes")
        #expect(notes.models == [new.identity])
        let all = try notes.scan(count: 1000, withVectors: true)
        var found: [UInt64: Int] = [:]
        for item in all {
            guard case .number(let id) = item.id, case .integer(let version) = item.metadata["version"] else {
                continue
            }
            found[id] = Int(version)
        }
        #expect(found == expected.withLock { $0 })
        #expect(all.map(\.vector) == all.map { new.embed([$0.text ?? ""]).row(0) })
        // Searches find what an index made anew finds.
        for text in all.prefix(5).compactMap(\.text) {
            var request = SearchRequest(vector: new.embed([text]).row(0), count: 10)
            request.candidates = 1000
            let before = try ids(notes, request)
            try notes.compact(rebuilding: true)
            #expect(try ids(notes, request) == before)
        }
        #expect(searches.withLock { $0 } > 0)
        print(
            "re-encoded beside writers: \(rounds.withLock { $0 }) rounds, \(searches.withLock { $0 }) searches, looked up again \(replaced.withLock { $0 }) times, writers held \(made.heldSeconds) of \(made.seconds) s, \(made.embedded) texts for \(made.count) items"
        )
    }
}
