import Foundation
import KuklaTestSupport
import Testing

/// Collections whose finer codes stay on disk, and `kukla train bidr`, which makes codecs for them.
@Suite struct TieredCommandTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try MainJobTests.vectors(folder, rows: 1000)
        try MainJobTests.vectors(folder, rows: 200, named: "queries.npy")
    }

    private func json(_ arguments: String...) throws -> [String: Any] {
        let done = try Command.run(arguments + ["--json"], in: folder.url)
        #expect(done.status == 0, "\(done.errors)")
        return try #require(
            try JSONSerialization.jsonObject(with: Data(done.output.utf8)) as? [String: Any])
    }

    @Test(arguments: ["PQ8x4fs", "HNSW6,SQ8", "IVF10,PQ8x4fs"])
    func `bytes in memory and on disk are told apart, and reads are counted`(found: String) throws {
        let factory = found + ",Tiered(F32,factor=6)"
        let built = try json("index", "vectors.npy", "--factory", factory, "-o", "c.kukla")
        #expect(built["file_bytes_per_vector"] as? Double == 128)
        let memory = try #require(built["bytes_per_vector"] as? Double)
        #expect(memory < 128)
        let info = try json("info", "c.kukla")
        #expect(info["bytes_per_vector"] as? Double == memory)
        #expect(info["file_bytes_per_vector"] as? Double == 128)
        #expect(try Command.run("info", "c.kukla", in: folder.url).output.contains("and 128 on disk"))
        let found = try json("search", "c.kukla", "--vectors", "queries.npy", "-k", "5")
        #expect(found["bytes_read_per_query"] as? Double == 3840.0)
        #expect((found["reads_per_query"] as? Double ?? 0) <= 30)
        let bench = try json("bench", "search", "c.kukla", "--queries", "queries.npy", "-k", "5")
        let points = try #require(bench["points"] as? [[String: Any]])
        #expect(points.allSatisfy { $0["bytes_read_per_query"] as? Double == 3840.0 })
    }

    @Test func `trained heads are indexed and searched by the vectors of the model`() throws {
        try Data((0..<200).map { "\($0)\t\($0)\n\($0)\t\($0 + 200)\n" }.joined().utf8).write(
            to: folder.url.appending(path: "pairs.tsv"))
        let trained = try json(
            "train", "bidr", "--queries", "queries.npy", "--documents", "vectors.npy", "--pairs", "pairs.tsv",
            "--code-bytes", "8", "--held-out", "40", "--epochs", "2", "--walk", "snow_sample", "-o", "heads")
        #expect(
            trained["coarse"] as? String == "HEAD32,OPQ8,PQ8" && trained["fine"] as? String == "HEAD32,F32")
        #expect(trained["bytes_per_vector"] as? Double == 8)
        #expect((trained["stages"] as? [String: Any])?.count == 3)
        let built = try json(
            "index", "vectors.npy", "--codec", "heads/coarse.safetensors", "--fine-codec",
            "heads/fine.safetensors", "-o", "c.kukla")
        #expect(built["plan"] as? String == "HEAD32,OPQ8,PQ8,Tiered(HEAD32,F32)")
        let found = try json("search", "c.kukla", "--vectors", "vectors.npy", "-k", "1")
        let own = try #require(found["answers"] as? [[String: Any]]).enumerated().count { row, answer in
            (answer["hits"] as? [[String: Any]])?.first?["id"] as? String == "\(row)"
        }
        #expect(own > 900, "\(own) of 1000 find themselves")
        let bad = try Command.run(
            "train", "bidr", "--queries", "queries.npy", "--documents", "vectors.npy", "--walk", "far", "-o",
            "other", in: folder.url)
        #expect(bad.status != 0 && bad.errors.contains("snow_sample"))
        try Data("1\t5000\n".utf8).write(to: folder.url.appending(path: "bad.tsv"))
        let outside = try Command.run(
            "train", "bidr", "--queries", "queries.npy", "--documents", "vectors.npy", "--pairs", "bad.tsv",
            "-o", "other", in: folder.url)
        #expect(outside.status != 0 && outside.errors.contains("below 1000"))
    }
}
