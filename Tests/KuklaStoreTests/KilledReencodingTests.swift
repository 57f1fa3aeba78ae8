import Foundation
import KuklaIndex
import KuklaNumerics
import KuklaStore
import KuklaTestSupport
import Testing

/// Kills a real process with SIGKILL while it brings a collection over from one model to another, back, and so on, beside a writer.
@Suite struct KilledReencodingTests {
    private static let variable = "KUKLA_TEST_KILLED_REENCODING"
    private static let ids = 300

    private static func models() throws -> [FakeModel] {
        [try FakeModel("one", dimensions: 8), try FakeModel("two", dimensions: 12)]
    }

    private static func open(_ folder: String) throws -> Store {
        var options = StoreOptions(threads: 1)
        options.freshBytes = 100 * 4 * 8
        return try Store(URL(fileURLWithPath: folder), options: options)
    }

    /// What is done in round `round`: an item is deleted, others get the round as their version.
    private static func round(_ round: Int) -> (deleted: Int, written: [Int]) {
        var random = RandomSource(seed: UInt64(round))
        let written = (0..<6).map { _ in Int.random(in: 0..<ids, using: &random) }
        return (.random(in: 0..<ids, using: &random), Array(Set(written)).sorted())
    }

    private static func model(of collection: StoredCollection) throws -> FakeModel {
        let models = try models()
        return models.first { collection.models == [$0.identity] } ?? models[0]
    }

    private static func count(_ log: URL) throws -> Int { try Data(contentsOf: log).count / 8 }

    /// The process that is killed: this test bundle, told by an environment variable to run this alone.
    @Test(.enabled(if: ProcessInfo.processInfo.environment[variable] != nil))
    func killedReencodingChild() throws {
        let folder = try #require(ProcessInfo.processInfo.environment[Self.variable])
        let store = try Self.open(folder + "/store")
        let models = try Self.models()
        let writes = try FileHandle(forWritingTo: URL(fileURLWithPath: folder + "/acknowledged"))
        let ends = try FileHandle(forWritingTo: URL(fileURLWithPath: folder + "/ends"))
        ends.seekToEndOfFile()
        Thread.detachNewThread {
            while true {
                do {
                    let now = try store.collection("notes").models
                    let begun = try store.unfinishedReencoding(of: "notes")?.model
                    let next = try #require(
                        models.first { begun == nil ? now != [$0.identity] : begun == $0.identity })
                    try store.reencode("notes", with: next.reencoding(batch: 32, pause: 0.003))
                    withUnsafeBytes(of: UInt64(1)) { ends.write(Data($0)) }
                } catch { fatalError("\(error)") }
            }
        }
        var round = Int(writes.seekToEndOfFile()) / 8
        // Whoever is to kill it may have gone itself.
        while getppid() != 1 {
            let (deleted, written) = Self.round(round)
            do {
                let notes = try store.collection("notes")
                try notes.delete([.number(UInt64(deleted))])
                try notes.upsert(Self.model(of: notes).items(written, version: round + 1))
            } catch let error as KuklaError where error.message.contains("replaced by another") { continue }
            withUnsafeBytes(of: UInt64(round)) { writes.write(Data($0)) }
            round += 1
            usleep(300)
        }
    }

    /// The versions that items have after `rounds` rounds.
    private static func versions(after rounds: Int) -> [Int: Int] {
        var versions = Dictionary(uniqueKeysWithValues: (0..<ids).map { ($0, 0) })
        for number in 0..<rounds {
            let (deleted, written) = round(number)
            versions[deleted] = nil
            for id in written { versions[id] = number + 1 }
        }
        return versions
    }

    /// 8 times; with `KUKLA_SLOW_TESTS=1` 100 times.
    @Test(.enabled(if: ProcessInfo.processInfo.environment[variable] == nil))
    func `a re-encoding that is killed loses no item and mixes no vectors`() throws {
        let times = ProcessInfo.processInfo.environment["KUKLA_SLOW_TESTS"] == nil ? 8 : 100
        let folder = try TemporaryFolder()
        let (log, ends) = (folder.url.appending(path: "acknowledged"), folder.url.appending(path: "ends"))
        for url in [log, ends] { try Data().write(to: url) }
        let first = try Self.models()[0]
        let store = try Self.open(folder.url.path + "/store")
        let notes = try store.create(
            "notes",
            CollectionSettings(
                dimensions: first.dimensions, plan: .factory(.init(parsing: "SQ8")), model: "one"),
            vectorsBy: first.identity)
        try notes.upsert(first.items(0..<Self.ids))
        store.close()
        var random = SystemRandomNumberGenerator()
        var (kills, resumed) = (0, 0)
        // On a slow machine none of the first ones may live to the end of a re-encoding.
        while try kills < times || (kills < 8 * times && (Self.count(ends) == 0 || resumed == 0)) {
            let process = Process.test("killedReencodingChild", environment: [Self.variable: folder.url.path])
            try process.run()
            let before = try Self.count(log)
            let deadline = Date.now.addingTimeInterval(20)
            while try Self.count(log) <= before, Date.now < deadline, process.isRunning { usleep(500) }
            usleep(.random(in: 0...300_000 * UInt32(1 + kills / times), using: &random))
            kills += 1
            #expect(process.isRunning)
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            #expect(try Self.count(log) > before)
            resumed += try check(folder.url.path + "/store", Self.count(log)) ? 1 : 0
        }
        let finished = try Self.count(ends)
        print("killed \(kills) times: \(finished) re-encodings ended, \(resumed) were left unfinished")
        #expect(finished > 0 && resumed > 0)
    }

    /// Every acknowledged round is there, and all vectors are of the model that the collection names. Says whether a re-encoding is unfinished.
    private func check(_ folder: String, _ acknowledged: Int) throws -> Bool {
        let store = try Self.open(folder)
        defer { store.close() }
        let notes = try store.collection("notes")
        let model = try Self.model(of: notes)
        #expect(notes.models == [model.identity] && notes.settings.dimensions == model.dimensions)
        let items = try notes.scan(count: 10_000, withVectors: true)
        var found: [Int: Int] = [:]
        for item in items {
            guard case .number(let id) = item.id, case .integer(let version) = item.metadata["version"] else {
                Issue.record("half an item: \(item)")
                continue
            }
            found[Int(id)] = Int(version)
            let whole = model.items([Int(id)], version: Int(version))
            #expect(item.text == whole.texts[0] && item.vector == whole.vectors.row(0))
        }
        let before = Self.versions(after: acknowledged)
        var deleted = before
        deleted[Self.round(acknowledged).deleted] = nil
        let after = Self.versions(after: acknowledged + 1)
        #expect([before, deleted, after].contains(found), "after \(acknowledged) rounds")
        try notes.check()
        notes.waitForCompaction()
        for item in items.shuffled().prefix(3) {
            var request = SearchRequest(vector: item.vector, count: 5)
            request.candidates = 1000
            #expect(try notes.search(request).first?.item.id == item.id)
        }
        return try store.unfinishedReencoding(of: "notes") != nil
    }
}
