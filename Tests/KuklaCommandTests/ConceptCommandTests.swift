import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTestSupport
import Testing

/// `kukla train sesa`, its vectors and what it says about them.
@Suite struct ConceptCommandTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try TinyModel.write(to: folder.url.appending(path: "model"))
        let lines = TinyModel.sentences(180).enumerated().map { i, text in
            "\(text)\t\(TinyModel.subjects[i % 6])|\(TinyModel.verbs[i / 6 % 5])"
        }
        try Data(lines.joined(separator: "\n").utf8).write(to: folder.url.appending(path: "texts.tsv"))
        try Data((TinyModel.sentences(30).joined(separator: "\n") + "\n").utf8)
            .write(to: folder.url.appending(path: "new.txt"))
    }

    private func run(_ arguments: String...) throws -> Command { try Command.run(arguments, in: folder.url) }

    private func json(_ command: Command) throws -> [String: Any] {
        #expect(command.status == 0, "\(command.errors)")
        return try #require(
            try JSONSerialization.jsonObject(with: Data(command.output.utf8)) as? [String: Any])
    }

    @Test(arguments: ["recurrent", "transformer"])
    func `names are learned, vectors are sparse and named, and an explanation adds up`(_ encoder: String)
        throws
    {
        let report = try json(
            run(
                "train", "sesa", "--labelled", "texts.tsv", "--model", "model", "-o", "named", "--encoder",
                encoder, "--epochs", encoder == "recurrent" ? "30" : "20", "--batch-size", "16",
                "--learning-rate",
                encoder == "recurrent" ? "0.01" : "0.003", "--units", "24", "--max-tokens", "20", "--json"))
        #expect(report["concepts"] as? Int == 11)
        let after = try #require(report["after"] as? [String: Double])
        #expect((after["top_concept"] ?? 0) > 0.9 && (after["auc"] ?? 0) > 0.75, "\(after)")

        let lines = try json(
            run("embed", "new.txt", "--model", "named", "-o", "new.jsonl", "--top-concepts", "2", "--json"))
        #expect(lines["dimensions"] as? Int == 11)
        let vectors = try VectorFile.readAll(folder.url.appending(path: "new.jsonl"))
        for row in 0..<vectors.rows {
            let values = vectors.row(row)
            #expect(values.allSatisfy { $0 >= 0 } && values.count { $0 > 0 } <= 2)
        }
        let text = try String(contentsOf: folder.url.appending(path: "new.jsonl"), encoding: .utf8)
        let first = try #require(text.split(separator: "\n").first)
        #expect(first.contains("\"concepts\": {") && first.contains("\"a man\": "))

        let explained = try json(
            run("explain", "--model", "named", "a man plays a guitar", "new.txt", "--json"))
        let parts = try #require(explained["contributions"] as? [[String: Any]])
        let sum = parts.reduce(0.0) { $0 + ($1["contribution"] as? Double ?? .nan) }
        #expect(abs(sum - (explained["cosine"] as? Double ?? .nan)) < 1e-12)
        let same = try json(
            run(
                "explain", "--model", "named", "a man plays a guitar today", "a man eats a box now", "--top",
                "1",
                "--json"))
        let best = try #require((same["contributions"] as? [[String: Any]])?.first)
        #expect(best["concept"] as? String == "a man")
        let info = try json(run("info", "named", "--json"))
        #expect(
            info["dimensions"] as? Int == 11 && (info["concepts"] as? [String])?.contains("a man") == true)
        #expect(try run("info", "named").output.contains("named dimensions"))
        let pairs = TinyModel.sentences(30).map { "\($0)\t\($0) again" }
        try Data(pairs.joined(separator: "\n").utf8).write(to: folder.url.appending(path: "pairs.tsv"))
        let judged = try json(
            run("eval", "pairs", "pairs.tsv", "--model", "named", "--top-concepts", "2", "--json"))
        #expect(judged["queries"] as? Int == 30)
        #expect(try run("eval", "sizes", "pairs.tsv", "--model", "named").failed(64, "named concepts"))
        #expect(try run("explain", "--model", "model", "a", "b").status == 64)
        #expect(
            try run("embed", "new.txt", "--model", "model", "--top-concepts", "2", "-o", "x.npy").status == 64
        )
    }

    @Test func `ESA needs no training, and finds its own articles`() throws {
        let articles = TinyModel.subjects.map { "\($0)\t\($0) \(TinyModel.verbs[$0.count % 5]) the sea" }
        try Data(articles.joined(separator: "\n").utf8).write(to: folder.url.appending(path: "articles.tsv"))
        let made = try run("train", "sesa", "--recipe", "esa", "--concepts", "articles.tsv", "-o", "esa")
        #expect(made.status == 0, "\(made.errors)")
        let explained = try json(
            run("explain", "--model", "esa", "two dogs", "dogs and a bird", "--json"))
        let best = try #require((explained["contributions"] as? [[String: Any]])?.first)
        #expect(best["concept"] as? String == "two dogs")
        let bare = try run(
            "train", "sesa", "--recipe", "esa", "--concepts", "new.txt", "-o", "esa2")
        #expect(bare.status == 2 && bare.errors.contains("no text"))
    }
}
