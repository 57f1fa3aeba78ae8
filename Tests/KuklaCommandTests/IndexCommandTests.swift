import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTestSupport
import Testing

/// `kukla index` with graphs and lists, `kukla index doctor`, `kukla bench search`, `kukla search --within`.
@Suite struct IndexCommandTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try MainJobTests.vectors(folder, rows: 1500)
        try MainJobTests.vectors(folder, rows: 60, named: "queries.npy")
    }

    private func run(_ arguments: String...) throws -> Command { try Command.run(arguments, in: folder.url) }

    private func json(_ command: Command) throws -> [String: Any] {
        #expect(command.status == 0, "\(command.errors)")
        return try #require(
            try JSONSerialization.jsonObject(with: Data(command.output.utf8)) as? [String: Any])
    }

    @Test(arguments: ["HNSW6,SQ8,Refine(F32)", "IVF30,F32"])
    func `a recall is asked for, reached, kept in the file and measured again`(_ factory: String) throws {
        let built = try json(
            run(
                "index", "vectors.npy", "--factory", factory, "--recall", "0.9", "--queries", "queries.npy",
                "-o", "c.kukla", "--json"))
        let effort = try #require(built["effort"] as? [String: Any])
        let chosen = try #require(effort["effort"] as? Int)
        #expect((effort["recall"] as? Double ?? 0) >= 0.9 && chosen >= 1)
        let info = try json(run("info", "c.kukla", "--json"))
        #expect((info["details"] as? [String: Any])?["effort"] as? Int == chosen)
        let bench = try json(
            run(
                "bench", "search", "c.kukla", "--queries", "queries.npy", "--efforts", "\(chosen),1000",
                "--format", "json", "--chart", "c.svg", "--threads", "1"))
        let points = try #require(bench["points"] as? [[String: Any]])
        #expect(points.map { $0["effort"] as? Int } == [chosen, 1000])
        #expect((points[0]["recall"] as? Double ?? 0) >= 0.9)
        #expect((points[1]["recall"] as? Double ?? 0) > 0.999)
        #expect(
            try String(contentsOf: folder.url.appending(path: "c.svg"), encoding: .utf8).contains("recall@10")
        )
        #expect(
            try run("bench", "search", "c.kukla", "--queries", "queries.npy").output.contains("recall@10"))
    }

    @Test func `an order of insertion changes the graph, not the ids`() throws {
        for order in ["given", "random", "lid-desc", "lid-asc"] {
            #expect(
                try run(
                    "index", "vectors.npy", "--factory", "HNSW6,F32", "--order", order, "-o", "\(order).kukla"
                )
                .status == 0)
            let found = try json(
                run("search", "\(order).kukla", "--vectors", "vectors.npy", "-k", "1", "--json"))
            let answers = try #require(found["answers"] as? [[String: Any]])
            let own = answers.enumerated().count { row, answer in
                (answer["hits"] as? [[String: Any]])?.first?["id"] as? String == "\(row)"
            }
            #expect(own > 1480, "\(order)")
        }
        #expect(
            try Data(contentsOf: folder.url.appending(path: "given.kukla"))
                != Data(contentsOf: folder.url.appending(path: "random.kukla")))
    }

    @Test func `all matches within a distance`() throws {
        #expect(
            try run("index", "vectors.npy", "--factory", "F32", "--metric", "l2", "-o", "c.kukla").status == 0
        )
        let near = try json(
            run("search", "c.kukla", "--vectors", "queries.npy", "--within", "0.01", "--json"))
        let far = try json(run("search", "c.kukla", "--vectors", "queries.npy", "--within", "1e9", "--json"))
        let counts = { (found: [String: Any]) in
            (found["answers"] as? [[String: Any]])?.map { ($0["hits"] as? [Any])?.count ?? -1 } ?? []
        }
        // The queries are the first of the vectors; distances to others are some thousand times this.
        #expect(counts(near) == [Int](repeating: 1, count: 60))
        #expect(counts(far) == [Int](repeating: 1500, count: 60))
    }

    @Test func `the doctor examines a collection and repairs a damaged graph`() throws {
        #expect(try run("index", "vectors.npy", "--factory", "HNSW6,F32", "-o", "c.kukla").status == 0)
        let found = try json(run("index", "doctor", "c.kukla", "--queries", "queries.npy", "--json"))
        let examination = try #require(found["examination"] as? [String: Any])
        #expect((examination["graph"] as? [String: Any])?["unreachable"] as? Int == 0)
        #expect((examination["advice"] as? [String])?.isEmpty == false)
        #expect(try run("index", "doctor", "c.kukla").output.contains("local dimension"))
        let url = folder.url.appending(path: "c.kukla")
        var bytes = try Data(contentsOf: url)
        // docs/collection-format.md: the table's offset stands at byte 24, a section's at byte 24 of its entry.
        func number(_ at: Int) -> Int { (0..<8).reversed().reduce(0) { $0 << 8 | Int(bytes[at + $1]) } }
        let entry = try #require(
            stride(from: number(24), to: bytes.count, by: 64).first {
                bytes[$0..<$0 + 6] == Data("graph\0".utf8)
            })
        let offset = number(entry + 24)
        bytes[offset + 2] ^= 8
        try bytes.write(to: url)
        #expect(
            try run("search", "c.kukla", "--vectors", "queries.npy").failed(
                2, "c.kukla", "'graph'", "--repair"))
        #expect(try run("index", "doctor", "c.kukla", "--repair", "-o", "whole.kukla").status == 0)
        #expect(try run("search", "whole.kukla", "--vectors", "queries.npy", "-k", "3").status == 0)
    }

    @Test func `sets of vectors are indexed and searched by late interaction`() throws {
        // 300 sets of five vectors.
        let lengths = try NPYWriter(
            folder.url.appending(path: "vectors.lengths.npy"), dimensions: 1, elementType: .int32)
        try lengths.append(Matrix(rows: 300, columns: 1, elements: [Float](repeating: 5, count: 300)))
        try lengths.commit()
        try Data((0..<300).map { "set \($0)\n" }.joined().utf8).write(
            to: folder.url.appending(path: "texts.txt"))
        let built = try json(
            run(
                "index", "vectors.npy", "--multi-vector", "--factory", "FDE10x4x16,SQ8,MaxSim(candidates=50)",
                "--texts", "texts.txt", "-o", "c.kukla", "--json"))
        #expect(built["count"] as? Int == 300 && built["dimensions"] as? Int == 32)
        let found = try json(run("search", "c.kukla", "--vectors", "vectors.npy", "-k", "1", "--json"))
        let answers = try #require(found["answers"] as? [[String: Any]])
        let own = answers.enumerated().count { row, answer in
            let hit = (answer["hits"] as? [[String: Any]])?.first
            return hit?["id"] as? String == "\(row)" && hit?["text"] as? String == "set \(row)"
        }
        #expect(answers.count == 300 && own > 290)
        #expect(
            try run("search", "c.kukla", "--vectors", "vectors.npy", "--effort", "9").failed(64, "--effort"))
        #expect(try run("index", "vectors.npy", "--factory", "F32", "-o", "f.kukla").status == 0)
        #expect(
            try run("search", "f.kukla", "--vectors", "queries.npy", "--candidates", "9").failed(
                64, "--candidates"))
        #expect(
            try run("index", "queries.npy", "--multi-vector", "--factory", "FDE10x4x16", "-o", "g.kukla")
                .failed(
                    2, "queries.lengths.npy"))
    }

    @Test func `requests that make no sense`() throws {
        #expect(
            try run("index", "vectors.npy", "--factory", "HNSW,F32", "-o", "c.kukla").failed(
                64, "HNSW", "HNSW16"))
        #expect(try run("index", "vectors.npy", "--factory", "IVF0,F32", "-o", "c.kukla").failed(64, "IVF0"))
        #expect(
            try run("index", "vectors.npy", "--factory", "IVF4000,F32", "-o", "c.kukla").failed(
                2, "4000", "1500"))
        #expect(
            try run("index", "vectors.npy", "--factory", "F32", "--recall", "0.9", "-o", "c.kukla").failed(
                64, "--recall", "HNSW16"))
        #expect(
            try run("index", "vectors.npy", "--factory", "HNSW6,F32", "--recall", "90", "-o", "c.kukla")
                .status == 64)
        #expect(
            try run(
                "index", "vectors.npy", "--factory", "HNSW6,F32", "--queries", "queries.npy", "-o", "c.kukla"
            ).status == 64)
        #expect(
            try run(
                "index", "vectors.npy", "--factory", "IVF9,F32", "--order", "random", "-o", "c.kukla"
            ).failed(64, "--order"))
        let lines = (0..<1500).map {
            $0 == 700 ? "{\"text\": \"x\"}" : "{\"id\": \"\($0)\", \"text\": \"x\"}"
        }
        try Data(lines.joined(separator: "\n").utf8).write(to: folder.url.appending(path: "some.jsonl"))
        #expect(
            try run(
                "index", "vectors.npy", "--factory", "F32", "--texts", "some.jsonl", "-o", "c.kukla"
            ).failed(2, "some.jsonl", "text 700"))
        #expect(try run("embed", "some.jsonl", "--multi-vector", "-o", "x.fvecs").status == 64)
        #expect(!folder.contents.contains("c.kukla"))
        #expect(try run("index", "vectors.npy", "--factory", "F32", "-o", "f.kukla").status == 0)
        #expect(
            try run("search", "f.kukla", "--vectors", "queries.npy", "--effort", "5").failed(
                64, "compares all"))
        #expect(
            try run("bench", "search", "f.kukla", "--queries", "queries.npy", "--efforts", "a").failed(
                64, "--efforts"))
        #expect(try run("index", "doctor", "f.kukla", "--repair", "-o", "g.kukla").failed(64, "F32"))
        #expect(try run("index", "doctor", "f.kukla", "--repair").status == 64)
    }
}
