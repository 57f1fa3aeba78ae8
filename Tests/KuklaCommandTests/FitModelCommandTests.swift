import Foundation
import KuklaFormats
import KuklaTestSupport
import Testing

/// `kukla fit --model`, and the plan's way through `embed`, `index` and `search`.
@Suite struct FitModelCommandTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try TinyModel.write(to: folder.url.appending(path: "model"))
        try write(
            TinyModel.sentences(300).enumerated().map { "{\"_id\": \"d\($0)\", \"text\": \"\($1)\"}" },
            "corpus.jsonl")
        try write(
            (0..<30).map { "{\"_id\": \"q\($0)\", \"text\": \"\(TinyModel.sentences(300)[$0 * 7])\"}" },
            "queries.jsonl")
        try write(["query-id\tcorpus-id\tscore"] + (0..<30).map { "q\($0)\td\($0 * 7)\t1" }, "qrels.tsv")
    }

    private func write(_ lines: [String], _ name: String) throws {
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: folder.url.appending(path: name))
    }

    private func run(_ arguments: String...) throws -> Command { try Command.run(arguments, in: folder.url) }

    /// Gives the model sizes that it says it was trained for.
    private func setSizes(_ sizes: [[Int]]) throws {
        let url = folder.url.appending(path: "model/config.json")
        var object = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
        object["kukla"] = [
            "method": "2dmse", "sizes": sizes.map { ["layers": $0[0], "dimensions": $0[1]] },
        ]
        try JSONSerialization.data(withJSONObject: object).write(to: url)
    }

    @Test func `layers, dimensions and codec are chosen together, and embed, index and search follow`() throws
    {
        try setSizes([[2, 16], [2, 8], [1, 16], [1, 8]])
        let fitted = try run(
            "fit", "--model", "model", "--corpus", "corpus.jsonl", "--budget", "8B", "--queries",
            "queries.jsonl", "--qrels", "qrels.tsv", "-o", "plan.json")
        #expect(fitted.status == 0, "\(fitted.errors)")
        #expect(
            fitted.output.contains("2x16") && fitted.output.contains("nDCG@10")
                && fitted.output.contains("layers and"))
        let plan = try #require(
            try JSONSerialization.jsonObject(
                with: Data(contentsOf: folder.url.appending(path: "plan.json"))) as? [String: Any])
        let model = try #require(plan["model"] as? [String: Any])
        let (layers, dimensions) = (
            try #require(model["layers"] as? Int), try #require(model["dimensions"] as? Int)
        )
        #expect((model["sizes"] as? [Any])?.count == 4 && plan["dimensions"] as? Int == dimensions)

        #expect(try run("embed", "corpus.jsonl", "--plan", "plan.json", "-o", "v.npy", "-q").status == 0)
        let byHand = try run(
            "embed", "corpus.jsonl", "--model", "model", "--dims", "\(dimensions)", "--layers", "\(layers)",
            "-o", "w.npy", "-q")
        #expect(byHand.status == 0)
        let vectors = try VectorFile.readAll(folder.url.appending(path: "v.npy"))
        #expect(vectors == (try VectorFile.readAll(folder.url.appending(path: "w.npy"))))
        let indexed = try run(
            "index", "v.npy", "--plan", "plan.json", "--texts", "corpus.jsonl", "-o", "c.kukla", "-q")
        #expect(indexed.status == 0, "\(indexed.errors)")
        let found = try run("search", "c.kukla", TinyModel.sentences(300)[21], "-k", "3")
        #expect(found.status == 0 && found.output.contains(TinyModel.sentences(300)[21]), "\(found.errors)")
        #expect(try run("info", "c.kukla").output.contains("\(layers) layers of it"))
    }

    @Test func `a model without sizes is fitted whole, in fewer and fewer dimensions`() throws {
        let fitted = try run(
            "fit", "--model", "model", "--corpus", "corpus.jsonl", "--budget", "16B", "--latency", "1s",
            "--sample", "120", "--json", "-q")
        #expect(fitted.status == 0, "\(fitted.errors)")
        let plan = try #require(
            try JSONSerialization.jsonObject(with: Data(fitted.output.utf8)) as? [String: Any])
        let model = try #require(plan["model"] as? [String: Any])
        #expect(model["texts"] as? Int == 300 && model["full_layers"] as? Int == 2)
        let sizes = try #require(model["sizes"] as? [[String: Any]])
        #expect(sizes.map { $0["layers"] as? Int } == [2, 2])
        #expect(Set(sizes.compactMap { $0["dimensions"] as? Int }) == [16, 8])
    }

    @Test func `what does not go together is told`() throws {
        #expect(try run("fit", "--model", "model", "--budget", "8B").status == 64)
        #expect(try run("fit", "v.npy", "--corpus", "corpus.jsonl", "--budget", "8B").status == 64)
        #expect(
            try run("fit", "--model", "model", "--corpus", "corpus.jsonl", "--latency", "0.000001ms").failed(
                2, "binds is latency", "embedding a query"))
        try setSizes([[3, 16]])
        #expect(
            try run("fit", "--model", "model", "--corpus", "corpus.jsonl", "--budget", "8B").failed(
                2, "config.json", "3x16"))
        try write(["{\"schema_version\": 2}"], "bad.json")
        #expect(try run("embed", "corpus.jsonl", "--plan", "bad.json", "-o", "x.npy").failed(2, "bad.json"))
        #expect(
            try run("embed", "corpus.jsonl", "--plan", "bad.json", "--dims", "3", "-o", "x.npy").status == 64)
        #expect(!folder.contents.contains("x.npy"))
    }
}
