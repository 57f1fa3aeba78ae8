import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTestSupport
import Testing

/// `kukla index add` and `remove`, ids that stand twice, and runs that are killed.
@Suite struct CollectionChangeTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try MainJobTests.vectors(folder, rows: 900)
        let all = try VectorFile.readAll(folder.url.appending(path: "vectors.npy"))
        try write(all[rows: 0..<800], to: "old.npy")
        try write(all[rows: 800..<900], to: "new.npy")
        try texts(Array(0..<800), to: "old.jsonl")
        try texts(Array(800..<900), to: "new.jsonl")
    }

    private func write(_ vectors: Matrix, to name: String) throws {
        let writer = try NPYWriter(folder.url.appending(path: name), dimensions: vectors.columns)
        try writer.append(vectors)
        try writer.commit()
    }

    private func texts(_ ids: [Int], to name: String) throws {
        let lines = ids.enumerated().map { "{\"id\": \"p\($0.element)\", \"text\": \"text \($0.offset)\"}\n" }
        try Data(lines.joined().utf8).write(to: folder.url.appending(path: name))
    }

    @discardableResult
    private func run(_ arguments: String...) throws -> Command { try Command.run(arguments, in: folder.url) }

    private func json(_ command: Command) throws -> [String: Any] {
        #expect(command.status == 0, "\(command.errors)")
        return try #require(
            try JSONSerialization.jsonObject(with: Data(command.output.utf8)) as? [String: Any])
    }

    /// The first hit of every vector of `vectors`, as id and text.
    private func firstHits(_ collection: String, _ vectors: String) throws -> [String] {
        let found = try json(run("search", collection, "--vectors", vectors, "-k", "1", "--json"))
        return try #require(found["answers"] as? [[String: Any]]).map { answer in
            let hit = (answer["hits"] as? [[String: Any]])?.first
            return "\(hit?["id"] ?? "") \(hit?["text"] ?? "")"
        }
    }

    @Test(arguments: ["HNSW8,F32", "IVF8,SQ8", "PQ32x4fs,Refine(F32)"])
    func `items are added, replaced and removed`(factory: String) throws {
        try run("index", "old.npy", "--factory", factory, "--texts", "old.jsonl", "-o", "c.kukla")
        let added = try json(run("index", "add", "c.kukla", "new.npy", "--texts", "new.jsonl", "--json"))
        #expect(added["added"] as? Int == 100 && added["count"] as? Int == 900)
        let own = try firstHits("c.kukla", "new.npy").enumerated().count { $1 == "p\(800 + $0) text \($0)" }
        #expect(own >= 98, "\(own)")
        // The same once more is refused, or replaces itself.
        let again = try run("index", "add", "c.kukla", "new.npy", "--texts", "new.jsonl")
        #expect(again.failed(2, "'p800'", "--duplicates replace"))
        let replaced = try json(
            run(
                "index", "add", "c.kukla", "new.npy", "--texts", "new.jsonl", "--duplicates", "replace",
                "--json"))
        #expect(replaced["removed"] as? Int == 100 && replaced["count"] as? Int == 900)
        let removed = try json(
            run("index", "remove", "c.kukla", "--ids", "p800,p801,nobody", "-o", "d.kukla", "--json"))
        #expect(removed["removed"] as? Int == 2 && removed["missing"] as? [String] == ["nobody"])
        #expect(try firstHits("c.kukla", "new.npy").prefix(2).contains { $0.hasPrefix("p80") })
        let left = try firstHits("d.kukla", "new.npy")
        #expect(!left.contains { $0.hasPrefix("p800 ") || $0.hasPrefix("p801 ") })
        // All of them, then a search of nothing.
        try Data((0..<900).map { "p\($0)\n" }.joined().utf8).write(to: folder.url.appending(path: "all.txt"))
        let all = try json(run("index", "remove", "c.kukla", "--ids-from", "all.txt", "--json"))
        #expect(all["count"] as? Int == 0)
        #expect(try run("search", "c.kukla", "--vectors", "new.npy", "-k", "1").failed(64, "empty"))
        #expect(try run("info", "c.kukla").status == 0)
        #expect(
            try json(run("index", "add", "c.kukla", "new.npy", "--texts", "new.jsonl", "--json"))["count"]
                as? Int == 100)
        #expect(try run("search", "c.kukla", "--vectors", "new.npy", "-k", "101").failed(64, "101", "100"))
    }

    @Test func `an id that stands twice is refused, or the last one stays`() throws {
        var ids = Array(0..<800)
        ids[700] = 5
        ids[799] = 5
        try texts(ids, to: "twice.jsonl")
        func build(_ arguments: String...) throws -> Command {
            try Command.run(
                ["index", "old.npy", "--factory", "F32", "--texts", "twice.jsonl", "-o", "c.kukla", "--json"]
                    + arguments, in: folder.url)
        }
        #expect(try build().failed(2, "row 700 'p5'", "row 5", "--duplicates replace"))
        #expect(!folder.contents.contains("c.kukla"))
        #expect(try json(build("--duplicates", "replace"))["count"] as? Int == 798)
        let hits = try firstHits("c.kukla", "old.npy")
        #expect(hits[799] == "p5 text 799" && hits[6] == "p6 text 6")
        #expect(hits.count { $0.hasPrefix("p5 ") } < 5 && !hits.contains("p5 text 5"))
    }

    @Test func `what does not go together`() throws {
        try run("index", "old.npy", "--factory", "HNSW8,F32", "--texts", "old.jsonl", "-o", "named.kukla")
        try run("index", "old.npy", "--factory", "HNSW8,F32", "-o", "plain.kukla")
        try write(Matrix.normal(rows: 3, columns: 5, seed: 1), to: "narrow.npy")
        #expect(try run("index", "add", "named.kukla", "new.npy").failed(64, "--texts"))
        #expect(
            try run("index", "add", "plain.kukla", "new.npy", "--texts", "new.jsonl").failed(64, "no texts"))
        #expect(try run("index", "add", "plain.kukla", "narrow.npy").failed(2, "5 components", "32"))
        #expect(try run("index", "add", "none.kukla", "new.npy").failed(2, "none.kukla"))
        #expect(try run("index", "remove", "named.kukla").failed(64, "--ids"))
        #expect(try run("index", "remove", "named.kukla", "--ids", "x").errors.contains("Not there: x"))
        // Rows are names: those that come later follow.
        #expect(try run("index", "remove", "plain.kukla", "--ids", "0,799").status == 0)
        #expect(try run("index", "add", "plain.kukla", "new.npy").status == 0)
        #expect(try firstHits("plain.kukla", "new.npy").first == "800 ")
    }

    @Test func `a run that is killed leaves the old collection whole and nothing else`() throws {
        let build = [
            "index", "old.npy", "--factory", "HNSW16_300,F32", "--texts", "old.jsonl", "-o", "c.kukla",
        ]
        let add = ["index", "add", "c.kukla", "new.npy", "--texts", "new.jsonl", "--duplicates", "replace"]
        var random = RandomSource(seed: UInt64(Date.now.timeIntervalSince1970))
        for arguments in [build, add] {
            let start = ContinuousClock.now
            #expect(try Command.run(arguments, in: folder.url).status == 0)
            let whole = (ContinuousClock.now - start) / .seconds(1)
            let files = folder.contents
            let before = try json(run("info", "c.kukla", "--json"))
            #expect(
                ((before["details"] as? [String: Any])?["count"] as? Int) == (arguments == build ? 800 : 900))
            var killed = 0
            for _ in 0..<6 {
                killed +=
                    try Command.kill(
                        arguments, in: folder.url, after: whole * Double(random.uniform())) ? 1 : 0
                let info = try run("info", "c.kukla", "--json")
                #expect(info.status == 0 && !info.output.contains("\"is_intact\" : false"), "\(info.errors)")
                #expect(try firstHits("c.kukla", "old.npy").count == 800)
                // Between two names of the new file there is one moment in which it has both.
                #expect(folder.contents.filter { !$0.hasPrefix(".c.kukla.") } == files)
                #expect(folder.contents.count <= files.count + 1)
            }
            #expect(killed > 0)
            #expect(try Command.run(arguments, in: folder.url).status == 0)
            #expect(try run("info", "c.kukla").status == 0)
        }
    }

    @Test(arguments: ["graph-links", "graph-upper"])
    func `a flipped bit in a graph is named, and the graph built anew`(section: String) throws {
        try run("index", "old.npy", "--factory", "HNSW8,F32", "--texts", "old.jsonl", "-o", "c.kukla")
        let url = folder.url.appending(path: "c.kukla")
        var bytes = try Data(contentsOf: url)
        // docs/collection-format.md: the table's offset stands at byte 24, a section's at byte 24 of its entry.
        func number(_ at: Int) -> Int { (0..<8).reversed().reduce(0) { $0 << 8 | Int(bytes[at + $1]) } }
        let entry = try #require(
            stride(from: number(24), to: bytes.count, by: 64).first {
                bytes[$0..<$0 + section.count + 1] == Data("\(section)\0".utf8)
            })
        bytes[number(entry + 24) + 5] ^= 16
        try bytes.write(to: url)
        #expect(
            try run("search", "c.kukla", "--vectors", "new.npy").failed(
                2, "c.kukla", "'\(section)'", "kukla index doctor --repair"))
        #expect(
            try run("index", "add", "c.kukla", "new.npy", "--texts", "new.jsonl").failed(2, "'\(section)'"))
        #expect(try run("info", "c.kukla").failed(2, "'\(section)'"))
        #expect(try run("index", "doctor", "c.kukla", "--repair", "-o", "whole.kukla").status == 0)
        let own = try firstHits("whole.kukla", "old.npy").enumerated().count { $1 == "p\($0) text \($0)" }
        #expect(own >= 795, "\(own)")
        #expect(try run("info", "whole.kukla").status == 0)
    }
}
