import Foundation
import KuklaIndex
import KuklaNumerics
import KuklaStore
import KuklaTestSupport
import Testing

/// Kills a real process that writes with SIGKILL at random moments; what it had acknowledged must be there.
@Suite struct KilledWriterTests {
    private static let variable = "KUKLA_TEST_KILLED_WRITER"
    private static let dimensions = 16
    private static let ids = 400

    /// Version `version` of item `id`: all that is kept of it follows from the two.
    private static func item(_ id: Int, _ version: Int) -> ItemBatch {
        ItemBatch(
            ids: [.number(UInt64(id))],
            vectors: Matrix(random: 1, dimensions, seed: UInt64(id * 1_000_003 + version)),
            texts: ["version\(version) of item\(id)"], metadata: [["version": .integer(Int64(version))]])
    }

    private static func joined(_ items: [ItemBatch]) -> ItemBatch {
        ItemBatch(
            ids: items.flatMap(\.ids),
            vectors: Matrix(
                rows: items.count, columns: dimensions, elements: items.flatMap(\.vectors.elements)),
            texts: items.flatMap(\.texts), metadata: items.flatMap(\.metadata))
    }

    /// What is done in round `round`: deletions of some items, then new versions of others, in one batch.
    private static func round(_ round: Int) -> (deleted: [Int], written: [Int]) {
        var random = RandomSource(seed: UInt64(round))
        func some(_ count: Int) -> [Int] { (0..<count).map { _ in .random(in: 0..<ids, using: &random) } }
        return (round % 5 == 4 ? some(6) : [], Array(Set(some(.random(in: 1...40, using: &random)))).sorted())
    }

    private static func open(_ folder: String) throws -> Store {
        var options = StoreOptions(threads: 1)
        options.freshBytes = 100 * 4 * dimensions
        return try Store(URL(fileURLWithPath: folder), options: options)
    }

    /// The process that is killed: this test bundle, told by an environment variable to run this alone.
    @Test(.enabled(if: ProcessInfo.processInfo.environment[variable] != nil))
    func killedWriterChild() throws {
        let folder = try #require(ProcessInfo.processInfo.environment[Self.variable])
        let store = try Self.open(folder + "/store")
        let notes =
            try store.names.isEmpty
            ? store.create(
                "notes",
                CollectionSettings(
                    dimensions: Self.dimensions, plan: .factory(.init(parsing: "SQ8"))))
            : store.collection("notes")
        let log = try FileHandle(forWritingTo: URL(fileURLWithPath: folder + "/acknowledged"))
        var round = Int(log.seekToEndOfFile()) / 8
        // Whoever is to kill it may have gone itself.
        while getppid() != 1 {
            let (deleted, written) = Self.round(round)
            // Begins again where the log ends: the round in which the process was killed may be done already.
            try notes.delete(deleted.map { .number(UInt64($0)) })
            try notes.upsert(Self.joined(written.map { Self.item($0, round) }))
            withUnsafeBytes(of: UInt64(round)) { log.write(Data($0)) }
            round += 1
        }
    }

    /// The versions that items have after `rounds` rounds.
    private static func versions(after rounds: Int) -> [Int: Int] {
        var versions: [Int: Int] = [:]
        for round in 0..<rounds {
            let (deleted, written) = Self.round(round)
            for id in deleted { versions[id] = nil }
            for id in written { versions[id] = round }
        }
        return versions
    }

    private func kill(times: Int) throws {
        let folder = try TemporaryFolder()
        let log = folder.url.appending(path: "acknowledged")
        try Data().write(to: log)
        var random = SystemRandomNumberGenerator()
        var acknowledged = 0
        for _ in 0..<times {
            let process = Process.test("killedWriterChild", environment: [Self.variable: folder.url.path])
            try process.run()
            // From the first acknowledged write on: before that there is nothing to lose.
            let before = acknowledged
            let deadline = Date.now.addingTimeInterval(20)
            while try Data(contentsOf: log).count / 8 <= before, Date.now < deadline, process.isRunning {
                usleep(500)
            }
            usleep(.random(in: 0...120_000, using: &random))
            #expect(process.isRunning)
            Foundation.kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            acknowledged = try Data(contentsOf: log).count / 8
            #expect(acknowledged > before)
            try check(folder.url, acknowledged)
        }
    }

    /// Every acknowledged round is there, and the one after it wholly or not at all (its deletions may be there alone).
    private func check(_ folder: URL, _ acknowledged: Int) throws {
        let store = try Self.open(folder.appending(path: "store").path)
        let notes = try store.collection("notes")
        let items = try notes.scan(count: 100_000, withVectors: true)
        var found: [Int: Int] = [:]
        for item in items {
            guard case .number(let id) = item.id, case .integer(let version) = item.metadata["version"] else {
                Issue.record("half an item: \(item)")
                continue
            }
            found[Int(id)] = Int(version)
            let whole = Self.item(Int(id), Int(version))
            #expect(item.text == whole.texts[0] && item.vector == whole.vectors.row(0))
        }
        let before = Self.versions(after: acknowledged)
        var deleted = before
        for id in Self.round(acknowledged).deleted { deleted[id] = nil }
        let after = Self.versions(after: acknowledged + 1)
        #expect([before, deleted, after].contains(found), "after \(acknowledged) rounds")

        // The index, where there is one, and the full-text index say the same as the database.
        var random = RandomSource(seed: UInt64(acknowledged))
        notes.waitForCompaction()
        var requests: [SearchRequest] = []
        for item in items.shuffled(using: &random).prefix(5) {
            var request = SearchRequest(vector: item.vector, count: 10)
            request.candidates = 1000
            requests += [request, SearchRequest(text: item.text, count: 3)]
        }
        let found1 = try requests.map { try notes.search($0).map(\.item) }
        try notes.compact(rebuilding: true)
        let found2 = try requests.map { try notes.search($0).map(\.item) }
        #expect(found1 == found2)
        for (place, list) in found1.enumerated() {
            #expect(!list.isEmpty, "\(requests[place])")
        }
        store.close()
    }

    /// 20 times; with `KUKLA_SLOW_TESTS=1` 200 times.
    @Test(.enabled(if: ProcessInfo.processInfo.environment[variable] == nil))
    func `a writer that is killed loses nothing`() throws {
        try kill(times: ProcessInfo.processInfo.environment["KUKLA_SLOW_TESTS"] == nil ? 20 : 200)
    }
}
